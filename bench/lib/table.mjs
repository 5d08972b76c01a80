// Tables `{ title, headings, rows }`, on the terminal and in markdown, and the numbers in them. In each row the first cell, or the
// first `texts` cells, are text; the others are numbers.

import { Table } from 'console-table-printer';
import { markdownTable } from 'markdown-table';

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

/** A ratio, with two significant digits, however small it is. */
export function times(ratio) {
  return `${ratio < 0.1 ? Number(ratio.toPrecision(2)) : ratio.toFixed(2)}x`;
}

const alignments = ({ headings, texts = 1 }) =>
  headings.map((_, at) => (at < texts ? 'left' : 'right'));

/** A table in markdown; nothing if it has no rows. */
export function markdown(table) {
  const { headings, rows } = table;
  if (rows.length === 0) return '';
  return markdownTable([headings, ...rows], { align: alignments(table), padding: false });
}

/** Prints a table on the terminal; nothing if it has no rows. */
export function print(table) {
  const { title, headings, rows } = table;
  if (rows.length === 0) return;
  const align = alignments(table);
  const columns = headings.map((heading, at) => ({
    name: String(at),
    title: heading,
    alignment: align[at],
  }));
  const printed = new Table({ title, shouldDisableColors: true, columns });
  for (const row of rows) printed.addRow(Object.fromEntries(row.entries()));
  printed.printTable();
}
