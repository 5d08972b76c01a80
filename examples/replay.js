// Replays the allocations of a real program through MeMS and shows what the heap looked like.
//
//   node examples/replay.js [trace]     the traces are in bench/traces; the default is redis

'use strict';

const mems = require('@sambhav-gautam/osmemoryallocator');
const { SingleBar, Presets } = require('cli-progress');
const { Table } = require('console-table-printer');
const { readTrace, replay, traceNames } = require('../bench/trace.js');

/** Operations between two looks at the clock and the statistics. */
const CHUNK = 10_000;

/** Replays the whole trace with a progress bar on a terminal; returns the nanoseconds spent in it. */
function timedReplay(trace) {
  const bar = process.stdout.isTTY
    ? new SingleBar(
        { format: '  {bar} {percentage}%  {value}/{total} operations', clearOnComplete: false },
        Presets.rect,
      )
    : null;
  const live = new Array(trace.slots);
  let spent = 0n;
  bar?.start(trace.count, 0);
  for (let from = 0; from < trace.count; from += CHUNK) {
    const to = Math.min(from + CHUNK, trace.count);
    const begun = process.hrtime.bigint();
    replay(trace, live, from, to, mems);
    spent += process.hrtime.bigint() - begun;
    bar?.update(to);
  }
  bar?.stop();
  return Number(spent);
}

function show(name, value) {
  return { what: name, value: typeof value === 'number' ? value.toLocaleString('en-US') : value };
}

function main() {
  const name = process.argv[2] ?? 'redis';
  if (!traceNames().includes(name)) {
    console.error(`There is no trace "${name}". The traces are: ${traceNames().join(', ')}.`);
    process.exitCode = 1;
    return;
  }
  const trace = readTrace(name);
  console.log(`\nReplaying ${name}: ${trace.count.toLocaleString('en-US')} operations`);
  mems.init();
  const nanoseconds = timedReplay(trace);
  const { bytes, counts, peak, totals } = mems.stats();
  mems.verify();

  const table = new Table({
    shouldDisableColors: true,
    columns: [
      { name: 'what', title: name, alignment: 'left' },
      { name: 'value', title: 'value', alignment: 'right' },
    ],
  });
  table.addRows([
    show('calls (a realloc is two)', totals.malloc + totals.free),
    show(
      'ns a call, JavaScript included',
      (nanoseconds / (totals.malloc + totals.free)).toFixed(0),
    ),
    show('peak live bytes', peak.live),
    show('pages of 4096 bytes', counts.pages),
    show('main blocks', counts.mainBlocks),
    show('live blocks at the end', counts.live),
    show('holes at the end', counts.holes),
    show('largest hole, bytes', bytes.largestHole),
    show('mapped bytes / peak live bytes', (bytes.mapped / peak.live).toFixed(3)),
  ]);
  table.printTable();
  mems.finish();

  console.log(
    '\nA heap small enough to print: four blocks, the second freed, one that needs three pages.',
  );
  mems.init();
  const [, second] = [1000, 500, 250, 10_000].map((size) => mems.malloc(size));
  mems.free(second);
  mems.printStats();
  mems.finish();
}

main();
