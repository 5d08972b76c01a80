// The stack of the running call, for heaps that track their allocations: the frames of the program that called MeMS, as text.
//
// It is taken without touching the program's Error: another realm has an Error whose limit and formatter no program sets.
// Formatting a stack costs more than walking it, so it is done once for each stack: a stack is known again by its frames
// (frames.js), or its plain text where an engine has no call sites, and has a number, by which the addon knows it. The text is
// what the program would have, by its own Error.prepareStackTrace and source maps, as far as those return text. No call
// fails because of its stack.
//
// Costs: the time that the engine takes to capture a stack, and a third to a half more once the stack is known (a seventh where
// its text is read), which bench/stacks.js measures; some kilobytes for each of the last stacks (see KEPT), with the text, which
// the addon keeps.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const vm = require('vm');
const { NONE, frameOf, makeRoot } = require('./frames.js');

/** The number of frames if Error.stackTraceLimit is not a number: the default of V8. */
const DEFAULT_FRAMES = 10;
/** The most frames of a stack, whatever Error.stackTraceLimit is. */
const MOST_FRAMES = 200;
/**
 * How many frames of MeMS are usually above those of the program: the one that captures, and two between it and the
 * program.
 */
const OWN_FRAMES = 3;
/** The most frames of MeMS that there can be. */
const MOST_OWN_FRAMES = 8;
/** The most frames of MeMS if the engine formats the stack of the code that runs here. */
const FORMATTING_FRAMES = 16;
/** How many stacks are known at a time. */
const KEPT = 1000;

// In a bundle all frames are of one file, and none is left out; a bundle in the format of ES modules has no such names.
const isBundled = typeof __filename !== 'string' || path.basename(__filename) !== 'stacks.js';
/** How many frames of MeMS there always are. Their files need not be looked at. */
const LEAST_OWN_FRAMES = isBundled ? 0 : 2;
const folder = isBundled ? undefined : __dirname + path.sep;
const index = isBundled ? undefined : path.join(__dirname, '..', 'index.js');

/** The files of MeMS that have been seen in stacks. */
const ownFiles = new Set();

function isOwnFile(name) {
  if (ownFiles.has(name)) return true;
  if (isBundled || typeof name !== 'string') return false;
  const isOwn = name.startsWith(folder) || name === index;
  if (isOwn) ownFiles.add(name);
  return isOwn;
}

const isOwnLine = (line) => !isBundled && (line.includes(folder) || line.includes(index));

/** A line for a function of the addon, as Bun prints it. */
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
/** Instead of a number: the text had no frames but those of MeMS, so a longer text is needed to recognise the stack. */
const CUT = -1;
/** How many stacks have a number, which is the number of the next one. */
let count = 0;
/** The formatter with which the texts of the stacks were made. */
let formatter;
/** Whether the program's own formatter is running. It can allocate blocks itself. */
let isFormatting = false;

/** Forgets all numbers if there are too many, or if the program has set another formatter, which makes other texts. */
function beginNumbers(prepare) {
  if (prepare === formatter && count < KEPT) return;
  root = makeRoot();
  numbers.clear();
  count = 0;
  formatter = prepare;
}

/** The Error of another realm, whose stacks are lists of call sites. Undefined if the engine has no call sites. */
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

/** The program's own formatter. Bun always has one, which makes no difference. */
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

/** The text that the program's formatter makes, without the line that names the error. Undefined if it is not text. */
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

/** The text of a stack in an engine that has call sites: at most `frames` of `all`, from `first` on. */
function stackOfSites(all, first, frames) {
  const end = Math.min(first + frames, all.length);
  const prepare = ownFormatter();
  // Blocks that the program's formatter allocates get no stack of their own.
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
    // Error is frozen. The stack then has as many frames as it allows.
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

/** A stack in an engine that has no call sites, only text. */
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
 * The stack of the running call: its text, which is empty if the engine gives none; or, if the stack is known, its number; or
 * the number that it has from now on, and its text.
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
