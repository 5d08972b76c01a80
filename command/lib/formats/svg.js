// A program as a picture: for each policy the addresses that blocks take, downwards, over the operations, to the right. All policies have
// one scale, so that what one maps can be compared with what another does.
//
// Each part is a PNG inside an SVG, whose text can be searched, copied and read by programs. A part is as high as what it maps, and is
// drawn by exact coverage (pages/report/raster.mjs): a block that is smaller than a pixel colours as much of it as it covers.
//
// Costs: a replay for each policy, some 80 bytes an operation of memory, and as much as a trace takes that is read.

'use strict';

const { bytes, count, plural } = require('../numbers.js');
const { HistoryBuilder } = require('../history.js');
const { escaped } = require('../markup.js');
const { loadPages, replayWith } = require('../page.js');
const { Program } = require('../program.js');
const { readAll } = require('../replay-file.js');
const { Tally } = require('../tally.js');

/** Pixels of a part, and between parts; the height is that of the policy that maps most. */
const PART = { width: 420, height: 210 };
const GAP = 24;
/** Pixels above a part, for its text, and above all of them. */
const LABEL = 40;
const HEAD = 48;
const COLUMNS = 2;
/** Drawn pixels for one of the picture, so that it is sharp where it is enlarged. */
const SHARPNESS = 2;
const THEME = 'light';
const FONT = 'font-family="Helvetica, Arial, sans-serif"';

const text = (x, y, size, words, rest = '') =>
  `<text x="${x}" y="${y}" font-size="${size}" ${FONT} ${rest}>${escaped(words)}</text>`;

/** What of a history is drawn. (The rest of it is let go before the next policy is replayed.) */
function drawnOf(history) {
  const { blocks, mains, operations, refused, meta } = history;
  const mapped = mains.size.reduce((sum, size) => sum + size, 0);
  const { count: blockCount, address, size, birth, death } = blocks;
  const drawn = { count: blockCount, address, size, birth, death };
  return { policy: meta.policy, operations, mapped, refused: refused.length, mains, blocks: drawn };
}

/** A part as PNG, as many pixels high as what is mapped of `most` bytes. */
function pixelsOf(part, most, { FIRST_ADDRESS, Painter, valuesOf }, { encode }) {
  const width = SHARPNESS * PART.width;
  const height = Math.max(1, Math.round((SHARPNESS * PART.height * part.mapped) / most));
  const end = FIRST_ADDRESS + Math.max(1, part.mapped);
  const view = { t0: 0, t1: part.operations + 1, a0: FIRST_ADDRESS, a1: end };
  const painted = new Painter().history(part, valuesOf(part, 'size'), {
    view,
    width,
    height,
    theme: THEME,
    scale: 'size',
  });
  return { height, png: Buffer.from(encode({ width, height, data: painted, channels: 4 })) };
}

/** The elements of a part whose upper left corner is at a place. */
function elementsOf(part, [x, y], { peak, most }, page, png) {
  const { height, png: image } = pixelsOf(part, most, page, png);
  const perPeak = peak === 0 ? '' : `, ${(part.mapped / peak).toFixed(2)} times the peak`;
  const refused = part.refused === 0 ? '' : `, ${count(part.refused)} refused`;
  const shown = height / SHARPNESS;
  const source = `data:image/png;base64,${image.toString('base64')}`;
  return [
    text(x, y + 16, 15, part.policy, 'font-weight="bold" fill="#1a1a1a"'),
    text(x, y + 33, 12, `${bytes(part.mapped)} mapped${perPeak}${refused}`, 'fill="#444"'),
    `<image x="${x}" y="${y + LABEL}" width="${PART.width}" height="${shown}" preserveAspectRatio="none" href="${source}"/>`,
    `<rect x="${x - 0.5}" y="${y + LABEL - 0.5}" width="${PART.width + 1}" height="${shown + 1}" fill="none" stroke="#9a9a9a"/>`,
  ];
}

/** What colours mean. */
function legendOf(x, y, { css, viridis, THEMES }) {
  const theme = THEMES[THEME];
  const swatch = (at, colour) =>
    `<rect x="${at}" y="${y - 10}" width="12" height="12" fill="${css(colour)}" stroke="#9a9a9a"/>`;
  const ramp = Array.from({ length: 24 }, (_, at) => {
    return `<rect x="${x + 300 + 5 * at}" y="${y - 10}" width="5.5" height="12" fill="${css(viridis(at / 23, theme))}"/>`;
  });
  return [
    text(x, y, 12, 'addresses downwards, operations to the right', 'fill="#444"'),
    ...ramp,
    text(x + 426, y, 12, 'blocks, 8 B to 1 MiB', 'fill="#444"'),
    swatch(x + 566, theme.hole),
    text(x + 584, y, 12, 'hole', 'fill="#444"'),
    swatch(x + 630, theme.unmapped),
    text(x + 648, y, 12, 'not mapped', 'fill="#444"'),
  ];
}

/** Writes the picture of a source with these policies. Returns the number of operations. */
async function draw(source, { policies, limit }, append, context) {
  const [page, png] = [await loadPages(), await import('fast-png')];
  const own = source.options?.policy;
  const wanted = policies ?? [own ?? 'first-fit'];
  const program = new Program();
  const tally = new Tally();
  const isRecorded = wanted.includes(own);
  const builder = isRecorded ? new HistoryBuilder(page, source, { limit }) : undefined;
  const parts = new Map();
  try {
    await readAll(source, context, (some) => {
      tally.add(some);
      program.add(some);
      builder?.add(some);
    });
    if (isRecorded) parts.set(own, drawnOf(builder.finish({})));
  } finally {
    builder?.close();
  }
  for (const policy of wanted) {
    if (parts.has(policy)) continue;
    parts.set(policy, drawnOf(await replayWith(policy, { program, source, limit }, context, page)));
  }
  const all = wanted.map((policy) => parts.get(policy));
  const scale = { peak: tally.peak.bytes, most: Math.max(...all.map(({ mapped }) => mapped), 1) };
  append(pictureOf(source.name, all, scale, page, png));
  return all[0].operations;
}

/** The SVG of all parts. */
function pictureOf(name, parts, scale, page, png) {
  const columns = Math.min(COLUMNS, parts.length);
  const body = [];
  let y = HEAD;
  for (let at = 0; at < parts.length; at += columns) {
    const row = parts.slice(at, at + columns);
    row.forEach((part, column) => {
      body.push(...elementsOf(part, [GAP + column * (PART.width + GAP), y], scale, page, png));
    });
    const highest = Math.max(...row.map(({ mapped }) => mapped));
    y += LABEL + Math.ceil((PART.height * highest) / scale.most) + GAP;
  }
  // As wide as the legend, at least.
  const width = 2 * (PART.width + GAP) + GAP;
  const [operations] = parts.map((part) => part.operations);
  const title = `${name}: ${plural(operations, 'operation')}, peak ${bytes(scale.peak)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + GAP}" viewBox="0 0 ${width} ${y + GAP}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${y + GAP}" fill="#fff"/>`,
    text(GAP, 30, 17, title, 'font-weight="bold" fill="#1a1a1a"'),
    ...body,
    ...legendOf(GAP, y + 4, page),
    '</svg>\n',
  ].join('\n');
}

module.exports = { draw };
