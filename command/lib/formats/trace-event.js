// A program as trace events, the JSON that Perfetto and chrome://tracing open: counters of live and mapped bytes, and marks and refused
// requests as instants.
//
// Times are those of the recording, which has one for 64 operations; without them an operation takes a microsecond. Counters have at most
// some MOST samples: the highest `live` of each part, so that no peak is lost.

'use strict';

const { KIND } = require('../recordings.js');
const { readAll } = require('../replay-file.js');

const MOST = 50_000;

async function write(source, ledger, append, context) {
  const { clock = false } = source.recording ?? {};
  const isRefused = (kind) => kind === KIND.refusedMalloc || kind === KIND.refusedRealloc;
  let separator = '';
  const put = (event) => {
    append(`${separator}${JSON.stringify({ pid: 1, tid: 1, ...event })}`);
    separator = ',\n';
  };
  append('{"displayTimeUnit":"ns","traceEvents":[\n');
  put({ ph: 'M', name: 'process_name', args: { name: source.name } });
  const sample = { ts: 0, live: 0, mapped: 0, operations: 0 };
  const flush = () => {
    if (sample.operations === 0) return;
    put({ ph: 'C', ts: sample.ts, name: 'live bytes', args: { bytes: sample.live } });
    put({ ph: 'C', ts: sample.ts, name: 'mapped bytes', args: { bytes: sample.mapped } });
    sample.operations = 0;
  };
  await readAll(source, context, (some) => {
    const interval = Math.ceil((source.expected ?? 0) / MOST);
    for (let at = 0; at < some.count; at++) {
      ledger.add(some, at);
      const { live, mapped, operation } = ledger;
      const ts = clock ? some.time[at] / 1000 : operation;
      const is = some.kind[at];
      if (is === KIND.mark || isRefused(is)) {
        const name = is === KIND.mark ? some.texts[some.size[at]] : `refused ${some.size[at]}`;
        put({ ph: 'i', ts, name, s: 'g', tid: 1 + some.thread[at] });
      }
      if (ts !== sample.ts && sample.operations >= interval) flush();
      sample.live = sample.operations === 0 ? live : Math.max(sample.live, live);
      Object.assign(sample, { ts, mapped, operations: sample.operations + 1 });
    }
  });
  // What is live at the end, whatever was before.
  flush();
  put({ ph: 'C', ts: sample.ts, name: 'live bytes', args: { bytes: ledger.live } });
  append('\n]}\n');
}

module.exports = { write };
