'use strict';

// docs/interop.md says what the running Node does, as far as it has a column for this major version.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');

const PROBE = path.join(__dirname, 'interop', 'probe.js');
const DOCUMENT = path.join(__dirname, '..', 'docs', 'interop.md');

/** The document's table as rows of cells. */
function table() {
  const lines = readFileSync(DOCUMENT, 'utf8').split('\n');
  const rows = lines.filter((line) => line.startsWith('| ') && !line.startsWith('| -'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('docs/interop.md agrees with this Node', (t) => {
  const [heading, ...rows] = table();
  const [major] = process.versions.node.split('.');
  const column = heading.findIndex((name) => name.startsWith(`node ${major}.`));
  if (column === -1) return t.skip(`there is no column for Node ${major}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROBE], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const cells = JSON.parse(stdout.match(/^cells (.*)$/m)[1]);
  const documented = rows.map((row) => [row[0].slice(1, -1), row[column]]);
  assert.deepEqual(cells, Object.fromEntries(documented), 'npm run test:interop writes it anew');
});
