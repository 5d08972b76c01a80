// Numbers as the command prints them, and as its options take them.

'use strict';

const { Failure } = require('./failure.js');

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const POWERS = { '': 0, k: 1, m: 2, g: 3, t: 4 };

/** Made once: toLocaleString() makes one in each call. */
const GROUPS = new Intl.NumberFormat('en-US');

/** 1234567 as '1,234,567'. */
const count = (value) => GROUPS.format(value);

/** A number with what is counted: '1 byte', '2 bytes'. */
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A number of bytes in the largest unit of which there is one: '3.93 MiB', '512 B'. */
function bytes(value) {
  const unit = value < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  return unit === 0 ? `${count(value)} B` : `${(value / 1024 ** unit).toFixed(2)} ${UNITS[unit]}`;
}

/** A fraction from 0 to 1 as '12 %'. */
const percent = (fraction) => `${(100 * fraction).toFixed(0)}%`;

/** A number with as many decimals as are worth reading: '1,392', '5.6'. */
const mean = (value) => (value >= 100 || value === 0 ? count(Math.round(value)) : value.toFixed(1));

/** What an option takes as a size: '4096', '64K', '1.5MiB'. A K is 1024 bytes. */
function parseSize(text) {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const size = Math.round(Number(digits) * 1024 ** POWERS[(unit ?? '').toLowerCase()]);
  if (digits === undefined || size < 1 || !Number.isSafeInteger(size)) {
    throw new Failure(
      `"${text}" is no size: write bytes, as in 4096, or a unit, as in 64K, 1.5M or 2G.`,
    );
  }
  return size;
}

/** A size as titles of columns name it: '1K', '64K', '100'. */
function shortSize(size) {
  const unit = ['', 'K', 'M', 'G', 'T'].findLast((_, power) => size % 1024 ** power === 0);
  return `${size / 1024 ** POWERS[unit.toLowerCase()]}${unit}`;
}

/** What an option takes as a whole number from `least` to `most`. */
function parseWhole(least, most = Number.MAX_SAFE_INTEGER) {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      const limits =
        most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
      throw new Failure(`"${text}" is not possible here: write a whole number ${limits}.`);
    }
    return value;
  };
}

/** Sizes with commas between them: '100,500,200'. */
const parseSizes = (text) => text.split(',').map(parseSize);

/** A percentage as a fraction: '5%' and '5' are 0.05. */
function parsePercent(text) {
  const [, digits] = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw new Failure(`"${text}" is no percentage: write one as in 5%.`);
  return Number(digits) / 100;
}

module.exports = {
  bytes,
  count,
  mean,
  parsePercent,
  parseSize,
  parseSizes,
  parseWhole,
  percent,
  plural,
  shortSize,
};
