// Makes the page of a report: the history of a program's heap, and small pictures of what policies make of it, in one HTML file.
//
// The page is built as the command is, with its script and styles (scripts/lib/pages.mjs); here comes what it shows: gzipped bytes as
// base64 in an element that no browser runs, so that nothing in a file can become part of the page's code.
//
// Costs: a replay for the history and one for each policy; some 80 bytes an operation of memory, and 200 with small pictures.

'use strict';

const { readFileSync } = require('node:fs');
const { gzipSync } = require('node:zlib');
const { setImmediate: turn } = require('node:timers/promises');
const { pagePath } = require('../library.js');
const { Failure } = require('./failure.js');
const { HistoryBuilder } = require('./history.js');
const { KIND } = require('./kinds.js');
const { escaped } = require('./markup.js');
const { bytes, count, plural } = require('./numbers.js');
const { Program } = require('./program.js');
const { checkedLimit } = require('./replay.js');
const { readAll } = require('./replay-file.js');
const { slice } = require('./slice.js');
const { withoutFolders } = require('./stack-text.js');
const { Tally } = require('./tally.js');
const { chooseWindows } = require('./windows.js');

/** Operations that a page has in full detail. */
const MOST_OPERATIONS = 10_000_000;
/** Pixels of the small pictures. */
const SMALL = { width: 400, height: 200 };
/** Points of the curves of a whole program. */
const POINTS = 1000;
const STEP = 1 << 14;

/** The code of pages, which the command shares. */
const load = () => import('../../pages/report/command.mjs');

/** The texts of the stacks that a history has, by their numbers. */
function stacksOf({ recording }, paths) {
  if (recording?.stacks !== true) return {};
  const texts = [...recording.stackTexts()].map(([number, text]) => {
    return [number, paths ? text : withoutFolders(text)];
  });
  return Object.fromEntries(texts);
}

/** What the numbers of the page differ in from those that the heap itself has said, as texts. */
function differences(history, stats, { Layout }) {
  if (stats === undefined) return [];
  const is = new Layout(history).go(history.operations);
  const pairs = [
    ['mapped bytes', is.mapped, stats.bytes.mapped],
    ['live bytes', is.live, stats.bytes.live],
    ['bytes asked for', is.requested, stats.bytes.requested],
    ['bytes in holes', is.holeBytes, stats.bytes.holes],
    ['the largest hole', is.largest, stats.bytes.largestHole],
    ['live blocks', is.blocks, stats.counts.live],
    ['holes', is.holes, stats.counts.holes],
    ['main blocks', is.mainBlocks, stats.counts.mainBlocks],
  ];
  return pairs
    .filter(([, here, there]) => there !== undefined && here !== there)
    .map(([name, here, there]) => `${name}: ${count(there)}, here ${count(here)}`);
}

/** Which numbers of a page may differ from the heap's own at every operation, and why; undefined if none do. */
function affectedOf({ inferred, options, policy }) {
  if (options.hardened) {
    return 'The heap is hardened: what guards its blocks, and blocks in quarantine, are drawn as holes. So at every operation live bytes, bytes in holes, the holes and the shares of them differ from the numbers of stats().';
  }
  if (inferred === undefined || policy !== 'segregated') return undefined;
  return `Where spans of size classes begin and end is not known, since ${inferred}. So at every operation the number of holes, the largest hole, external fragmentation and what is unusable may differ from those that the heap had.`;
}

/** Which numbers of a page the heap contradicts, and why; undefined if there are none. */
function contradictionOf({ builder, history, source }, page) {
  const wrong = differences(history, builder.stats() ?? source.recording?.stats, page);
  if (wrong.length === 0) return undefined;
  const where = history.operations === 0 ? 'The' : 'At the end the';
  const numbers = `${where} heap itself has other numbers than this page: ${wrong.join('; ')}.`;
  if (affectedOf(builder) !== undefined) return numbers;
  const why = builder.inferred === undefined ? '' : `, since ${builder.inferred}`;
  return `${numbers} Sizes and holes follow from the rules of the library${why}.`;
}

/** What the reader of a page has to know about it. With `isRefined`, holes and numbers are the heap's own. */
function notesOf(found, isRefined, page) {
  const { builder, source } = found;
  const notes = [];
  const { missing = 0, stats } = source.recording ?? {};
  if (missing > 0)
    notes.push(
      `${plural(missing, 'operation is', 'operations are')} missing: the disk was slower than the program, or that part of the file is damaged.`,
    );
  if (source.kind === 'recording' && stats === undefined) {
    notes.push('The recording was cut off: this is its beginning.');
  }
  if (!isRefined) notes.push(affectedOf(builder), contradictionOf(found, page));
  return notes.filter((note) => note !== undefined);
}

/** A small picture of a history: three bytes a pixel, each in an area of its own. */
function smallPicture(history, { FIRST_ADDRESS, NEVER, Raster, sizeValue }) {
  const { width, height } = SMALL;
  const { blocks, mains, operations } = history;
  const mapped = mains.size.reduce((sum, size) => sum + size, 0);
  const raster = new Raster(width, height);
  raster.clear();
  const view = {
    t0: 0,
    t1: operations + 1,
    a0: FIRST_ADDRESS,
    a1: FIRST_ADDRESS + Math.max(1, mapped),
  };
  const death = new Float64Array(mains.start.length).fill(NEVER);
  const ground = {
    count: death.length,
    address: mains.start,
    size: mains.size,
    birth: mains.from,
    death,
  };
  raster.draw(ground, view, [], true);
  raster.draw(blocks, view, Float32Array.from(blocks.size, sizeValue));
  raster.finish();
  const pixels = new Uint8Array(3 * width * height);
  [raster.coverage, raster.value, raster.ground].forEach((channel, at) => {
    for (let pixel = 0; pixel < channel.length; pixel++) {
      pixels[at * channel.length + pixel] = Math.round(255 * channel[pixel]);
    }
  });
  return { pixels, mapped };
}

/** A policy as the page shows it. */
function policyOf(history, peak, isMain, page) {
  const { pixels, mapped } = smallPicture(history, page);
  const { holes } = new page.Layout(history).go(history.operations);
  const perPeak = peak === 0 ? 0 : mapped / peak;
  const refused = history.refused.length + history.refusedBefore;
  return {
    pixels,
    row: { ...SMALL, policy: history.meta.policy, isMain, mapped, perPeak, holes, refused },
  };
}

/** Replays a program with another policy. */
async function replayWith(policy, { program, source, limit }, context, page) {
  const builder = new HistoryBuilder(page, source, { policy, limit });
  const bar = context.progress(program.events, policy);
  try {
    for (let from = 0; from < program.events; from += STEP) {
      const to = Math.min(program.events, from + STEP);
      const { kind, block, size, alignment, texts } = program;
      const part = (column) => column?.subarray(from, to);
      builder.add({
        count: to - from,
        kind: part(kind),
        block: part(block),
        size: part(size),
        alignment: part(alignment),
        texts,
      });
      bar.update(to);
      await turn();
    }
    return builder.finish({});
  } finally {
    bar.stop();
    builder.close();
  }
}

/** Live and mapped bytes over a whole program. */
function summaryOf(history, { NONE }) {
  const { operations, kinds, what, blocks, mains } = history;
  const summary = { moments: [], live: [], mapped: [] };
  let [live, mapped, grown] = [0, 0, 0];
  for (let at = 0; at < history.initial; at++) live += blocks.size[at];
  let most = live;
  for (let moment = 1; moment <= operations; moment++) {
    const which = what[moment - 1];
    const is = kinds[moment - 1];
    if (which !== NONE && is <= KIND.realloc) {
      if (is === KIND.free) live -= blocks.size[which];
      else live += blocks.size[which];
      if (is === KIND.realloc) live -= blocks.size[blocks.previous[which]];
    }
    while (grown < mains.from.length && mains.from[grown] <= moment) mapped += mains.size[grown++];
    most = Math.max(most, live);
    if (moment < (operations * (summary.moments.length + 1)) / POINTS && moment < operations)
      continue;
    summary.moments.push(moment);
    summary.live.push(most);
    summary.mapped.push(mapped);
    most = live;
  }
  return summary;
}

/** What is in the page of a history, and what is not. */
function windowsOf(found, most, page) {
  const { history, hasPictures } = found;
  const { operations } = history;
  if (operations <= most) return { windows: [{ from: 0, to: operations }] };
  const windows = chooseWindows(found, most, page);
  const inside = windows.reduce((sum, { from, to }) => sum + to - from, 0);
  return {
    windows,
    summary: summaryOf(history, page),
    leftOut: `The program has ${count(operations)} operations, which are too many for one page. ${plural(inside, 'of them is', 'of them are')} here, round the peak, growth and refused requests; the other ${plural(operations - inside, 'is', 'are')} only in the curves of the whole program${hasPictures ? ' and in the small pictures' : ''}.`,
  };
}

/** The parts of the page's data, packed. */
function packAll(found, most, page) {
  const { history, peak } = found;
  const { windows, ...rest } = windowsOf(found, most, page);
  const isWhole = rest.leftOut === undefined;
  const parts = windows.map(({ from, to }) => {
    const start = Math.max(0, Math.min(to, Math.max(from, peak)) - from);
    const part = isWhole ? history : slice(history, from, to, page);
    return page.pack({ ...part, meta: { ...part.meta, start } });
  });
  return { windows, parts, ...rest };
}

/** The built page, in which comments for the title and the data are left to fill in. */
function readTemplate() {
  try {
    return readFileSync(pagePath('report.html'), 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Failure('the page is not built: run npm run build.');
  }
}

/** The text of a page with this data. */
function fill(title, data) {
  const [head, rest] = readTemplate().split('<!-- title -->');
  const [body, end] = rest.split('<!-- data -->');
  const packed = gzipSync(data, { level: 9 }).toString('base64');
  const script = `<script type="text/plain" id="data">${packed}</script>`;
  return [head, escaped(title), body, script, end].join('');
}

/** The facts of the page's head, as [name, text]. */
function factsOf({ history, tally, source }) {
  const mapped = history.mains.size.reduce((sum, size) => sum + size, 0);
  const { begun, platform } = {
    begun: source.recording?.header.time,
    platform: source.recording?.header.platform,
  };
  return [
    ['policy', history.meta.policy],
    ['operations', count(history.operations)],
    ['peak', `${bytes(tally.peak.bytes)} asked for, in ${plural(tally.peak.blocks, 'block')}`],
    ['mapped', bytes(mapped)],
    ...(begun === undefined
      ? []
      : [['recorded', `${new Date(begun).toISOString().slice(0, 16).replace('T', ' ')} UTC`]]),
    ...(platform === undefined ? [] : [['on', platform]]),
  ];
}

/**
 * Makes the page of a source (lib/operations.js). `policies` are those of the small pictures; `limit` is the most bytes that a heap can
 * map; with `paths` the stacks keep the folders of their files; `most` is how many operations the page has in full. `refine`
 * adds to the history of a live heap what a snapshot does not have, and `notes` are more to say. Resolves to { html, result }.
 */
async function makePage(source, options, context) {
  const {
    policies = [],
    limit,
    paths = false,
    most = MOST_OPERATIONS,
    refine,
    notes = [],
  } = options;
  // Before minutes of work.
  if (limit !== undefined) checkedLimit(limit);
  readTemplate();
  const page = await load();
  // A trace has no policy of its own.
  const main = source.options?.policy ?? policies[0] ?? 'first-fit';
  const isOwn = source.kind === 'recording';
  const others = policies.filter((policy) => policy !== main);
  const program = others.length > 0 ? new Program() : undefined;
  const tally = new Tally();
  const builder = new HistoryBuilder(page, source, { policy: isOwn ? undefined : main, limit });
  try {
    await readAll(source, context, (some) => {
      tally.add(some);
      program?.add(some);
      builder.add(some);
    });
    const history = builder.finish({ stacks: stacksOf(source, paths) });
    refine?.(history);
    const found = {
      history,
      builder,
      source,
      tally,
      peak: tally.peak.operation,
      hasPictures: policies.length > 0,
    };
    const shown = [];
    for (const policy of policies) {
      const its =
        policy === main
          ? history
          : await replayWith(policy, { program, source, limit }, context, page);
      shown.push(policyOf(its, tally.peak.bytes, policy === main, page));
    }
    const { parts, ...rest } = packAll(found, most, page);
    const head = {
      name: source.name,
      operations: history.operations,
      facts: factsOf(found),
      notes: [...notesOf(found, refine !== undefined, page), ...notes],
      policies: shown.map(({ row }) => row),
      ...rest,
    };
    const data = page.joinParts(head, [...parts, ...shown.map(({ pixels }) => pixels)]);
    const { windows } = rest;
    return {
      html: fill(`${source.name} – MeMS report`, data),
      result: {
        name: source.name,
        kind: source.kind,
        operations: history.operations,
        policy: main,
        policies: shown.map(({ row }) => ({
          policy: row.policy,
          mapped: row.mapped,
          perPeak: row.perPeak,
          holes: row.holes,
          refused: row.refused,
        })),
        windows: rest.leftOut === undefined ? [] : windows,
        // The page has what is left out beside the curves that it is in.
        notes: [...(rest.leftOut === undefined ? [] : [rest.leftOut]), ...head.notes],
      },
    };
  } finally {
    builder.close();
  }
}

module.exports = { loadPages: load, makePage, MOST_OPERATIONS, replayWith };
