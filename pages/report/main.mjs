// The page of a report: opens what it carries, and connects its parts. Where the cursor is, what is in view and what is selected is
// kept here; the engine, in a worker, computes what is shown of it.

import workerSource from 'worker:./worker.mjs';
import { latestOnly, measure, startWorker } from '../lib/client.mjs';
import { embeddedBytes, splitParts } from '../lib/data.mjs';
import { byId, isTyping, make } from '../lib/dom.mjs';
import { bytes, count, counted } from '../lib/numbers.mjs';
import { formats, timeChart } from './charts.mjs';
import { Curves } from './curves.mjs';
import * as panels from './panels.mjs';
import { createResponder } from './request.mjs';
import { listenToSearch } from './search.mjs';
import { sentence } from './texts.mjs';
import { HistoryView } from './view.mjs';

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
/** Whether the page has only windows of the program. */
const isWindow = () => report.head.leftOut !== undefined;
const name = (moment) => count(state.offset + moment);

const { ask } = startWorker(workerSource, createResponder);
const curves = new Curves(ask);
let info;
let whole;
let report;
let view;

/** Moves the cursor. */
function go(moment, { focus } = {}) {
  state.moment = Math.max(0, Math.min(info.operations, Math.round(moment)));
  state.focus = focus;
  byId('slider').value = String(state.moment);
  byId('slider').setAttribute('aria-valuetext', `operation ${name(state.moment)}`);
  drawOver();
  curves.moveCursor();
  whole?.redraw(false);
  showMoment(state.moment);
}

const showMoment = latestOnly(async (moment, since) => {
  const map = panels.mapLayout(byId('map'), info.end);
  const found = await ask('moment', { moment, focus: state.focus, near: near(), map, ...look() });
  const { numbers, operation, chain } = found;
  panels.showNumbers(numbers);
  panels.showMap(byId('map'), found.map, state.focus ?? operation.address);
  panels.showChain(chain, (block) => select(block));
  curves.showHoles(numbers.powers);
  for (const id of ['map-at', 'now-at']) byId(id).textContent = name(moment);
  const row = bytes(found.map.bytes * found.map.width);
  byId('map-scale').textContent = `– ${row} a row, ${counted(numbers.mainBlocks, 'main block')}`;
  const seconds = panels.secondsText(found.seconds);
  const total = count(report.head.operations);
  const done = panels.operationText(operation);
  byId('operation').replaceChildren(make('b', {}, name(moment)), ` of ${total}${seconds}: ${done}`);
  // A long mark is cut off.
  byId('operation').title = done;
  say(`Operation ${name(moment)}: ${done}. ${sentence(numbers)}`);
  measure('mems:moment', since);
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
  panels.showSites(await ask('sites', { moment: state.moment, most: SITES }), isWindow());
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
      : panels.blockText(found, name, report.head.operations > 0);
  drawOver();
}

async function pick({ near, moment, address }) {
  const found = await ask('pick', { view: near });
  await select(found);
  // A pixel may be many operations: the cursor shows the block.
  const shown = found && Math.max(found.birth, Math.min(found.last, moment));
  go(shown ?? moment, { focus: found?.address ?? address });
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

/** What follows from what is in view. */
function onView(now) {
  const { t0, t1, a0, a1 } = now;
  byId('axis').replaceChildren(
    make('span', {}, `operation ${name(Math.max(0, Math.floor(t0)))}`),
    make('span', {}, `addresses ${count(Math.round(a0))} to ${count(Math.round(a1))}, downwards`),
    make('span', {}, name(Math.min(info.operations, Math.ceil(t1)))),
  );
  curves.follow(now, info.operations);
}

/** Makes the charts, in the colours of the theme. */
function buildCharts() {
  curves.build({
    moment: () => state.moment,
    offset: () => state.offset,
    onMove: (moment) => go(moment),
  });
  buildWhole(report.head);
}

/** Everything that depends on colours. */
function repaint() {
  panels.showLegend(byId('legend'), {
    ...look(),
    sites: info.sites,
    operations: report.head.operations,
  });
  panels.showTickLegend(byId('ticks-legend'), info);
  panels.showPolicies(report.policies, { theme: theme(), windows: report.windows });
  view.redraw();
  go(state.moment, { focus: state.focus });
}

/** Opens one of the parts that the page carries. */
async function openPart(number) {
  byId('part').value = String(number);
  info = await ask('open', { bytes: report.parts[number].slice() });
  state.offset = info.meta.offset ?? 0;
  state.selected = undefined;
  state.moment = info.meta.start ?? info.operations;
  byId('slider').max = String(info.operations);
  // One moment has no curves.
  for (const id of ['bytes-card', 'unusable-card']) byId(id).hidden = info.operations === 0;
  if (info.sites !== undefined && byId('scale').querySelector('[value=site]') === null) {
    byId('scale').append(make('option', { value: 'site' }, 'site'));
    byId('sites-card').hidden = false;
  }
  buildCharts();
  view.open(info);
  repaint();
  await select(undefined);
  document.body.dataset.part = String(number);
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

/** What a page of a program has that is too long to be all in it: which operations there are. */
function showParts({ windows, leftOut }) {
  if (leftOut === undefined) return;
  byId('parts').hidden = false;
  byId('left-out').textContent = leftOut;
  const options = windows.map(({ from, to, why }, at) => {
    return make('option', { value: String(at) }, `${count(from)} to ${count(to)}: ${why}`);
  });
  byId('part').append(...options);
}

/** The curves of the whole of such a program. A click leads to the operations that are in the page. */
function buildWhole({ windows, summary }) {
  whole?.destroy();
  if (summary === undefined) return;
  whole = timeChart(byId('whole'), {
    moment: () => state.offset + state.moment,
    offset: () => 0,
    async onMove(moment) {
      const at = windows.findIndex(({ from, to }) => from <= moment && moment <= to);
      if (at < 0) return;
      if (windows[at].from !== state.offset) await openPart(at);
      go(moment - state.offset);
    },
    format: formats.bytes,
    series: [{ colour: '--live', filled: true }, { colour: '--mapped' }],
  });
  whole.setData([summary.moments, summary.live, summary.mapped]);
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
  listenToSearch({
    name,
    none: () => (isWindow() ? 'There is none in this window.' : 'There is none.'),
    find: (search) => ask('find', { ...search, moment: state.moment }),
    async onFound({ moment, block }) {
      await select(block);
      go(moment, { focus: block?.address });
      view.reveal(moment);
    },
  });
  byId('part').addEventListener('change', ({ target }) => openPart(Number(target.value)));
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
  showParts(head);
  // The first of those with the peak, which most look for.
  await openPart(
    Math.max(
      0,
      head.windows.findIndex(({ why }) => why?.includes('the peak')),
    ),
  );
  // Keys and buttons act on an open history.
  listen();
}

start().catch((error) => {
  byId('failed').hidden = false;
  byId('failed').textContent =
    `This page cannot be shown: ${error.message}. It takes a browser of 2023 or newer.`;
  console.error(error);
});
