// What the documents made from figures have in common: numbers and tables in markdown, and texts with places to fill.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { markdownTable } from 'markdown-table';
import { root } from './process.mjs';

/** Numbers above this are easier to read without a fraction. */
const LARGE = 1000;

export function number(value, digits) {
  return value < LARGE
    ? value.toFixed(digits)
    : value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `median ± spread`, without the spread where all runs agreed. */
export function figure(value, spread, digits) {
  return spread === 0
    ? number(value, digits)
    : `${number(value, digits)} ± ${number(spread, digits)}`;
}

/** How many times as much: with two digits that count, however small. */
export function times(ratio) {
  return `${ratio < 0.1 ? Number(ratio.toPrecision(2)) : ratio.toFixed(2)}x`;
}

export function markdown(headings, rows) {
  const align = headings.map((_, at) => (at === 0 ? 'left' : 'right'));
  return markdownTable([headings, ...rows], { align, padding: false });
}

/**
 * The text of bench/`name`, with `{{part}}` replaced by the part of that name. What stands between the lines `{{#part}}`
 * and `{{/part}}` is left out where the part is empty: its figures were not measured.
 */
export function fill(name, parts) {
  const text = readFileSync(path.join(root, 'bench', name), 'utf8');
  const part = (wanted) => {
    if (!(wanted in parts)) throw new Error(`bench/${name} asks for ${wanted}, which is not known`);
    return parts[wanted];
  };
  return text
    .replace(/\{\{#([\w-]+)\}\}\n(.*?)\{\{\/\1\}\}\n/gs, (_, wanted, inside) =>
      part(wanted) === '' ? '' : inside,
    )
    .replace(/\{\{([\w-]+)\}\}/g, (_, wanted) => part(wanted));
}
