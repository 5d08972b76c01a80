// A program as comma-separated values: a line of names, then a line an operation. Cells that say nothing are empty. What was there when a
// recording began has the number 0.

'use strict';

const { NO_BLOCK } = require('../recorded.js');
const { readAll } = require('../replay-file.js');

const NAMES = [
  'main',
  'block',
  'malloc',
  'free',
  'realloc',
  'refused-malloc',
  'refused-realloc',
  'grow',
  'trim',
  'mark',
];
/** Kinds whose size is none. */
const NO_SIZE = ['free', 'trim', 'mark'];

async function write(source, ledger, append, context) {
  append('number,kind,address,size,block,live,mapped\n');
  await readAll(source, context, (some) => {
    const lines = [];
    for (let at = 0; at < some.count; at++) {
      ledger.add(some, at);
      const { operation, address, live, mapped } = ledger;
      const name = NAMES[some.kind[at]];
      const size = NO_SIZE.includes(name) ? '' : some.size[at];
      const id = some.block[at] === NO_BLOCK ? '' : some.block[at];
      lines.push(
        `${operation},${name},${address === 0 ? '' : address},${size},${id},${live},${mapped}\n`,
      );
    }
    append(lines.join(''));
  });
}

module.exports = { write };
