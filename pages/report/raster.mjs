// Draws rectangles into pixels by exact coverage: how much of each pixel is covered, and the mean value of what covers it, each
// rectangle weighted by the area that it covers.
//
// A rectangle costs four additions if it is in one row of pixels, and sixteen otherwise, however many pixels it covers: only where
// coverage changes is noted, as a difference from the pixel to the left (`rows`), or to those to the left and above (`planes`). One pass
// over all pixels then sums the differences. So a million rectangles that are smaller than a pixel are drawn right, and quickly.
//
// Three values a pixel: coverage, coverage times value, and the coverage of a ground below the rectangles.

/** Values of a pixel. */
const VALUES = 3;

export class Raster {
  #rows;
  #planes;
  #stride;

  constructor(width, height) {
    this.width = width;
    this.height = height;
    // A difference may be noted behind the last pixel of a row, and behind the last row.
    this.#stride = (width + 2) * VALUES;
    this.#rows = new Float32Array(this.#stride * (height + 1));
    this.#planes = new Float32Array(this.#stride * (height + 1));
    this.coverage = new Float32Array(width * height);
    this.value = new Float32Array(width * height);
    this.ground = new Float32Array(width * height);
  }

  clear() {
    this.#rows.fill(0);
    this.#planes.fill(0);
  }

  /**
   * Draws blocks: `address`, `size`, `birth` and `death` are columns of `count` blocks, in order of birth; `values` has a value for each
   * block. `view` is { t0, t1, a0, a1 }: what is drawn from the left to the right and from the top to the bottom. With `isGround` the
   * blocks are the ground.
   */
  draw({ count, address, size, birth, death }, view, values, isGround = false) {
    const { t0, t1, a0, a1 } = view;
    const { width, height } = this;
    const [rows, planes, stride] = [this.#rows, this.#planes, this.#stride];
    const [scaleX, scaleY] = [width / (t1 - t0), height / (a1 - a0)];
    const shift = isGround ? 2 : 0;
    for (let at = 0; at < count; at++) {
      const born = birth[at];
      if (born >= t1) break;
      const dead = death[at];
      const start = address[at];
      if (dead <= t0 || start >= a1 || dead <= born) continue;
      const end = start + size[at];
      if (end <= a0) continue;
      const x0 = born <= t0 ? 0 : (born - t0) * scaleX;
      const x1 = dead >= t1 ? width : (dead - t0) * scaleX;
      const y0 = start <= a0 ? 0 : (start - a0) * scaleY;
      const y1 = end >= a1 ? height : (end - a0) * scaleY;
      const column0 = x0 | 0;
      const column1 = x1 | 0;
      const row0 = y0 | 0;
      const row1 = y1 | 0;
      const value = isGround ? 0 : values[at];
      const base = column0 * VALUES + shift;
      const stop = column1 * VALUES + shift;
      const right0 = x0 - column0;
      const right1 = x1 - column1;
      if (row0 === row1) {
        add(rows, row0 * stride, base, stop, right0, right1, y1 - y0, value);
        continue;
      }
      add(rows, row0 * stride, base, stop, right0, right1, row0 + 1 - y0, value);
      if (y1 > row1) add(rows, row1 * stride, base, stop, right0, right1, y1 - row1, value);
      if (row1 === row0 + 1) continue;
      add(planes, (row0 + 1) * stride, base, stop, right0, right1, 1, value);
      add(planes, row1 * stride, base, stop, right0, right1, -1, value);
    }
  }

  /** Sums the differences: fills `coverage`, `value` (the mean, where something is covered) and `ground`. */
  finish() {
    const { width, height, coverage, value, ground } = this;
    const [rows, planes, stride] = [this.#rows, this.#planes, this.#stride];
    const above = new Float64Array(stride);
    let pixel = 0;
    for (let row = 0; row < height; row++) {
      let [covered, weighted, below] = [0, 0, 0];
      let at = row * stride;
      for (let column = 0; column < width; column++, at += VALUES, pixel++) {
        const place = column * VALUES;
        above[place] += planes[at];
        above[place + 1] += planes[at + 1];
        above[place + 2] += planes[at + 2];
        covered += rows[at] + above[place];
        weighted += rows[at + 1] + above[place + 1];
        below += rows[at + 2] + above[place + 2];
        // Sums of many small numbers are a little off.
        coverage[pixel] = covered < 1e-6 ? 0 : covered > 1 ? 1 : covered;
        value[pixel] = covered < 1e-6 ? 0 : weighted / covered;
        ground[pixel] = below < 1e-6 ? 0 : below > 1 ? 1 : below;
      }
    }
  }
}

/** Notes that coverage is more by `weight` from one place of a row to another. `right` is how far into its pixel each place is. */
function add(differences, row, from, to, right0, right1, weight, value) {
  const start = row + from;
  const stop = row + to;
  const left0 = weight * (1 - right0);
  const left1 = weight * (1 - right1);
  const rest0 = weight * right0;
  const rest1 = weight * right1;
  differences[start] += left0;
  differences[start + VALUES] += rest0;
  differences[stop] -= left1;
  differences[stop + VALUES] -= rest1;
  differences[start + 1] += left0 * value;
  differences[start + VALUES + 1] += rest0 * value;
  differences[stop + 1] -= left1 * value;
  differences[stop + VALUES + 1] -= rest1 * value;
}
