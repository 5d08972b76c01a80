// The help pages, laid out like manual pages from what a subcommand says about itself.

'use strict';

const { wrap } = require('./text.js');

/** Every page ends its list of options with these. */
const COMMON_OPTIONS = [
  [
    '--json',
    'print the result as JSON, in the form of docs/mems-output.schema.json; sizes are bytes',
  ],
  ['--ascii', 'print nothing but ASCII; also if TERM is dumb'],
  [
    '--no-color',
    'print no colours; also if NO_COLOR is set. FORCE_COLOR=1 prints them into a pipe',
  ],
  ['--width <columns>', 'the width of lines; by default the width of the terminal, 80 in a pipe'],
  ['-h, --help', 'this page'],
];

const COMMON_STATUS = {
  2: 'The command cannot do this: a mistake in how it was called, in its input, or an output that cannot be written.',
  70: 'The command has a bug. Please report what it prints.',
  130: 'Ctrl-C ended the command. Nothing half-written is left.',
};

function section(title, lines, paint) {
  return [paint.bold(title), ...lines, ''];
}

/** Terms, each with its text below. */
function terms(entries, width, paint) {
  return entries.flatMap(([term, text]) => [
    `    ${paint.bold(term)}`,
    ...indented(text, 8, width),
  ]);
}

const indented = (text, columns, width) => {
  const space = ' '.repeat(columns);
  return wrap(`${space}${text}`, width, space);
};

/** The page of a subcommand. */
function page(command, { width, paint }) {
  const { name, summary, usage, description, options = [], status, examples } = command;
  const common = COMMON_OPTIONS.filter(([flag]) => flag !== '--json' || command.json !== false);
  const paragraphs = description.flatMap((text) => [...indented(text, 4, width), '']);
  const statuses = Object.entries({ ...status, ...COMMON_STATUS });
  const said = (text) => text.replace(/ *\(default: .*\)$/, '');
  return [
    ...section('NAME', indented(`mems ${name} - ${summary}`, 4, width), paint),
    ...section('SYNOPSIS', [`    mems ${name} ${usage}`.trimEnd()], paint),
    paint.bold('DESCRIPTION'),
    ...paragraphs,
    ...section(
      'OPTIONS',
      terms([...options.map(([flag, text]) => [flag, said(text)]), ...common], width, paint),
      paint,
    ),
    ...section(
      'EXIT STATUS',
      statuses.flatMap(([code, text]) => {
        return wrap(`    ${code.padEnd(5)}${text}`, width, ' '.repeat(9));
      }),
      paint,
    ),
    ...section(
      'EXAMPLES',
      examples
        .flatMap(({ run, says }) => [...indented(says, 4, width), `        ${run}`, ''])
        .slice(0, -1),
      paint,
    ),
  ].slice(0, -1);
}

/** What `mems` prints without a subcommand. */
function overview(commands, { width, paint }) {
  const longest = Math.max(...commands.map(({ name }) => name.length));
  return [
    ...wrap(
      'mems shows what memory allocators do: on textbook exercises, and on recorded programs.',
      width,
    ),
    '',
    ...commands.flatMap(({ name, summary }) => {
      const indent = ' '.repeat(longest + 8);
      return wrap(
        `  mems ${paint.bold(name)}${' '.repeat(longest - name.length)} ${summary}`,
        width,
        indent,
      );
    }),
    '',
    ...wrap(
      'mems help COMMAND is the manual page of one; mems --version names the version.',
      width,
    ),
    ...wrap('Begin with: mems demo', width),
  ];
}

module.exports = { overview, page };
