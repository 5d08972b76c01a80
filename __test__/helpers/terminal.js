'use strict';

// A terminal for tests of `mems step`, without a pseudo-terminal: a stream of keys, and a stream that keeps what is drawn.

const { EventEmitter, once } = require('node:events');
const { PassThrough } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const { stripVTControlCharacters } = require('node:util');
const { environment } = require('./command.js');

const KEY = {
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  pageUp: '\u001b[5~',
  pageDown: '\u001b[6~',
  enter: '\r',
  backspace: '\u007f',
  ctrlC: '\u0003',
};
const [ENTER, LEAVE] = ['\u001b[?1049h', '\u001b[?1049l'];

/** The lines of the last frame in a text. */
function lastFrame(text) {
  const frames = text.split('\u001b[H').slice(1);
  const last = frames.at(-1) ?? '';
  return last.split('\u001b[J')[0].split('\r\n').map(stripVTControlCharacters);
}

class Terminal {
  raw = false;

  constructor({ columns = 100, rows = 24 } = {}) {
    this.stdin = Object.assign(new PassThrough(), { isTTY: true });
    this.stdin.setRawMode = (raw) => {
      this.raw = raw;
    };
    const written = new EventEmitter();
    this.stdout = Object.assign(written, { isTTY: true, columns, rows, text: '' });
    this.stdout.write = (text) => {
      this.stdout.text += text;
      written.emit('written');
    };
    this.stderr = { text: '', write: (text) => Object.assign(this.stderr, { text }) };
  }

  /** Starts `mems` with these arguments, and waits for the first frame, or its end. */
  async start(args, env) {
    const { mems } = require('../../command/mems.js');
    const { stdin, stdout, stderr } = this;
    this.ended = mems(args, { stdin, stdout, stderr, env: environment(env) });
    let isOver = false;
    this.ended.finally(() => {
      isOver = true;
    });
    while (!isOver && !stdout.text.includes('\u001b[J')) await turn();
    if (isOver) throw new Error(`mems ${args.join(' ')}: ${stderr.text}`);
  }

  /** Presses keys, one after the other, and returns the lines of the screen. */
  async press(...keys) {
    for (const key of keys) {
      const drawn = once(this.stdout, 'written');
      this.stdin.write(key);
      await Promise.race([drawn, this.ended]);
    }
    return this.lines;
  }

  /** Makes the terminal another size, and returns the lines of the screen. */
  async resize(columns, rows) {
    Object.assign(this.stdout, { columns, rows });
    const drawn = once(this.stdout, 'written');
    this.stdout.emit('resize');
    await drawn;
    return this.lines;
  }

  get lines() {
    return lastFrame(this.stdout.text);
  }

  /** Whether the terminal is as it was before. */
  get isRestored() {
    const { text } = this.stdout;
    return text.lastIndexOf(LEAVE) > text.lastIndexOf(ENTER) && !this.raw;
  }
}

module.exports = { KEY, Terminal };
