'use strict';

// examples/pages: a server whose workers are killed keeps its pages. The load checks each page that it gets.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const LOAD = path.join(__dirname, '..', '..', 'examples', 'pages', 'load.mjs');
const TOO_OLD = Number(process.versions.node.split('.')[0]) < 20 && 'the load takes Node 20';

test('the hit rate of a server of pages survives kills of its workers', { skip: TOO_OLD }, () => {
  const args = ['--cache', 'mems', '--pages', '2000', '--kills', '4', '--seconds', '0.5'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [LOAD, ...args], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const rows = stdout
    .split('\n')
    .filter((line) => line.startsWith('| mems '))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  assert.deepEqual(
    rows.map(([, , phase, hitRate]) => [phase, hitRate]),
    ['before', 'during 4 kills', 'after'].map((phase) => [phase, '100.00 %']),
  );
  const [wrong, rendered] = [8, 10];
  for (const row of rows) assert.equal(row[wrong], '0');
  assert.equal(rows[0][rendered], '2,000', 'each page has been rendered once');
});
