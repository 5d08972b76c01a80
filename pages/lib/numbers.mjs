// Numbers as a page shows them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1234567 as '1,234,567'. */
export const count = (value) => value.toLocaleString('en-US');

/** Bytes in the largest unit of which there is one. */
export function bytes(value) {
  const unit = value < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** unit;
  if (unit === 0) return `${count(value)} B`;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A number with a noun: '1 hole', '2 holes'. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** A size that was typed: '4096', '64K', '1.5M'; undefined if it is none. */
export function parseSize(text) {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Math.round(Number(digits) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase()));
}
