'use strict';

// Small inputs for the command: the files that the examples of its help pages name.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');

/** A trace in the text format of bench/traces, from calls such as 'a 0 100'. */
function traceText(calls) {
  const slots = 1 + Math.max(-1, ...calls.map((call) => Number(call.split(' ')[1])));
  return `0\n${slots}\n${calls.length}\n1\n${calls.map((call) => `${call}\n`).join('')}`;
}

/** Calls of a program that replaces small blocks of changing sizes, and lets an array grow. */
function program(rounds, most) {
  const calls = [];
  for (let at = 0; at < 50; at++) calls.push(`a ${at} ${16 + (at % 7) * 24}`);
  calls.push('a 50 64');
  for (let round = 0; round < rounds; round++) {
    const slot = (round * 17) % 50;
    calls.push(`f ${slot}`, `a ${slot} ${1 + ((round * 131) % most)}`);
    if (round % 25 === 24) calls.push(`r 50 ${64 * (round + 1)}`);
  }
  for (let at = 0; at < 50; at += 2) calls.push(`f ${at}`);
  return calls;
}

/** Records calls such as 'a 0 100' on a heap. */
function recordCalls(file, calls) {
  const heap = new Heap();
  heap.record(file);
  heap.mark('start');
  const blocks = [];
  for (const call of calls) {
    const [kind, id, size] = call.split(' ');
    if (kind === 'a') blocks[id] = heap.malloc(Number(size));
    else if (kind === 'r') blocks[id] = heap.realloc(blocks[id], Number(size));
    else heap.free(blocks[id]);
  }
  heap.stopRecording();
  heap.close();
}

/** Writes the files that examples name into a folder. */
function writeInputs(folder) {
  const write = (name, bytes) => writeFileSync(path.join(folder, name), bytes);
  write('app.rep.gz', gzipSync(traceText(program(400, 300))));
  write('before.rep', traceText(program(300, 200)));
  write('after.rep', traceText(program(300, 900)));
  const recording = path.join(folder, 'app.mems');
  recordCalls(recording, program(400, 300));
  // What a program leaves that was killed: all but the end.
  write('cut.mems', readFileSync(recording).subarray(0, -4));
  const heap = Heap.open(path.join(folder, 'pages.heap'));
  heap.roots.set('pages', heap.malloc(1000));
  heap.close();
  const cache = Heap.open(path.join(folder, 'cache.heap'));
  const pages = cache.map('pages', { encoding: 'string', maxBytes: 2 ** 20 });
  for (const name of ['/home', '/news', '/new']) pages.set(name, `<h1>${name}</h1>`);
  cache.close();
}

module.exports = { program, traceText, writeInputs };
