// The whole screen of a terminal, and its keys. The screen is given back as it was however that ends: at a key, an error, SIGTERM, any
// other exit of the process.
//
// Lines are written over those that are there, so that nothing flickers.

'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const readline = require('node:readline');
const tty = require('node:tty');
const { onEnd } = require('./cleanup.js');
const { Failure } = require('./failure.js');
const { columnsOf } = require('./text.js');

const ESC = '\u001b[';
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** Where a terminal does not say how large it is. */
const SIZE = { columns: 80, rows: 24 };

/** The keys of the terminal itself, where standard input is something else. */
function ownKeys() {
  try {
    return new tty.ReadStream(fs.openSync('/dev/tty', 'r'));
  } catch {
    throw new Failure('standard input is not a terminal, so there are no keys: give a file.');
  }
}

class Screen {
  /** `isPiped`: standard input is the file, and keys come from the terminal itself. */
  constructor({ stdout, stdin }, isPiped) {
    this.stdout = stdout;
    this.stdin = isPiped ? ownKeys() : stdin;
    this.isOwn = isPiped;
  }

  get size() {
    const { columns, rows } = this.stdout;
    return { columns: columns || SIZE.columns, rows: rows || SIZE.rows };
  }

  /** Draws lines, which fit. */
  draw(lines) {
    const { columns } = this.size;
    // Behind a line that fills its row the cursor is still on the last column, which would be erased.
    const erased = (line) => (columnsOf(line) < columns ? `${line}${ESC}K` : line);
    const below = columnsOf(lines.at(-1)) < columns ? `${ESC}J` : '';
    this.stdout.write(`${ESC}H${lines.map(erased).join('\r\n')}${below}`);
  }

  /**
   * Takes the screen, calls `onKey(name, text)` for each key, and `onDraw()` after it and when the terminal has another size: once for all
   * keys that are there, so that a drawing that takes long is not late. Resolves to what `onKey` returns, once that is not undefined, or
   * to 0 when there will be no more keys.
   */
  async show(onKey, onDraw) {
    const { stdin, stdout } = this;
    const restore = () => {
      stdin.setRawMode?.(false);
      stdout.write(LEAVE);
    };
    const forget = onEnd(restore);
    let settle;
    const result = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    let drawing;
    const draw = () => {
      drawing = undefined;
      try {
        onDraw();
      } catch (error) {
        settle.reject(error);
      }
    };
    const later = () => {
      drawing ??= setImmediate(draw);
    };
    const key = (text, { name, ctrl, sequence } = {}) => {
      try {
        const is = onKey(ctrl ? `ctrl-${name}` : (name ?? sequence), text ?? '');
        if (is === undefined) later();
        else settle.resolve(is);
      } catch (error) {
        settle.reject(error);
      }
    };
    const end = () => settle.resolve(0);
    try {
      stdin.setRawMode?.(true);
      stdout.write(ENTER);
      readline.emitKeypressEvents(stdin);
      stdin.on('keypress', key);
      stdin.on('end', end);
      stdin.on('error', end);
      stdout.on?.('resize', later);
      stdin.resume();
      draw();
      return await result;
    } finally {
      stdin.off('keypress', key);
      stdin.off('end', end);
      stdin.off('error', end);
      stdout.off?.('resize', later);
      clearImmediate(drawing);
      stdin.pause();
      forget();
      restore();
      if (this.isOwn) {
        stdin.destroy();
        await once(stdin, 'close').catch(() => {});
      }
    }
  }
}

module.exports = { Screen };
