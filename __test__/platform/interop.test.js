'use strict';

// docs/interop.md says what the running Node does, if it has a column for this major version.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const PROBE = path.join(__dirname, '..', 'interop', 'probe.js');
const DOCUMENT = path.join(__dirname, '..', '..', 'docs', 'interop.md');

/** The document's tables, each as rows of cells, by their subject. */
function tables() {
  const lines = readFileSync(DOCUMENT, 'utf8').split('\n');
  const found = {};
  let rows;
  for (const line of lines) {
    if (!line.startsWith('| ') || line.startsWith('| -')) continue;
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [, kind] = cells[0].match(/^of (\w+)\(p\)$/) ?? [];
    if (kind) {
      rows = [];
      found[kind] = rows;
    }
    rows.push(cells);
  }
  return found;
}

/** Whether this Node is older than another of the same major version. */
const isOlderThan = (version) =>
  process.versions.node.localeCompare(version, 'en', { numeric: true }) < 0;

/** Whether a view is over a SharedArrayBuffer, as documented for newer versions. */
function isShared() {
  const heap = new Heap();
  const { buffer } = heap.view(heap.malloc(8));
  heap.close();
  return buffer instanceof SharedArrayBuffer;
}

test('docs/interop.md agrees with this Node, and no Buffer arrives as other bytes', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROBE], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const cells = JSON.parse(stdout.match(/^cells (.*)$/m)[1]);
  for (const [row, { buffer }] of Object.entries(cells)) {
    assert.match(buffer, /^(works|copies|moves|absent|refused: .*|untried: .*)$/, row);
  }
  const [major] = process.versions.node.split('.');
  for (const [kind, [heading, ...rows]] of Object.entries(tables())) {
    const column = heading.findIndex((name) => name.startsWith(`node ${major}.`));
    if (column === -1) return t.skip(`there is no column for Node ${major}`);
    const [, documentedVersion] = heading[column].split(' ');
    // The first row is structuredClone(view), which works on shared memory only.
    const isDocumentedShared = kind === 'view' && rows[0][column] === 'works';
    if (isOlderThan(documentedVersion) && !isShared() && isDocumentedShared) {
      t.diagnostic(`Node ${documentedVersion} can share views, and this version cannot yet`);
      continue;
    }
    const got = Object.fromEntries(Object.keys(cells).map((row) => [row, cells[row][kind]]));
    const documented = Object.fromEntries(rows.map((row) => [row[0].slice(1, -1), row[column]]));
    // Wine 8 has no TCP_KEEPALIVE, which every fetch asks for as it connects.
    const untried = Object.keys(got).filter((row) => got[row].startsWith('untried: '));
    for (const row of untried) {
      const why = `no ordinary Buffer can be sent here either: ${got[row]}`;
      await t.test(row, { skip: process.platform === 'win32' && why }, () => assert.fail(why));
      delete got[row];
      delete documented[row];
    }
    assert.deepEqual(got, documented, `${kind}: npm run test:package -- interop writes it anew`);
  }
});
