// What a subcommand prints with: colours, glyphs, the width of lines, JSON, warnings, progress.
//
// Results are written to standard output, all else to standard error. Colours and the width follow where standard output leads;
// a bar is drawn only if standard error is a terminal.

'use strict';

const { SingleBar } = require('cli-progress');
const { createColors } = require('picocolors');
const { onEnd } = require('./cleanup.js');

/** Columns where there is no terminal, and the fewest for which lines are laid out. */
const WIDTH = 80;
const NARROWEST = 20;
/** Operations between two looks at the clock while a bar is shown. */
const FRAMES_PER_SECOND = 10;

const NOT_ASCII = /\P{ASCII}/gu;

const UNICODE = { hole: '░', between: '↔', gives: '→', bar: '█', rest: '░', dash: '–', at: '▶' };
const ASCII = { hole: '.', between: '<->', gives: '->', bar: '#', rest: '.', dash: '-', at: '>' };

/** Whether a stream gets colours: flags first, then the environment, then what the stream is. */
function hasColors(stream, { color = true }, env) {
  if (!color || env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  return stream.isTTY === true && env.TERM !== 'dumb';
}

class Context {
  /** `flags` are the options that all subcommands have: `color`, `ascii`, `width`, `json`. */
  constructor(flags = {}, { stdout, stderr, stdin, env } = process) {
    Object.assign(this, { stdout, stderr, stdin });
    this.json = flags.json === true;
    this.isTerminal = stdout.isTTY === true;
    this.isDumb = env.TERM === 'dumb';
    this.ascii = flags.ascii === true || this.isDumb;
    this.glyphs = this.ascii ? ASCII : UNICODE;
    this.hasColors = hasColors(stdout, flags, env);
    this.paint = createColors(this.hasColors);
    this.warningPaint = createColors(hasColors(stderr, flags, env));
    this.fixedWidth = flags.width;
  }

  /** Columns of a line. A terminal may be made wider or narrower meanwhile. */
  get width() {
    const columns = this.fixedWidth ?? (this.isTerminal && this.stdout.columns);
    return Math.max(NARROWEST, columns || WIDTH);
  }

  /**
   * Writes lines of the result. Glyphs that are not ASCII come from `glyphs`; what else is none, such as a letter in the name of a file,
   * becomes a question mark where that is needed.
   */
  print(...lines) {
    const text = lines.join('\n');
    this.stdout.write(`${this.ascii ? text.replace(NOT_ASCII, '?') : text}\n`);
  }

  /** Writes the result of a subcommand as JSON: one object, which names the version of its form. */
  printJson(command, result) {
    const text = JSON.stringify({ schema: 1, command, ...result }, null, 2);
    const escaped = (letter) => {
      const units = Array.from({ length: letter.length }, (_, at) => letter.charCodeAt(at));
      return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
    };
    this.print(this.ascii ? text.replace(NOT_ASCII, escaped) : text);
  }

  /** Writes a line that is not the result. */
  warn(text) {
    this.stderr.write(`${this.warningPaint.yellow('mems:')} ${text}\n`);
  }

  /**
   * Shows on a terminal how much of `total` is done. Returns an object with `update(done)` and `stop()`, which leaves no trace.
   * Nothing is drawn if standard error is no terminal, or one that cannot move its cursor.
   */
  progress(total, label) {
    if (!this.stderr.isTTY || this.isDumb) return { update() {}, stop() {} };
    const narrow = (this.stderr.columns || WIDTH) < 60;
    const bar = new SingleBar({
      format: narrow
        ? '{bar} {percentage}%'
        : `${label}  {bar} {percentage}%  {eta_formatted} left`,
      barCompleteChar: this.glyphs.bar,
      barIncompleteChar: this.glyphs.rest,
      barsize: narrow ? 20 : 30,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      stream: this.stderr,
    });
    bar.start(total, 0);
    const forget = onEnd(() => bar.stop());
    return {
      update: (done) => bar.update(Math.min(done, total)),
      stop() {
        forget();
        bar.stop();
      },
    };
  }
}

module.exports = { Context };
