// The page of a report: opens what it carries, and connects its parts. Where the cursor is, what is in view and what is selected is
// kept here; the engine, in a worker, computes what is shown of it.

import workerSource from 'worker:./worker.mjs';
import { latestOnly, startWorker } from '../lib/client.mjs';
import { embeddedBytes, splitParts } from '../lib/data.mjs';
import { byId, isTyping, make } from '../lib/dom.mjs';
import { bytes, count, counted, parseSize } from '../lib/numbers.mjs';
import { formats, holesChart, setHoles, timeChart } from './charts.mjs';
import * as panels from './panels.mjs';
import { createResponder } from './request.mjs';
import { sentence } from './texts.mjs';
import { HistoryView } from './view.mjs';

/** Points of a chart over time. */
const PARTS = 400;
/** Moments of the chart of unusable bytes, and how many are asked for at once: the cursor does not wait for more. */
const SAMPLES = 160;
const AT_ONCE = 4;
/** Operations that an arrow steps with shift. */
const FAR = 1000;
/** Milliseconds after which a screen reader hears where the cursor is. */
const QUIET = 400;
const SITES = 30;

const dark = matchMedia('(prefers-color-scheme: dark)');
const state = { moment: 0, scale: 'size', offset: 0, selected: undefined, focus: undefined };
const theme = () => (dark.matches ? 'dark' : 'light');
const look = () => ({ scale: state.scale, theme: theme() });
/** Segments of a chain on each side of the one in the middle, as many as have room. */
const near = () => (window.innerWidth < 600 ? 5 : 14);
const name = (moment) => count(state.offset + moment);

const { ask } = startWorker(workerSource, createResponder);
let charts;
let info;
let report;
let view;

/** Moves the cursor. */
function go(moment, { focus } = {}) {
  state.moment = Math.max(0, Math.min(info.operations, Math.round(moment)));
  state.focus = focus;
  byId('slider').value = String(state.moment);
  byId('slider').setAttribute('aria-valuetext', `operation ${name(state.moment)}`);
  drawOver();
  for (const chart of [charts.bytes, charts.unusable]) chart.redraw(false);
  showMoment(state.moment);
}

const showMoment = latestOnly(async (moment, since) => {
  const map = panels.mapLayout(byId('map'), info.end);
  const found = await ask('moment', { moment, focus: state.focus, near: near(), map, ...look() });
  const { numbers, operation, chain } = found;
  panels.showNumbers(numbers);
  panels.showMap(byId('map'), found.map, state.focus ?? operation.address);
  panels.showChain(chain, (block) => select(block));
  setHoles(charts.holes, numbers.powers);
  for (const id of ['map-at', 'now-at']) byId(id).textContent = name(moment);
  const row = bytes(found.map.bytes * found.map.width);
  byId('map-scale').textContent = `– ${row} a row, ${counted(numbers.mainBlocks, 'main block')}`;
  const seconds = found.seconds === undefined ? '' : `, ${found.seconds.toFixed(3)} s`;
  const total = count(state.offset + info.operations);
  byId('operation').replaceChildren(
    make('b', {}, name(moment)),
    ` of ${total}${seconds}: ${panels.operationText(operation)}`,
  );
  say(`Operation ${name(moment)}: ${panels.operationText(operation)}. ${sentence(numbers)}`);
  performance.measure('mems:moment', { start: since });
  document.body.dataset.moment = String(moment);
  isReady('moment');
});

const missing = new Set(['picture', 'moment']);

/** Notes that a part of the page is drawn. */
function isReady(part) {
  if (!missing.delete(part) || missing.size > 0) return;
  performance.mark('mems:ready');
  document.body.dataset.ready = 'true';
}

let saying;

/** Has a screen reader read a text, once the cursor rests. */
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    byId('said').textContent = text;
    if (info.sites !== undefined) showSites();
  }, QUIET);
}

const showSites = latestOnly(async () => {
  panels.showSites(await ask('sites', { moment: state.moment, most: SITES }));
});

function drawOver() {
  const { marks, grows, refused, trims } = info;
  view.drawOver({
    moment: state.moment,
    rectangles: state.selected?.rectangles,
    ticks: [
      ['--fourth', grows],
      ['--live', trims],
      ['--third', marks],
      ['--accent', refused],
    ],
  });
}

/** Selects a block, by its number or as what the engine has found. */
async function select(block) {
  const found = typeof block === 'number' ? await ask('block', { block }) : block;
  state.selected = found;
  byId('block').textContent =
    found === undefined
      ? 'Click a block for what is known about it.'
      : panels.blockText(found, name, info.operations);
  drawOver();
}

async function pick({ near, moment, address }) {
  const found = await ask('pick', { view: near });
  await select(found);
  go(moment, { focus: found?.address ?? address });
}

async function goToEvent(isBack) {
  const moment = await ask('event', { moment: state.moment, isBack });
  if (moment === undefined) return;
  go(moment);
  view.reveal(moment);
}

function step(by) {
  go(state.moment + by);
  view.reveal(state.moment);
}

/** The unusable shares of the moments in view, a few at a time: a newer view ends it. */
async function sampleUnusable({ t0, t1 }) {
  const mine = {};
  sampleUnusable.current = mine;
  const first = Math.max(0, Math.floor(t0));
  const last = Math.min(info.operations, Math.ceil(t1));
  const samples = Math.min(SAMPLES, last - first + 1);
  const moments = Array.from({ length: samples }, (_, at) => {
    return Math.round(first + ((last - first) * at) / Math.max(1, samples - 1));
  });
  const shares = [[], [], []];
  for (let at = 0; at < samples; at += AT_ONCE) {
    const some = await ask('unusable', { moments: moments.slice(at, at + AT_ONCE) });
    if (sampleUnusable.current !== mine) return;
    for (const { unusable64, unusable1K, unusable64K } of some) {
      shares[0].push(unusable64);
      shares[1].push(unusable1K);
      shares[2].push(unusable64K);
    }
    // Drawn now and then: a chart takes longer than a few samples.
    if (at % (8 * AT_ONCE) === 0) showUnusable(moments, shares);
  }
  showUnusable(moments, shares);
  document.body.dataset.sampled = String(moments.length);
}

/** What is not known yet is left out of the curve. */
function showUnusable(moments, shares) {
  charts.unusable.setData([moments, ...shares.map((some) => moments.map((_, at) => some[at]))]);
}

const showSeries = latestOnly(async ({ t0, t1 }) => {
  const { moments, live, mapped } = await ask('series', { t0, t1, parts: PARTS });
  charts.bytes.setData([moments, live, mapped]);
});

let resting;

/** What follows from what is in view. */
function onView(now) {
  const { t0, t1, a0, a1 } = now;
  byId('axis').replaceChildren(
    make('span', {}, `operation ${name(Math.max(0, Math.floor(t0)))}`),
    make('span', {}, `addresses ${count(Math.round(a0))} to ${count(Math.round(a1))}, downwards`),
    make('span', {}, name(Math.min(info.operations, Math.ceil(t1)))),
  );
  clearTimeout(resting);
  resting = setTimeout(() => {
    showSeries({ t0, t1 });
    sampleUnusable({ t0, t1 });
  }, 120);
}

/** Makes the charts, in the colours of the theme. */
function buildCharts() {
  for (const chart of Object.values(charts ?? {})) chart.destroy();
  const common = {
    moment: () => state.moment,
    offset: () => state.offset,
    onMove: (moment) => go(moment),
    key: 'time',
  };
  charts = {
    bytes: timeChart(byId('bytes'), {
      ...common,
      format: formats.bytes,
      series: [{ colour: '--live', filled: true }, { colour: '--mapped' }],
    }),
    unusable: timeChart(byId('unusable'), {
      ...common,
      format: formats.percent,
      range: [0, 1.02],
      series: [{ colour: '--live' }, { colour: '--third' }, { colour: '--fourth' }],
    }),
    holes: holesChart(byId('holes')),
  };
  const legend = (id, entries) => {
    const spans = entries.map(([variable, text]) => {
      const square = make('span', { className: 'swatch' });
      square.style.background = `var(${variable})`;
      return make('span', {}, square, text);
    });
    byId(id).replaceChildren(...spans);
  };
  legend('bytes-legend', [
    ['--live', 'live'],
    ['--mapped', 'mapped'],
  ]);
  legend('unusable-legend', [
    ['--live', '64 B'],
    ['--third', '1 KiB'],
    ['--fourth', '64 KiB'],
  ]);
}

/** Everything that depends on colours. */
function repaint() {
  panels.showLegend(byId('legend'), { ...look(), sites: info.sites, operations: info.operations });
  panels.showTickLegend(byId('ticks-legend'), info);
  panels.showPolicies(report.policies, { theme: theme(), windows: report.windows });
  view.redraw();
  go(state.moment, { focus: state.focus });
}

/** Opens one of the parts that the page carries. */
async function openPart(number) {
  info = await ask('open', { bytes: report.parts[number].slice() });
  state.offset = info.meta.offset ?? 0;
  state.selected = undefined;
  state.moment = info.meta.start ?? info.operations;
  byId('slider').max = String(info.operations);
  if (info.sites !== undefined && byId('scale').querySelector('[value=site]') === null) {
    byId('scale').append(make('option', { value: 'site' }, 'site'));
    byId('sites-card').hidden = false;
  }
  buildCharts();
  view.open(info);
  repaint();
  await select(undefined);
}

function showFacts({ facts, notes }) {
  document.title = `${report.head.name} – MeMS report`;
  byId('name').textContent = report.head.name;
  const entries = facts.map(([term, text]) => {
    return make('div', {}, make('dt', {}, term), make('dd', {}, text));
  });
  byId('facts').replaceChildren(...entries);
  byId('notes').replaceChildren(...notes.map((text) => make('p', {}, text)));
}

/** The page of a program that is too long to be all in it. */
function showParts({ windows, leftOut, summary }) {
  if (leftOut === undefined) return;
  byId('parts').hidden = false;
  byId('left-out').textContent = leftOut;
  const options = windows.map(({ from, to, why }, at) => {
    return make('option', { value: String(at) }, `${count(from)} to ${count(to)}: ${why}`);
  });
  byId('part').append(...options);
  byId('part').addEventListener('change', ({ target }) => openPart(Number(target.value)));
  const chart = timeChart(byId('whole'), {
    moment: () => state.offset + state.moment,
    offset: () => 0,
    onMove() {},
    format: formats.bytes,
    series: [{ colour: '--live', filled: true }, { colour: '--mapped' }],
  });
  chart.setData([summary.moments, summary.live, summary.mapped]);
}

const FIELDS = {
  address: 'address',
  size: 'size (4096, 64K)',
  age: 'operations',
  mark: 'text',
};

async function find(isBack) {
  const what = byId('find-what').value;
  const text = byId('find-value').value;
  const value =
    what === 'mark'
      ? text
      : what === 'size'
        ? parseSize(text)
        : Number(text.replace(/[,\sn_]/g, '') || Number.NaN);
  const found = byId('found');
  if (FIELDS[what] !== undefined && what !== 'mark' && !(value >= 0)) {
    found.textContent = `Write ${what === 'size' ? 'a size, as in 4096 or 64K' : 'a number'}.`;
    return;
  }
  const result = await ask('find', { what, value, moment: state.moment, isBack });
  if (result === undefined) {
    found.textContent = 'There is none.';
    return;
  }
  await select(result.block);
  go(result.moment, { focus: result.block?.address });
  found.textContent = `Operation ${name(result.moment)}${result.isRound ? ', from the other end' : ''}.`;
  view.reveal(result.moment);
}

function listen() {
  byId('slider').addEventListener('input', ({ target }) => go(Number(target.value)));
  const onClick = (id, act) => byId(id).addEventListener('click', act);
  onClick('back', () => step(-1));
  onClick('forward', () => step(1));
  onClick('event-back', () => goToEvent(true));
  onClick('event-next', () => goToEvent(false));
  onClick('zoom-in', () => view.zoom(2));
  onClick('zoom-out', () => view.zoom(0.5));
  onClick('zoom-all', () => view.showAll());
  onClick('find-back', () => find(true));
  byId('find').addEventListener('submit', (event) => {
    event.preventDefault();
    find(false);
  });
  byId('find-what').addEventListener('change', ({ target }) => {
    const field = FIELDS[target.value];
    byId('find-field').hidden = field === undefined;
    if (field !== undefined) byId('find-field').firstChild.data = `${field} `;
  });
  byId('scale').addEventListener('change', ({ target }) => {
    state.scale = target.value;
    repaint();
  });
  dark.addEventListener('change', () => {
    buildCharts();
    repaint();
  });
  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    // A phone's bars come and leave: only another width is another layout.
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    buildCharts();
    repaint();
  });
  document.addEventListener('keydown', onKey);
}

const KEYS = {
  ArrowLeft: ({ shiftKey }) => step(shiftKey ? -FAR : -1),
  ArrowRight: ({ shiftKey }) => step(shiftKey ? FAR : 1),
  Home: () => step(-state.moment),
  End: () => step(info.operations),
  n: () => goToEvent(false),
  p: () => goToEvent(true),
  '+': () => zoomAtCursor(2),
  '=': () => zoomAtCursor(2),
  '-': () => zoomAtCursor(0.5),
  '*': () => zoomAtCursor(2, 'time'),
  _: () => zoomAtCursor(0.5, 'time'),
  0: () => view.showAll(),
  Escape: () => select(undefined),
};

/** Zooms about the cursor, and about the block that is selected. */
function zoomAtCursor(factor, axes) {
  const { t0, t1, a0, a1 } = view.view;
  const within = (place) => (place >= 0 && place <= 1 ? place : 0.5);
  const x = within((state.moment + 0.5 - t0) / (t1 - t0));
  const y = within(((state.focus ?? state.selected?.address ?? Number.NaN) - a0) / (a1 - a0));
  view.zoom(factor, { x, y, axes });
}

function onKey(event) {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act(event);
}

async function start() {
  const { head, parts } = splitParts(await embeddedBytes('data'));
  const histories = parts.slice(0, head.windows.length);
  const policies = head.policies.map((each, at) => ({
    ...each,
    pixels: parts[histories.length + at],
  }));
  const windows =
    head.leftOut === undefined
      ? []
      : head.windows.map(({ from, to }) => [from / head.operations, to / head.operations]);
  report = { head, parts: histories, policies, windows };
  panels.buildNumbers();
  showFacts(head);
  view = new HistoryView(byId('history'), {
    strip: byId('ticks'),
    ask,
    look,
    events: {
      onPick: pick,
      onView,
      onDrawn(milliseconds) {
        isReady('picture');
        byId('slow').hidden = milliseconds === undefined;
        if (milliseconds !== undefined)
          byId('slow').textContent =
            `This view took ${(milliseconds / 1000).toFixed(1)} s to draw.`;
      },
    },
  });
  listen();
  await openPart(0);
  showParts(head);
}

start().catch((error) => {
  byId('failed').hidden = false;
  byId('failed').textContent =
    `This page cannot be shown: ${error.message}. It takes a browser of 2023 or newer.`;
  console.error(error);
});
