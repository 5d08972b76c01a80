// Pictures as pixels: where blocks are over time, and the map of one moment.

import { isOfKinds } from './colours.mjs';
import { FIRST_ADDRESS, NEVER, NONE } from './history.mjs';
import { KINDS, ramp, THEMES } from './palette.mjs';
import { Raster } from './raster.mjs';

const RAMPS = { light: ramp(THEMES.light), dark: ramp(THEMES.dark) };
const CHANNELS = [0, 1, 2];
const STEPS = 255;

/** Main blocks as rectangles that never end. */
function groundOf({ start, size, from }) {
  const death = new Float64Array(start.length).fill(NEVER);
  return { count: start.length, address: start, size, birth: from, death };
}

/** A pixel as a number whose lowest byte is red: how canvases have it on little-endian processors, which are all that run browsers. */
const packed = (red, green, blue) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/**
 * Colours pixels: `coverage` and `ground` are the shares of blocks, and of main blocks, in each. `colours` is a table of 256 colours
 * from which `values`, from 0 to 1, choose; or three arrays of a channel each, and no values.
 */
export function paint({ coverage, ground, values, colours }, theme) {
  const { hole, unmapped } = THEMES[theme];
  const { length } = coverage;
  const pixels = new Uint32Array(length);
  const free = packed(...hole);
  const nothing = packed(...unmapped);
  for (let at = 0; at < length; at++) {
    const covered = coverage[at];
    const below = covered > ground[at] ? covered : ground[at];
    if (covered === 0 && (below === 0 || below === 1)) {
      pixels[at] = below === 0 ? nothing : free;
      continue;
    }
    let [red, green, blue] = [0, 0, 0];
    if (values === undefined) {
      red = colours[0][at];
      green = colours[1][at];
      blue = colours[2][at];
    } else {
      const value = values[at];
      const place = 3 * (value <= 0 ? 0 : value >= 1 ? STEPS : (value * STEPS + 0.5) | 0);
      red = colours[place];
      green = colours[place + 1];
      blue = colours[place + 2];
    }
    const open = below - covered;
    const none = 1 - below;
    pixels[at] = packed(
      (covered * red + open * hole[0] + none * unmapped[0] + 0.5) | 0,
      (covered * green + open * hole[1] + none * unmapped[1] + 0.5) | 0,
      (covered * blue + open * hole[2] + none * unmapped[2] + 0.5) | 0,
    );
  }
  return new Uint8ClampedArray(pixels.buffer);
}

/** The table of colours of a theme, for values. */
export const rampOf = (theme) => RAMPS[theme];

/** Draws histories, and keeps its arrays from one picture to the next. */
export class Painter {
  #raster;

  /** Blocks over time: the pixels of a view (raster.mjs). `values` are those of a scale (colours.mjs). */
  history({ mains, blocks }, values, { view, width, height, theme, scale }) {
    if (this.#raster?.width !== width || this.#raster.height !== height) {
      this.#raster = new Raster(width, height);
    }
    const raster = this.#raster;
    raster.clear();
    raster.draw(groundOf(mains), view, values, true);
    const { coverage, ground } = raster;
    if (!isOfKinds(scale)) {
      raster.draw(blocks, view, values);
      raster.finish();
      return paint({ coverage, ground, values: raster.value, colours: RAMPS[theme] }, theme);
    }
    // The mean of numbers of kinds says nothing. That of their colours does, channel by channel.
    const colours = CHANNELS.map((channel) => {
      if (channel > 0) {
        raster.clear();
        raster.draw(groundOf(mains), view, values, true);
      }
      raster.draw(
        blocks,
        view,
        values.map((value) => KINDS[value][channel]),
      );
      raster.finish();
      return raster.value.slice();
    });
    return paint({ coverage, ground, colours }, theme);
  }

  /**
   * The map of one moment, whose segments are those of a layout: addresses from left to right in `rows` rows of `width` pixels. Returns
   * the pixels, a row each, and how many bytes a pixel is. The picture ends at the address `whole`; what is behind the heap's end is not
   * mapped.
   */
  map({ segments, end }, values, { width, rows, whole, theme, scale }) {
    const cells = width * rows;
    const bytes = Math.max(1, (whole - FIRST_ADDRESS) / cells);
    const { count, start, size, block } = segments;
    const isScale = !isOfKinds(scale);
    const ground = new Line(cells);
    ground.add(0, (end - FIRST_ADDRESS) / bytes, 1);
    const coverage = new Line(cells);
    const lines = (isScale ? [0] : CHANNELS).map(() => new Line(cells));
    for (let at = 0; at < count; at++) {
      if (block[at] === NONE) continue;
      const from = (start[at] - FIRST_ADDRESS) / bytes;
      const to = from + size[at] / bytes;
      const value = values[block[at]];
      coverage.add(from, to, 1);
      if (isScale) lines[0].add(from, to, value);
      else for (const channel of CHANNELS) lines[channel].add(from, to, KINDS[value][channel]);
    }
    const shares = { coverage: coverage.sums(), ground: ground.sums() };
    const means = lines.map((line) => line.sums(shares.coverage));
    const colours = isScale ? { values: means[0], colours: RAMPS[theme] } : { colours: means };
    return { pixels: paint({ ...shares, ...colours }, theme), bytes };
  }
}

/** A line of cells, of which ranges are covered: only where coverage changes is noted, as a difference from the cell before. */
class Line {
  #differences;

  constructor(cells) {
    this.cells = cells;
    this.#differences = new Float64Array(cells + 2);
  }

  /** Covers the cells from one place to another, with a weight. */
  add(from, to, weight) {
    const differences = this.#differences;
    const first = Math.floor(from);
    const last = Math.floor(to);
    const rest0 = weight * (from - first);
    const rest1 = weight * (to - last);
    differences[first] += weight - rest0;
    differences[first + 1] += rest0;
    differences[last] -= weight - rest1;
    differences[last + 1] -= rest1;
  }

  /** The sum of the weights of each cell; with `coverage` their mean. */
  sums(coverage) {
    const found = new Float32Array(this.cells);
    let sum = 0;
    for (let at = 0; at < found.length; at++) {
      sum += this.#differences[at];
      // Sums of many small numbers are a little off.
      if (coverage !== undefined) found[at] = coverage[at] === 0 ? 0 : sum / coverage[at];
      else found[at] = sum < 1e-6 ? 0 : sum > 1 - 1e-6 ? 1 : sum;
    }
    return found;
  }
}
