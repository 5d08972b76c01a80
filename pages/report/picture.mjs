// Pictures as pixels: where blocks are over time, and the map of one moment.

import { isOfKinds } from './colours.mjs';
import { FIRST_ADDRESS, NEVER, NONE } from './history.mjs';
import { KINDS, ramp, THEMES } from './palette.mjs';
import { Raster } from './raster.mjs';

const RAMPS = { light: ramp(THEMES.light), dark: ramp(THEMES.dark) };
const CHANNELS = [0, 1, 2];

/** Main blocks as rectangles that never end. */
function groundOf({ start, size, from }) {
  const death = new Float64Array(start.length).fill(NEVER);
  return { count: start.length, address: start, size, birth: from, death };
}

/** Colours pixels. `colours` has three numbers a pixel; `coverage` and `ground` are the shares of blocks, and of main blocks. */
export function paint(colours, { coverage, ground }, theme) {
  const { hole, unmapped } = THEMES[theme];
  const pixels = new Uint8ClampedArray(4 * coverage.length);
  for (let at = 0; at < coverage.length; at++) {
    const covered = coverage[at];
    const below = Math.max(covered, ground[at]);
    for (let channel = 0; channel < 3; channel++) {
      pixels[4 * at + channel] =
        covered * colours[3 * at + channel] +
        (below - covered) * hole[channel] +
        (1 - below) * unmapped[channel];
    }
    pixels[4 * at + 3] = 255;
  }
  return pixels;
}

/** The colours of values from 0 to 1. */
export function rampColours(values, theme) {
  const colours = new Float32Array(3 * values.length);
  const from = RAMPS[theme];
  for (let at = 0; at < values.length; at++) {
    const place = 3 * Math.min(255, Math.max(0, Math.round(255 * values[at])));
    colours[3 * at] = from[place];
    colours[3 * at + 1] = from[place + 1];
    colours[3 * at + 2] = from[place + 2];
  }
  return colours;
}

/** The colour of a block by a scale's value. */
function colourOf(value, scale, theme) {
  if (isOfKinds(scale)) return KINDS[value];
  const place = 3 * Math.min(255, Math.max(0, Math.round(255 * value)));
  return RAMPS[theme].subarray(place, place + 3);
}

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
    if (!isOfKinds(scale)) {
      raster.draw(blocks, view, values);
      raster.finish();
      return paint(rampColours(raster.value, theme), raster, theme);
    }
    // The mean of numbers of kinds says nothing. That of their colours does, channel by channel.
    const colours = new Float32Array(3 * width * height);
    for (const channel of CHANNELS) {
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
      for (let at = 0; at < raster.value.length; at++) {
        colours[3 * at + channel] = raster.value[at];
      }
    }
    return paint(colours, raster, theme);
  }

  /**
   * The map of one moment, whose segments are those of a layout: addresses from left to right in `rows` rows of `width` pixels. Returns
   * the pixels, a row each, and how many bytes a pixel is. What is behind the heap's end is not mapped.
   */
  map({ segments, end }, values, { width, rows, theme, scale }) {
    const cells = width * rows;
    const bytes = Math.max(1, (end - FIRST_ADDRESS) / cells);
    const coverage = new Float64Array(cells + 2);
    const ground = new Float64Array(cells + 2);
    const channels = new Float64Array(3 * (cells + 2));
    edges(ground, 0, (end - FIRST_ADDRESS) / bytes, 1);
    const { count, start, size, block } = segments;
    for (let at = 0; at < count; at++) {
      if (block[at] === NONE) continue;
      const from = (start[at] - FIRST_ADDRESS) / bytes;
      const to = from + size[at] / bytes;
      const colour = colourOf(values[block[at]], scale, theme);
      const [first, last] = [Math.floor(from), Math.floor(to)];
      const [right0, right1] = [from - first, to - last];
      coverage[first] += 1 - right0;
      coverage[first + 1] += right0;
      coverage[last] -= 1 - right1;
      coverage[last + 1] -= right1;
      for (let channel = 0; channel < 3; channel++) {
        const weight = colour[channel];
        channels[3 * first + channel] += weight * (1 - right0);
        channels[3 * first + 3 + channel] += weight * right0;
        channels[3 * last + channel] -= weight * (1 - right1);
        channels[3 * last + 3 + channel] -= weight * right1;
      }
    }
    const sums = [0, 0, 0, 0, 0];
    const colours = new Float32Array(3 * cells);
    for (let at = 0; at < cells; at++) {
      sums[0] += coverage[at];
      sums[1] += ground[at];
      coverage[at] = Math.min(1, Math.max(0, sums[0]));
      ground[at] = Math.min(1, Math.max(0, sums[1]));
      for (let channel = 0; channel < 3; channel++) {
        sums[2 + channel] += channels[3 * at + channel];
        colours[3 * at + channel] = sums[0] < 1e-9 ? 0 : sums[2 + channel] / sums[0];
      }
    }
    const shares = { coverage: coverage.subarray(0, cells), ground };
    return { pixels: paint(colours, shares, theme), bytes };
  }
}

/** Notes where coverage begins and ends, as differences from one cell to the next. */
function edges(differences, from, to, weight) {
  const [first, last] = [Math.floor(from), Math.floor(to)];
  differences[first] += weight * (1 - (from - first));
  differences[first + 1] += weight * (from - first);
  differences[last] -= weight * (1 - (to - last));
  differences[last + 1] -= weight * (to - last);
}
