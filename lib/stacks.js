// The stack of the running call, for heaps that track their allocations: the frames of the program that called MeMS, as text.
//
// It is taken without touching the program's Error: a realm of its own has an Error whose limit and formatter nobody else
// sets. Formatting a stack costs more than walking it, so it is done once for each stack: a stack is known again by the files
// and positions of its frames. The text is what the program would have, by its own Error.prepareStackTrace and source maps, as
// far as those give a text; a stack is never worth an exception.
//
// Costs: 64 bytes and the text for each of the last stacks; see KEPT.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const vm = require('vm');

/** Frames where Error.stackTraceLimit is no number: as many as V8 has by default. */
const DEFAULT_FRAMES = 10;
/** Most frames, whatever it says. */
const MOST_FRAMES = 200;
/** Frames of MeMS above those of who called, as a rule: the one that captures, and two or three between the addon and them. */
const OWN_FRAMES = 4;
/** Most that there are. */
const MOST_OWN_FRAMES = 8;
/** Most where an engine formats the stack of what is running here. */
const FORMATTING_FRAMES = 16;
/** How many stacks' texts are kept. */
const KEPT = 1000;

// In a bundle all frames are of one file, and none is left out; a bundle in the format of ES modules has no such names.
const isBundled = typeof __filename !== 'string' || path.basename(__filename) !== 'stacks.js';
const folder = isBundled ? undefined : __dirname + path.sep;
const index = isBundled ? undefined : path.join(__dirname, '..', 'index.js');

const isOwnFile = (name) =>
  !isBundled && typeof name === 'string' && (name.startsWith(folder) || name === index);
const isOwnLine = (line) => !isBundled && (line.includes(folder) || line.includes(index));

/** A line of a function of the addon's, as Bun has it. */
const isNativeLine = (line) => /\((unknown|native|\[native code\].*)\)$/.test(line);

/** The lines of a stack below those of MeMS. */
function belowOwn(lines) {
  let first = 0;
  lines.slice(0, FORMATTING_FRAMES).forEach((line, at) => {
    if (isOwnLine(line) || (at === first && isNativeLine(line))) first = at + 1;
  });
  return lines.slice(first);
}

/** The texts of stacks, by their frames. */
const texts = new Map();
/** What the texts were made with. */
let formatter;
/** Whether the program's own formatter runs: it may allocate, too. */
let isFormatting = false;

/** An Error of another realm whose stacks are lists of call sites; nothing where the engine has no such. */
let SiteError;

const sitesOf = (_, sites) => sites;

function makeSiteError() {
  try {
    const Made = vm.runInNewContext('Error');
    Made.prepareStackTrace = sitesOf;
    Made.stackTraceLimit = 1;
    const [site] = new Made().stack;
    if (typeof site.getPosition() === 'number' && typeof site.getFileName() === 'string')
      return Made;
  } catch (_) {
    // Another engine: its stacks are read as text.
  }
  return null;
}

/** The program's own formatter. Bun has one without being asked, which comes to nothing. */
function ownFormatter() {
  const prepare = Error.prepareStackTrace;
  return typeof prepare === 'function' && prepare.name !== 'ErrorPrepareStackTrace'
    ? prepare
    : undefined;
}

/** How many frames the program wants. */
function wantedFrames() {
  const wanted = Error.stackTraceLimit;
  if (typeof wanted !== 'number' || Number.isNaN(wanted)) return DEFAULT_FRAMES;
  return Math.floor(Math.min(Math.max(wanted, 0), MOST_FRAMES));
}

/** The text that belongs to a key, made if it is not kept. */
function kept(key, prepare, make) {
  if (prepare !== formatter || texts.size === KEPT) {
    texts.clear();
    formatter = prepare;
  }
  let text = texts.get(key);
  if (text === undefined) {
    text = make();
    // What is made while the program's formatter runs is not its work.
    if (!isFormatting) texts.set(key, text);
  }
  return text;
}

/** What a formatter of the program's makes, if it is text: without the line that names the error. */
function formatted(format) {
  if (isFormatting) return undefined;
  isFormatting = true;
  try {
    const text = format();
    if (typeof text !== 'string') return undefined;
    const lines = text.split('\n');
    while (lines.length !== 0 && /^(Error\b.*)?$/.test(lines[0])) lines.shift();
    return belowOwn(lines).join('\n');
  } catch (_) {
    return undefined;
  } finally {
    isFormatting = false;
  }
}

const hasSourceMaps = () =>
  process.sourceMapsEnabled ??
  [...process.execArgv, process.env.NODE_OPTIONS].join(' ').includes('--enable-source-maps');

/** The lines of frames that the runtime itself makes, with source maps. */
function mapped(frames) {
  SiteError.prepareStackTrace = undefined;
  try {
    const lines = new SiteError().stack.split('\n');
    const isFrame = (line) => /^ +at /.test(line) && !isOwnLine(line);
    return lines.filter(isFrame).slice(0, frames).join('\n');
  } finally {
    SiteError.prepareStackTrace = sitesOf;
  }
}

function textOfSites(sites, prepare) {
  const own =
    prepare !== undefined
      ? formatted(() => prepare.call(Error, new Error(), sites))
      : hasSourceMaps()
        ? formatted(() => mapped(sites.length))
        : undefined;
  return own ?? sites.map((site) => `    at ${site}`).join('\n');
}

/** A stack of an engine that has call sites, of which `all` has frames + OWN_FRAMES at most. */
function stackOfSites(all, frames) {
  let first = 0;
  while (first < all.length && isOwnFile(all[first].getFileName())) first++;
  const end = Math.min(first + frames, all.length);
  let key = '';
  for (let i = first; i < end; i++) {
    const site = all[i];
    // Code without a file is told apart by its text alone.
    key += `${site.getScriptNameOrSourceURL() ?? site}:${site.getPosition()}\n`;
  }
  const prepare = ownFormatter();
  return kept(key, prepare, () => textOfSites(all.slice(first, end), prepare));
}

/** Sets a property of the program's Error, as far as it can be set. */
function set(name, value) {
  try {
    Error[name] = value;
  } catch (_) {
    // It is frozen: the stack is what can be had.
  }
}

/** Calls `read` while the program's Error has another limit and, if it has a formatter, `prepare` instead. */
function having(limit, formatter, prepare, read) {
  const { stackTraceLimit } = Error;
  const isOther = formatter !== prepare;
  set('stackTraceLimit', limit);
  if (isOther) set('prepareStackTrace', prepare);
  try {
    return read();
  } finally {
    if (stackTraceLimit === undefined) Reflect.deleteProperty(Error, 'stackTraceLimit');
    else set('stackTraceLimit', stackTraceLimit);
    if (isOther) set('prepareStackTrace', formatter);
  }
}

function readPlain() {
  const holder = {};
  Error.captureStackTrace(holder, stackOfCall);
  return holder.stack;
}

/** A stack of an engine that has only text. */
function stackByText(frames) {
  const prepare = ownFormatter();
  const plain = having(frames + MOST_OWN_FRAMES, prepare, undefined, readPlain);
  return kept(plain, prepare, () => {
    const own =
      prepare !== undefined
        ? formatted(() =>
            having(frames + FORMATTING_FRAMES, prepare, prepare, () => new Error().stack),
          )
        : undefined;
    const lines = plain.split('\n').filter((line) => /^ *at |@/.test(line));
    return own ?? belowOwn(lines).slice(0, frames).join('\n');
  });
}

/** The stack of the call that runs; empty if none can be had. */
function stackOfCall() {
  try {
    const frames = wantedFrames();
    if (frames === 0) return '';
    if (SiteError === undefined) SiteError = makeSiteError();
    if (SiteError === null) return stackByText(frames);
    // Here rather than in a function, whose frame would be walked as well.
    SiteError.stackTraceLimit = frames + OWN_FRAMES;
    let sites = new SiteError().stack;
    if (sites.length > OWN_FRAMES && isOwnFile(sites[OWN_FRAMES].getFileName())) {
      SiteError.stackTraceLimit = frames + MOST_OWN_FRAMES;
      sites = new SiteError().stack;
    }
    return stackOfSites(sites, frames);
  } catch (_) {
    return '';
  }
}

module.exports = { stackOfCall };
