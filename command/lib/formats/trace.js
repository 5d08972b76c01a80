// A program as a text trace (lib/trace.js), with its head. What a trace has no line for is left out: requests that were refused, growth,
// trims, marks, and blocks whose malloc is missing. Blocks that were there when a recording began are allocated first.
//
// The head names how many lines follow, so the text is kept until the end: some 12 bytes an operation.

'use strict';

const { NO_BLOCK } = require('../recorded.js');
const { KIND } = require('../recordings.js');
const { readAll } = require('../replay-file.js');

async function write(source, ledger, append, context) {
  const parts = [];
  let [ids, lines] = [0, 0];
  await readAll(source, context, (some) => {
    const { count, kind, block, size } = some;
    const part = [];
    for (let at = 0; at < count; at++) {
      ledger.add(some, at);
      const [is, id] = [kind[at], block[at]];
      if (is < KIND.block || is > KIND.realloc || id === NO_BLOCK) continue;
      ids = Math.max(ids, id + 1);
      if (is === KIND.free) part.push(`f ${id}\n`);
      else part.push(`${is === KIND.realloc ? 'r' : 'a'} ${id} ${size[at]}\n`);
    }
    lines += part.length;
    parts.push(part.join(''));
  });
  append(`0\n${ids}\n${lines}\n1\n`);
  for (const part of parts) append(part);
}

module.exports = { write };
