// All of the command `mems` except for its process: finds the subcommand, has commander read its options, and turns what it throws into a line and an exit status.
//
// A subcommand is a module that exports
//
//   name, summary, usage    for the list of subcommands and the head of its page
//   description             paragraphs of its page
//   options                 as [flags, text, parse?, default?], for commander
//   most                    how many arguments it takes; none by default, Infinity for any number
//   status                  what its exit statuses mean, beside those of all subcommands
//   examples                as { run, says, status? }: a test runs each, and expects the status
//   json                    false if it has no --json
//   run(context, args, options)   does the work, with a Context to print by. Returns the exit status, or nothing for 0
//
// and is named in SUBCOMMANDS. What it throws is a Failure if a user can mend it.

'use strict';

const { Command, CommanderError } = require('commander');
const { Context } = require('./lib/context.js');
const { explain, Failure, STATUS, unknown } = require('./lib/failure.js');
const { overview, page } = require('./lib/help.js');
const { parseWhole } = require('./lib/numbers.js');

const SUBCOMMANDS = [
  require('./demo.js'),
  require('./lesson.js'),
  require('./step.js'),
  require('./inspect.js'),
  require('./replay.js'),
  require('./compare.js'),
  require('./report.js'),
  require('./export.js'),
  require('./verify.js'),
  require('./repair.js'),
  require('./map.js'),
];

const find = (name) => {
  const found = SUBCOMMANDS.find((each) => each.name === name);
  const names = SUBCOMMANDS.map((each) => each.name);
  if (!found) throw unknown('subcommand', name, names, 'see mems help.');
  return found;
};

/** Reads the options of a subcommand. `at` is what its errors end with. */
function parse(args, { options = [], json, most = 0 }, at) {
  const parser = new Command().helpOption(false).exitOverride().allowExcessArguments();
  parser.configureOutput({ writeErr() {} }).argument('[args...]');
  parser.option('--ascii').option('--no-color').option('-h, --help');
  parser.option('--width <columns>', '', parseWhole(20, 1000));
  if (json !== false) parser.option('--json');
  for (const [flags, text, read, initial] of options) parser.option(flags, text, read, initial);
  try {
    parser.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    throw new Failure(`${message}; ${at}.`);
  }
  const found = { args: parser.args, options: parser.opts() };
  if (!found.options.help && found.args.length > most) {
    throw new Failure(`"${found.args[most]}" is one argument too many; ${at}.`);
  }
  return found;
}

const GENERAL = { most: 1, options: [['-v, --version'], ['-V']] };

/** `mems`, `mems --version`, `mems help [name]`: whatever begins with no subcommand's name. */
function general(args, streams) {
  const words = args[0] === 'help' ? args.slice(1) : args;
  const { args: names, options } = parse(words, GENERAL, 'see mems help');
  const context = new Context(options, streams);
  if (options.version || options.V) context.print(require('./library.js').version);
  else if (names.length > 0) context.print(...page(find(names[0]), context));
  else context.print(...overview(SUBCOMMANDS, context));
}

/** Runs the command with these arguments. Returns the exit status. */
async function run(args, streams) {
  const [name] = args;
  if (name === undefined || name === 'help' || name.startsWith('-')) return general(args, streams);
  const subcommand = find(name);
  const { args: rest, options } = parse(args.slice(1), subcommand, `see mems help ${name}`);
  const context = new Context(options, streams);
  if (options.help) return context.print(...page(subcommand, context));
  return subcommand.run(context, rest, options);
}

/** Runs the command with these arguments and streams (those of `process`). Returns the exit status; throws nothing. */
async function mems(args, streams) {
  try {
    return (await run(args, streams)) ?? STATUS.done;
  } catch (error) {
    const [status, text] = explain(error);
    // A name that is part of it may be anything, and a terminal obeys control characters.
    streams.stderr.write(`mems: ${text.replace(/(?!\n)\p{Cc}/gu, '?')}\n`);
    return status;
  }
}

module.exports = { SUBCOMMANDS, mems };
