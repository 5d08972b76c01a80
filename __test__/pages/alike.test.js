'use strict';

// When pictures of the documents count as alike (scripts/lib/alike.mjs): letters may be drawn in another way, and nothing may be missing.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { SKIP } = require('../helpers/command.js');

describe('pictures of pages', SKIP, () => {
  const was = fs.readFileSync(path.join(__dirname, '..', '..', 'docs', 'report-light.png'));
  let expectAlike;
  let png;
  before(async () => {
    ({ expectAlike } = await import('../../scripts/lib/alike.mjs'));
    png = await import('fast-png');
  });

  /** The picture with each pixel that `colour(x, y, pixel)` returns, where `pixel(x, y)` are the three channels that were there. */
  function changed(colour) {
    const { width, height, channels, data } = png.decode(was);
    const next = Uint8Array.from(data);
    const pixel = (x, y) => {
      const at = (Math.min(height - 1, y) * width + Math.min(width - 1, x)) * channels;
      return data.subarray(at, at + 3);
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) next.set(colour(x, y, pixel), (y * width + x) * channels);
    }
    return png.encode({ width, height, channels, data: next });
  }

  test('are alike if what is drawn lies a pixel beside', () => {
    expectAlike('it', was, was);
    expectAlike(
      'it',
      changed((x, y, pixel) => pixel(x + 1, y + 1)),
      was,
    );
  });

  test('are not alike if a panel is missing, or the head', () => {
    const without = ([left, top], [right, bottom]) =>
      changed((x, y, pixel) => {
        const isInside = left <= x && x < right && top <= y && y < bottom;
        return isInside ? [255, 255, 255] : pixel(x, y);
      });
    const missing = [
      [
        [925, 120],
        [1260, 435],
      ],
      [
        [0, 0],
        [1280, 50],
      ],
      [
        [940, 500],
        [1240, 600],
      ],
    ];
    for (const [from, to] of missing) {
      const is = without(from, to);
      assert.throws(
        () => expectAlike('it', is, was),
        /^Error: it looks different now near \d+, \d+/,
      );
    }
  });
});
