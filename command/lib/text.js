// Text in columns: lines that are wrapped, and tables without rules. A table that is wider than the line becomes a list, a row
// after the other, so that it can be read on a narrow terminal.

'use strict';

const { stripVTControlCharacters } = require('node:util');

const GAP = 2;

/** The columns that a text takes; colours take none. Every character that the command prints is one column wide. */
const columnsOf = (text) => stripVTControlCharacters(text).length;

/**
 * Breaks a text at spaces into lines of at most `width` columns. The spaces that it begins with stay; the lines after the first are
 * indented by `indent`.
 */
function wrap(text, width, indent = '') {
  const [start] = /^ */.exec(text);
  const lines = [];
  let line = start;
  let isEmpty = true;
  for (const word of text.slice(start.length).split(' ')) {
    const next = isEmpty ? line + word : `${line} ${word}`;
    if (!isEmpty && columnsOf(next.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = indent + word;
    } else line = next;
    isEmpty = false;
  }
  return [...lines, line];
}

function padded(text, width, align) {
  const space = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return align === 'left' ? text + space : space + text;
}

/**
 * The lines of a table. `columns` are `{ title, align, is }`: `align` is 'left' or 'right' (the default), and `is(row)` the text of a
 * cell. `paint.bold` is used for the titles.
 */
function table(columns, rows, { width, paint }) {
  const cells = rows.map((row) => columns.map(({ is }) => is(row)));
  const widths = columns.map(({ title }, at) => {
    return Math.max(columnsOf(title), ...cells.map((row) => columnsOf(row[at])));
  });
  const total = widths.reduce((sum, each) => sum + each + GAP, -GAP);
  if (total > width) return asList(columns, cells, { width, paint });
  const line = (texts) => {
    const parts = texts.map((text, at) => padded(text, widths[at], columns[at].align));
    return parts.join(' '.repeat(GAP)).trimEnd();
  };
  return [paint.bold(line(columns.map(({ title }) => title))), ...cells.map(line)];
}

function asList([first, ...others], rows, { width, paint }) {
  const titles = Math.max(...others.map(({ title }) => columnsOf(title)));
  return rows.flatMap(([head, ...cells]) => [
    ...(first.title === '' ? [] : [paint.bold(head)]),
    ...others.flatMap(({ title }, at) => {
      const indent = ' '.repeat(titles + 2 + GAP);
      return wrap(`  ${padded(title, titles, 'left')}  ${cells[at]}`, width, indent);
    }),
  ]);
}

module.exports = { columnsOf, table, wrap };
