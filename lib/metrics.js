// Metrics of heaps as text for Prometheus: the table of them, and how it is written.
//
// Invariants: a metric has its two lines of description once, before the samples of all heaps; a counter never falls as long as its heap
// lives, so that no scrape looks like a restart; in each text live, quarantined and hole bytes make up the mapped ones, and mallocs minus
// frees are live blocks.
//
// Costs: those of stats(), with the system's question for resident pages unless that is turned off, and a walk over the heap's holes
// unless there are no sizes.

'use strict';

const binding = require('../binding.js');
const {
  checkedOptions,
  fail,
  hasOwn,
  isSize,
  refuseOthers,
  shown,
  wrongType,
} = require('./arguments.js');
const { HeapMap } = require('./heap-map.js');
const { copyOf } = require('./lists.js');
const { statsOf } = require('./stats.js');
const { forUsable } = require('./usable-heaps.js');

/** The sizes for which it is said how much of the holes is too small for them, unless others are given. */
const SIZES = [64, 1024, 65_536];

const gauge = (name, help, read, label) => ({ name, type: 'gauge', help, read, label });
const counter = (name, help, read) => ({ name, type: 'counter', help, read });

/**
 * The table of metrics: name, description, and how a heap's value is read, which is undefined if the heap has none. A metric with a
 * label has pairs of the label's value and a number instead.
 */
const METRICS = [
  gauge('mems_mapped_bytes', 'Bytes in main blocks', ({ bytes }) => bytes.mapped),
  gauge('mems_live_bytes', 'Bytes in live blocks', ({ bytes }) => bytes.live),
  gauge(
    'mems_requested_bytes',
    'Bytes in live blocks that were asked for',
    ({ bytes }) => bytes.requested,
  ),
  gauge(
    'mems_quarantined_bytes',
    'Bytes in freed blocks that cannot be allocated again yet',
    ({ bytes }) => bytes.quarantined,
  ),
  gauge('mems_hole_bytes', 'Bytes in holes', ({ bytes }) => bytes.holes),
  gauge('mems_largest_hole_bytes', 'Length of the largest hole', ({ bytes }) => bytes.largestHole),
  gauge(
    'mems_resident_bytes',
    'Bytes in main blocks that are in physical memory',
    ({ bytes }) => bytes.resident,
  ),
  gauge(
    'mems_metadata_bytes',
    'Bytes of bookkeeping, outside of main blocks',
    ({ bytes }) => bytes.metadata,
  ),
  gauge(
    'mems_limit_bytes',
    'Most bytes that main blocks may have, if there is a limit',
    ({ limit }) => limit,
  ),
  gauge('mems_live_blocks', 'Live blocks', ({ counts }) => counts.live),
  gauge('mems_holes', 'Holes', ({ counts }) => counts.holes),
  gauge('mems_main_blocks', 'Main blocks', ({ counts }) => counts.mainBlocks),
  gauge(
    'mems_unusable_holes_ratio',
    'Share of the bytes in holes that are in holes smaller than a size',
    ({ unusable }) => unusable,
    'size',
  ),
  gauge(
    'mems_external_fragmentation_ratio',
    'Share of the bytes in holes that are not in the largest hole',
    ({ fragmentation }) => fragmentation.external,
  ),
  counter('mems_mallocs_total', 'Blocks that were allocated', ({ counters }) => counters.mallocs),
  counter('mems_frees_total', 'Blocks that were freed', ({ counters }) => counters.frees),
  counter(
    'mems_allocated_bytes_total',
    'Bytes of blocks that were allocated',
    ({ counters }) => counters.allocated,
  ),
  counter(
    'mems_failed_mallocs_total',
    'Requests that were refused for want of memory',
    ({ counters }) => counters.refusals,
  ),
  counter(
    'mems_grows_total',
    'Times that the heap has got more memory in main blocks',
    ({ counters }) => counters.grows,
  ),
  counter(
    'mems_trims_total',
    'Times that free pages were given back to the system',
    ({ counters }) => counters.trims,
  ),
];

/** What was last said of the counters of heaps. */
const said = new HeapMap();

/** The counters of a heap of which nothing was said yet, and `more`: what is added to its mallocs and frees. */
const NOTHING = { mallocs: 0, frees: 0, allocated: 0, refusals: 0, grows: 0, trims: 0, more: 0 };

/**
 * The counters of a heap, of which none is less than it was. One could be: a call that fails takes back what it has done, and while
 * other threads work, their mallocs and frees are not of one moment. Mallocs and frees rise together, so that their difference stays.
 */
function risen(id, { totals, events }) {
  const last = said.get(id) || NOTHING;
  const more = Math.max(last.more, last.mallocs - totals.malloc, last.frees - totals.free);
  const counters = {
    mallocs: totals.malloc + more,
    frees: totals.free + more,
    allocated: Math.max(last.allocated, totals.allocatedBytes),
    refusals: Math.max(last.refusals, events.outOfMemory),
    grows: Math.max(last.grows, events.grow),
    trims: Math.max(last.trims, events.trim),
    more,
  };
  said.set(id, counters);
  return counters;
}

/** All that the table takes of a heap. */
function figuresOf(heap, { sizes, resident }) {
  const { id, limit } = binding.heapState(heap);
  const stats = statsOf(heap, { resident });
  const shares = sizes.length === 0 ? [] : binding.unusableShares(heap, sizes);
  const unusable = shares.map((share, at) => [sizes[at], share]);
  return { ...stats, limit, unusable, counters: risen(id, stats) };
}

const ESCAPES = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** A label's value as Prometheus reads it. */
const escaped = (text) => text.replace(/[\\"\n]/g, (character) => ESCAPES[character]);

/** The samples of a metric, a line for each. `heaps` are pairs of a name and its figures. */
function samplesOf({ name, label, read }, heaps) {
  const lines = [];
  for (const [heap, figures] of heaps) {
    const value = read(figures);
    const labels = `heap="${escaped(heap)}"`;
    if (label === undefined) {
      if (value !== undefined) lines.push(`${name}{${labels}} ${value}\n`);
      continue;
    }
    for (const [of, number] of value) lines.push(`${name}{${labels},${label}="${of}"} ${number}\n`);
  }
  return lines;
}

/** The text for heaps, which are pairs of a name and its figures. */
function textOf(heaps) {
  return METRICS.map((metric) => {
    const { name, type, help } = metric;
    const samples = samplesOf(metric, heaps);
    if (samples.length === 0) return '';
    return `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n${samples.join('')}`;
  }).join('');
}

/** An own property of options, unless it is undefined. (Object.prototype may have been polluted.) */
function option(options, name, usual) {
  const given = hasOwn(options, name) ? options[name] : undefined;
  return given === undefined ? usual : given;
}

/** The sizes of the option `unusable`, each once. */
function sizesOf(list) {
  const sizes = copyOf('options.unusable', list, isSize, (size) => {
    if (typeof size !== 'number' && typeof size !== 'bigint') {
      throw wrongType('options.unusable', 'an array of sizes in bytes', size);
    }
    const message = `The option unusable must have sizes from 1 to 9007199254740991. Received ${shown(size)}`;
    throw fail(RangeError, 'ERR_MEMS_INVALID_SIZE', message);
  });
  return BigUint64Array.from(new Set(sizes));
}

/** The options of `call`, checked; `known` are their names. */
function optionsOf(given, call, known) {
  const options = given === undefined ? {} : checkedOptions(given);
  if (typeof options !== 'object' || options === null) {
    throw wrongType('options', 'an object', options);
  }
  refuseOthers(options, known, call);
  const name = option(options, 'name');
  if (name !== undefined && typeof name !== 'string') {
    throw wrongType('options.name', 'of type string', name);
  }
  const resident = option(options, 'resident', true);
  if (typeof resident !== 'boolean') throw wrongType('options.resident', 'a boolean', resident);
  return { name, resident, sizes: sizesOf(option(options, 'unusable', SIZES)) };
}

/** The name of a heap that was given none. */
const nameOf = (heap) => (heap === 0 ? 'default' : String(heap));

/** The metrics of one heap. */
function metricsOf(heap, options) {
  const { name = nameOf(heap), ...rest } = optionsOf(options, 'metrics()', [
    'name',
    'resident',
    'unusable',
  ]);
  return textOf([[name, figuresOf(heap, rest)]]);
}

/** The names and ids of all open heaps. */
const all = () => binding.heaps().map(({ id }) => [nameOf(id), id]);

/**
 * The metrics of several heaps, pairs of a name and an id, or of all open ones. Those that have ended, or that only another thread
 * knows, are left out.
 */
function metricsOfAll(heaps = all(), options) {
  const checked = optionsOf(options, 'Heap.metrics()', ['resident', 'unusable']);
  const found = [];
  for (const [name, heap] of heaps) {
    forUsable([heap], () => found.push([name, figuresOf(heap, checked)]));
  }
  return textOf(found);
}

module.exports = { METRICS, metricsOf, metricsOfAll };
