// The stack of the running call, for heaps that track their allocations: the frames of the program that called MeMS, as text.
//
// It is taken without touching the program's Error: a realm of its own has an Error whose limit and formatter nobody else
// sets. Formatting a stack costs more than walking it, so it is done once for each stack: a stack is known again by its frames
// (frames.js), or its plain text where an engine has no call sites, and has a number, by which the addon knows it. The text is
// what the program would have, by its own Error.prepareStackTrace and source maps, as far as those give a text; a stack is
// never worth an exception.
//
// Costs: what the engine takes to capture a stack, and a third to a half more once it is known (a seventh where its text is
// read), which bench/stacks.js measures. Some kilobytes for each of
// the last stacks (see KEPT), the text included, which the addon has.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const vm = require('vm');
const { NONE, frameOf, makeRoot } = require('./frames.js');

/** Frames where Error.stackTraceLimit is no number: as many as V8 has by default. */
const DEFAULT_FRAMES = 10;
/** Most frames, whatever it says. */
const MOST_FRAMES = 200;
/** Frames of MeMS above those of who called, as a rule: the one that captures, and two between the addon and them. */
const OWN_FRAMES = 3;
/** Most that there are. */
const MOST_OWN_FRAMES = 8;
/** Most where an engine formats the stack of what is running here. */
const FORMATTING_FRAMES = 16;
/** How many stacks are known at a time. */
const KEPT = 1000;

// In a bundle all frames are of one file, and none is left out; a bundle in the format of ES modules has no such names.
const isBundled = typeof __filename !== 'string' || path.basename(__filename) !== 'stacks.js';
/** So many there always are: no such one need be asked whose it is. */
const LEAST_OWN_FRAMES = isBundled ? 0 : 2;
const folder = isBundled ? undefined : __dirname + path.sep;
const index = isBundled ? undefined : path.join(__dirname, '..', 'index.js');

/** Files of MeMS, as they are met. */
const ownFiles = new Set();

function isOwnFile(name) {
  if (ownFiles.has(name)) return true;
  if (isBundled || typeof name !== 'string') return false;
  const isOwn = name.startsWith(folder) || name === index;
  if (isOwn) ownFiles.add(name);
  return isOwn;
}

const isOwnLine = (line) => !isBundled && (line.includes(folder) || line.includes(index));

/** A line of a function of the addon's, as Bun has it. */
const isNativeLine = (line) => /\((unknown|native|\[native code\].*)\)$/.test(line);

/** The lines of a stack that are frames. */
const linesOf = (plain) => plain.split('\n').filter((line) => /^ *at |@/.test(line));

/** The lines of a stack below those of MeMS. */
function belowOwn(lines) {
  let first = 0;
  lines.slice(0, FORMATTING_FRAMES).forEach((line, at) => {
    if (isOwnLine(line) || (at === first && isNativeLine(line))) first = at + 1;
  });
  return lines.slice(first);
}

/** The stacks that have a number, by their frames, or by their text where an engine has no other. */
let root = makeRoot();
const numbers = new Map();
/** Instead of a number: there are more frames of MeMS than was room for, so it takes a longer text to tell this stack. */
const CUT = -1;
/** How many they are: the next one's number. */
let count = 0;
/** What their texts were made with. */
let formatter;
/** Whether the program's own formatter runs: it may allocate, too. */
let isFormatting = false;

/** Begins to number stacks anew if there are enough, or their texts would be others by now. */
function beginNumbers(prepare) {
  if (prepare === formatter && count < KEPT) return;
  root = makeRoot();
  numbers.clear();
  count = 0;
  formatter = prepare;
}

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

/** How many of the innermost call sites are MeMS's own. */
function ownFrames(sites) {
  let count = Math.min(LEAST_OWN_FRAMES, sites.length);
  while (count < sites.length && isOwnFile(sites[count].getFileName())) count++;
  return count;
}

/** A stack of an engine that has call sites: those of `all` from `first` on, but no more than `frames`. */
function stackOfSites(all, first, frames) {
  const end = Math.min(first + frames, all.length);
  const prepare = ownFormatter();
  // What is made while the program's formatter runs is not its work.
  if (isFormatting) return textOfSites(all.slice(first, end), prepare);
  beginNumbers(prepare);
  const frame = frameOf(root, all, first, end);
  if (frame.stack !== NONE) return frame.stack;
  const text = textOfSites(all.slice(first, end), prepare);
  frame.stack = count++;
  return [frame.stack, text];
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

function textOfPlain(plain, prepare, frames) {
  const own =
    prepare !== undefined
      ? formatted(() =>
          having(frames + FORMATTING_FRAMES, prepare, prepare, () => new Error().stack),
        )
      : undefined;
  return own ?? belowOwn(linesOf(plain)).slice(0, frames).join('\n');
}

/** A stack of an engine that has only text. */
function stackByText(frames) {
  const prepare = ownFormatter();
  const read = (own) => having(frames + own, prepare, undefined, readPlain);
  let plain = read(OWN_FRAMES);
  if (isFormatting) return textOfPlain(plain, prepare, frames);
  beginNumbers(prepare);
  let number = numbers.get(plain);
  if (number === undefined) {
    const lines = linesOf(plain);
    const isCut = lines.length >= frames + OWN_FRAMES && belowOwn(lines).length < frames;
    if (isCut) {
      number = CUT;
      numbers.set(plain, CUT);
    }
  }
  if (number === CUT) {
    plain = read(MOST_OWN_FRAMES);
    number = numbers.get(plain);
  }
  if (number !== undefined) return number;
  const text = textOfPlain(plain, prepare, frames);
  numbers.set(plain, count);
  return [count++, text];
}

/**
 * The stack of the call that runs: a text, empty if none can be had; or the number that has stood for it; or a number that
 * stands for it from now on, and its text.
 */
function stackOfCall() {
  try {
    const frames = wantedFrames();
    if (frames === 0) return '';
    if (SiteError === undefined) SiteError = makeSiteError();
    if (SiteError === null) return stackByText(frames);
    // Here rather than in a function, whose frame would be walked as well.
    SiteError.stackTraceLimit = frames + OWN_FRAMES;
    let sites = new SiteError().stack;
    let own = ownFrames(sites);
    if (own > OWN_FRAMES) {
      SiteError.stackTraceLimit = frames + MOST_OWN_FRAMES;
      sites = new SiteError().stack;
      own = ownFrames(sites);
    }
    return stackOfSites(sites, own, frames);
  } catch (_) {
    return '';
  }
}

module.exports = { stackOfCall };
