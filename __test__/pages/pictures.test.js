'use strict';

// The pictures of pages, without a browser: rectangles drawn by differences against the area that each covers of each pixel, and the
// map of a moment against the same.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { SKIP } = require('../helpers/command.js');
const { Random, reproducible } = require('../helpers/random.js');

/** A whole number from 0 to below `most`. */
const below = (random, most) => random.int(0, most - 1);

/** How much of the pixel `at` a range covers. */
const overlap = (from, to, at) => Math.max(0, Math.min(to, at + 1) - Math.max(from, at));

describe('rectangles', SKIP, () => {
  let Raster;
  before(async () => {
    ({ Raster } = await import('../../pages/report/raster.mjs'));
  });

  /** Coverage, mean value and ground of each pixel, from the areas that rectangles cover. */
  function slowly(width, height, view, rectangles, values, grounds) {
    const pixels = [];
    const area = ({ birth, death, address, size }, x, y) => {
      const scaleX = width / (view.t1 - view.t0);
      const scaleY = height / (view.a1 - view.a0);
      const across = overlap((birth - view.t0) * scaleX, (death - view.t0) * scaleX, x);
      const down = overlap((address - view.a0) * scaleY, (address + size - view.a0) * scaleY, y);
      return across * down;
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const areas = rectangles.map((rectangle) => area(rectangle, x, y));
        const covered = areas.reduce((sum, each) => sum + each, 0);
        const weighted = areas.reduce((sum, each, at) => sum + each * values[at], 0);
        const ground = grounds.reduce((sum, each) => sum + area(each, x, y), 0);
        pixels.push({ covered, mean: covered < 1e-4 ? undefined : weighted / covered, ground });
      }
    }
    return pixels;
  }

  const columns = (rectangles) => ({
    count: rectangles.length,
    ...Object.fromEntries(
      ['birth', 'death', 'address', 'size'].map((name) => [
        name,
        Float64Array.from(rectangles, (each) => each[name]),
      ]),
    ),
  });

  test('cover each pixel as much as they do, at every zoom', (t) => {
    reproducible(t, () => {
      for (let round = 0; round < 60; round++) {
        const random = new Random(round);
        const number = (most) => below(random, most);
        // Side by side in time and addresses, so that no pixel is covered more than once.
        const rectangles = [];
        for (let address = 1000; address < 5000; ) {
          const size = 1 + number(round % 3 === 0 ? 3000 : 60);
          for (let birth = number(50); birth < 1000; ) {
            const death = birth + 1 + number(round % 2 === 0 ? 5 : 900);
            rectangles.push({ birth, death, address, size });
            birth = death + number(100);
          }
          address += size + number(40);
        }
        rectangles.sort((a, b) => a.birth - b.birth);
        const values = Float32Array.from(rectangles, () => number(1000) / 1000);
        const grounds = [
          { birth: 0, death: 1500, address: 1000, size: 2000 },
          { birth: 300, death: 1500, address: 3000, size: 1500 },
        ];
        const t0 = number(900);
        const a0 = 1000 + number(3500);
        const view =
          round < 10
            ? { t0: 0, t1: 1000, a0: 1000, a1: 5000 }
            : { t0, t1: t0 + 1 + number(300), a0, a1: a0 + 1 + number(800) };
        const [width, height] = [1 + number(30), 1 + number(20)];
        const raster = new Raster(width, height);
        // Arrays are used again.
        for (let again = 0; again < 2; again++) {
          raster.clear();
          raster.draw(columns(grounds), view, [], true);
          raster.draw(columns(rectangles), view, values);
          raster.finish();
        }
        slowly(width, height, view, rectangles, values, grounds).forEach((pixel, at) => {
          const near = (is, wanted, what) =>
            assert.ok(
              Math.abs(is - wanted) < 1e-3,
              `round ${round}, pixel ${at}: ${what} is ${is}, not ${wanted}`,
            );
          near(raster.coverage[at], pixel.covered, 'coverage');
          near(raster.ground[at], pixel.ground, 'ground');
          if (pixel.covered > 0.01) near(raster.value[at], pixel.mean, 'the mean value');
        });
      }
    });
  });

  test('that a heap has by the million leave no trace where they are not', (t) => {
    reproducible(t, () => {
      const random = new Random(1000);
      const rectangles = Array.from({ length: 100_000 }, (_, at) => ({
        birth: at,
        death: at + 1 + below(random, 2000),
        address: 1000 + below(random, 1 << 20),
        size: 1 + below(random, 100),
      }));
      const raster = new Raster(200, 100);
      raster.clear();
      const view = { t0: 0, t1: 110_000, a0: 1000, a1: 1000 + (1 << 21) };
      raster.draw(columns(rectangles), view, new Float32Array(100_000).fill(0.5));
      raster.finish();
      // The lower half has none of them, and neither have the last columns.
      for (let pixel = 100 * 51; pixel < 200 * 100; pixel++) {
        if (pixel < 200 * 51) continue;
        assert.equal(raster.coverage[pixel], 0);
      }
      for (let row = 0; row < 100; row++) assert.equal(raster.coverage[200 * row + 199], 0);
    });
  });
});

describe('pixels', SKIP, () => {
  let picture;
  let palette;
  before(async () => {
    picture = await import('../../pages/report/picture.mjs');
    palette = await import('../../pages/report/palette.mjs');
  });

  test('are blocks, holes and what is not mapped, by their shares', () => {
    const shares = { coverage: [0, 0, 1, 0.5, 0.25], ground: [0, 1, 1, 1, 0.5] };
    const { hole, unmapped } = palette.THEMES.light;
    const values = [0, 0, 1, 1, 1];
    const block = palette.viridis(1, palette.THEMES.light);
    const pixels = picture.paint({ ...shares, values, colours: picture.rampOf('light') }, 'light');
    const wanted = [
      unmapped,
      hole,
      block,
      block.map((each, channel) => 0.5 * each + 0.5 * hole[channel]),
      block.map((each, channel) => 0.25 * each + 0.25 * hole[channel] + 0.5 * unmapped[channel]),
    ];
    wanted.forEach((colour, at) => {
      const is = [...pixels.subarray(4 * at, 4 * at + 4)];
      assert.equal(is[3], 255);
      colour.forEach((channel, each) => {
        assert.ok(Math.abs(is[each] - channel) <= 1, `pixel ${at}: ${is}, not ${colour}`);
      });
    });
  });

  test('have three colours that differ in every theme', () => {
    for (const theme of Object.values(palette.THEMES)) {
      const bright = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      assert.ok(Math.abs(bright(theme.hole) - bright(theme.unmapped)) > 20);
      for (let value = 0; value <= 1; value += 0.05) {
        const [red, green, blue] = palette.viridis(value, theme);
        const apart = Math.max(
          ...theme.hole.map((each, at) => Math.abs(each - [red, green, blue][at])),
        );
        assert.ok(apart > 60, `${value}: ${[red, green, blue]} is like a hole`);
      }
    }
  });

  test('of the map of a moment are blocks where they are', (t) => {
    reproducible(t, () => {
      const random = new Random(2000);
      for (let round = 0; round < 40; round++) {
        const segments = { start: [], size: [], block: [], count: 0 };
        let address = 1000;
        const values = [];
        while (segments.count < 50) {
          const size = 1 + below(random, 200);
          segments.start.push(address);
          segments.size.push(size);
          segments.block.push(below(random, 3) === 0 ? 0xffff_ffff : values.push(0.5) - 1);
          segments.count += 1;
          address += size;
        }
        const whole = address + below(random, 500);
        const map = { width: 1 + below(random, 60), rows: 1 + below(random, 5), whole };
        const layout = { segments, end: address };
        const { pixels, bytes } = new picture.Painter().map(layout, values, {
          ...map,
          theme: 'light',
          scale: 'size',
        });
        const block = picture.rampOf('light').subarray(3 * 128, 3 * 128 + 3);
        const { hole, unmapped } = palette.THEMES.light;
        for (let cell = 0; cell < map.width * map.rows; cell++) {
          let [covered, mapped] = [0, overlap(0, (address - 1000) / bytes, cell)];
          segments.start.forEach((start, at) => {
            if (segments.block[at] === 0xffff_ffff) return;
            covered += overlap(
              (start - 1000) / bytes,
              (start - 1000 + segments.size[at]) / bytes,
              cell,
            );
          });
          mapped = Math.max(mapped, covered);
          const wanted = [0, 1, 2].map(
            (channel) =>
              covered * block[channel] +
              (mapped - covered) * hole[channel] +
              (1 - mapped) * unmapped[channel],
          );
          wanted.forEach((colour, channel) => {
            assert.ok(
              Math.abs(pixels[4 * cell + channel] - colour) <= 1.5,
              `round ${round}, cell ${cell}: ${pixels[4 * cell + channel]}, not ${colour}`,
            );
          });
        }
      }
    });
  });
});
