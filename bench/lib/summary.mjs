// What tables, chart and text say about a run, computed from its figures: nothing here measures.

import { median } from './measure.js';

/** The traces of a footprint, in order. */
export function traces(footprint) {
  return [...new Set(footprint.map(({ trace }) => trace))];
}

/** The allocators of a footprint for which a figure is known, in order. */
export function contenders(footprint, figure) {
  return [...new Set(footprint.filter((row) => row[figure] !== null).map(({ name }) => name))];
}

/** A name as people read it. */
export function title(name) {
  return name.replace(/^mems/, 'MeMS');
}

/** The tables of times of one kind: `where` is native or JavaScript. */
export function timesOf({ times }, where, group) {
  return times.filter((table) => table.where === where && table.group === group);
}

function row(rows, name) {
  const found = rows.find((row) => row.name === name);
  if (!found) throw new Error(`the run has no figures of ${name}`);
  return found;
}

/** How many times as long as `other` `name` takes, for each table: the table's own ratio, if it has one. */
export function ratios(tables, name, other) {
  return tables.map(({ rows }) =>
    other === rows[0].name ? row(rows, name).ratio : row(rows, name).ns / row(rows, other).ns,
  );
}

/** A figure of the footprint for each trace, as so many times the most bytes that are live. */
export function shares(footprint, name, figure) {
  return footprint.filter((row) => row.name === name).map((row) => row[figure].median / row.live);
}

/** The least and the most of some numbers, as text. */
export function range(values, digits = 1) {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((n) => n.toFixed(digits));
  return least === most ? least : `${least} to ${most}`;
}

export { median };
