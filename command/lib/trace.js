// Reads a text trace: bytes in, chunks of operations out (lib/operations.js says what they are).
//
// A trace is text: four lines of head (any number, the number of ids, the number of operations, any number), then an operation a
// line: `a ID SIZE` (malloc), `r ID SIZE` (realloc), `f ID` (free). Size 0 means 1. The head may be absent, and lines that are empty
// or begin with # are ignored. An id is used again after its free.
//
// Every line is checked: a block that is freed is live, and one that is allocated is not. Costs some 60 ns an operation.

'use strict';

const { Failure } = require('./failure.js');
const { KIND } = require('./recordings.js');

const LETTERS = { a: KIND.malloc, r: KIND.realloc, f: KIND.free };

/** Operations of a chunk, at most. */
const CHUNK = 1 << 16;
/** Ids are small numbers, since tables of blocks are as long as the largest. */
const MOST_BLOCKS = 1 << 24;
const HEAD_LINES = 4;
const [NEWLINE, RETURN, SPACE, HASH, ZERO] = [10, 13, 32, 35, 48];

/** The columns of a chunk. */
function columns() {
  return {
    count: 0,
    kind: new Uint8Array(CHUNK),
    block: new Uint32Array(CHUNK),
    size: new Float64Array(CHUNK),
  };
}

/** Turns bytes of text into operations. */
class TraceParser {
  constructor(name) {
    this.name = name;
    this.line = 0;
    this.head = undefined;
    this.operations = 0;
    this.live = new Uint8Array(1024);
    this.chunk = columns();
    this.rest = Buffer.alloc(0);
  }

  fail(what) {
    return new Failure(`${this.name}, line ${this.line}: ${what}`);
  }

  /** Reads the lines that are whole in `bytes`, and yields each chunk that is full. */
  *push(bytes) {
    const text = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    let start = 0;
    for (;;) {
      const end = text.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.readLine(text, start, end);
      start = end + 1;
      if (this.chunk.count === CHUNK) yield* this.flush();
    }
    // A copy, since the stream may use its memory again.
    this.rest = Buffer.from(text.subarray(start));
    if (this.rest.length > 4096)
      throw this.fail('is longer than a line of a trace: is this a trace?');
  }

  /** Reads a last line without an end, and yields what is left. */
  *end() {
    if (this.rest.length > 0) this.readLine(this.rest, 0, this.rest.length);
    yield* this.flush();
    const named = this.head?.[2];
    if (this.line === 0) throw new Failure(`${this.name} is empty.`);
    if (this.head !== undefined && this.head.length < HEAD_LINES) {
      throw new Failure(`${this.name} ends in its head: it is cut off.`);
    }
    if (named !== undefined && named !== this.operations) {
      const why = this.operations < named ? 'it is cut off' : 'its head is wrong';
      throw new Failure(
        `${this.name} has ${this.operations} operations, and its head names ${named}: ${why}.`,
      );
    }
  }

  *flush() {
    const { chunk } = this;
    if (chunk.count === 0) return;
    yield chunk;
    chunk.count = 0;
  }

  readLine(text, start, lineEnd) {
    this.line += 1;
    const end = lineEnd > start && text[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd;
    if (end === start || text[start] === HASH) return;
    const kind = LETTERS[String.fromCharCode(text[start])];
    if (kind === undefined) return this.readHead(text.toString('latin1', start, end));
    if (this.head !== undefined && this.head.length < HEAD_LINES) {
      throw this.fail(`the head has ${this.head.length} of ${HEAD_LINES} lines.`);
    }
    let at = start + 1;
    const number = () => {
      if (text[at] !== SPACE) return -1;
      let value = 0;
      const first = ++at;
      for (; at < end && text[at] >= ZERO && text[at] <= ZERO + 9; at++) {
        value = value * 10 + (text[at] - ZERO);
      }
      return at === first ? -1 : value;
    };
    const block = number();
    const size = kind === KIND.free ? 0 : number();
    if (block < 0 || size < 0 || at !== end) {
      const shown = JSON.stringify(text.toString('latin1', start, Math.min(end, start + 40)));
      throw this.fail(`${shown} is no operation: write "a ID SIZE", "r ID SIZE" or "f ID".`);
    }
    this.add(kind, block, kind === KIND.free ? 0 : Math.max(1, size));
  }

  readHead(text) {
    this.head ??= [];
    const isHead = /^\d+$/.test(text) && this.operations === 0 && this.head.length < HEAD_LINES;
    if (!isHead) {
      const what = JSON.stringify(text.slice(0, 40));
      throw this.line > 1 || /^\d/.test(text)
        ? this.fail(`${what} is no operation: write "a ID SIZE", "r ID SIZE" or "f ID".`)
        : new Failure(`${this.name} is neither a trace nor a recording: it begins with ${what}.`);
    }
    this.head.push(Number(text));
  }

  add(kind, block, size) {
    if (block >= MOST_BLOCKS)
      throw this.fail(`the id ${block} is too large: use ids again after f.`);
    if (!Number.isSafeInteger(size)) throw this.fail(`${size} is too large for a size.`);
    if (block >= this.live.length) {
      const longer = new Uint8Array(Math.min(MOST_BLOCKS, 2 * block));
      longer.set(this.live);
      this.live = longer;
    }
    const isLive = this.live[block] === 1;
    if (isLive === (kind === KIND.malloc)) {
      throw this.fail(`block ${block} is ${isLive ? 'allocated already' : 'not allocated'}.`);
    }
    this.live[block] = kind === KIND.free ? 0 : 1;
    const { chunk } = this;
    chunk.kind[chunk.count] = kind;
    chunk.block[chunk.count] = block;
    chunk.size[chunk.count] = size;
    chunk.count += 1;
    this.operations += 1;
  }
}

/** A trace that is read as it is iterated over. `bytes` are those of its text, an async iterable. */
class Trace {
  kind = 'trace';

  constructor(name, file, bytes) {
    this.name = name;
    this.bytes = bytes;
    this.parser = new TraceParser(file);
  }

  /** How many operations the head names; undefined before the first chunk, and if there is no head. */
  get expected() {
    return this.parser.head?.[2];
  }

  async *[Symbol.asyncIterator]() {
    for await (const bytes of this.bytes) yield* this.parser.push(bytes);
    yield* this.parser.end();
  }
}

module.exports = { Trace };
