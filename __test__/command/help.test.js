'use strict';

// What all subcommands have: a help page whose examples run, JSON in the form of the schema, lines that fit, errors of one line.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { chmodSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { environment, mems, SKIP, START, temporaryFolder } = require('../helpers/command.js');
const { writeInputs } = require('../helpers/traces.js');

const schema = path.join(__dirname, '..', '..', 'docs', 'mems-output.schema.json');
const SUBCOMMANDS = SKIP.skip ? [] : require('../../command/mems.js').SUBCOMMANDS;
/** Whether an example needs a shell. */
const isPipe = (line) => /[|<>]/.test(line);

describe('every subcommand', SKIP, () => {
  const home = process.cwd();
  let validate;
  const folder = temporaryFolder(after);

  before(() => {
    const Ajv = require('ajv');
    validate = new Ajv({ allErrors: true, allowUnionTypes: true, strictTypes: false }).compile(
      JSON.parse(readFileSync(schema, 'utf8')),
    );
    writeInputs(folder);
    process.chdir(folder);
    // What a shell finds as `mems`.
    const shim = path.join(folder, 'mems');
    writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${START}' "$@"\n`);
    chmodSync(shim, 0o755);
  });
  after(() => process.chdir(home));

  for (const command of SUBCOMMANDS) {
    test(`${command.name} has a page that fits, the same for help and --help`, async () => {
      for (const width of [40, 80]) {
        const flags = ['--width', String(width)];
        const { stdout, status } = await mems(['help', command.name, ...flags]);
        assert.equal(status, 0);
        assert.deepEqual(await mems([command.name, ...flags, '--help']), {
          status,
          stdout,
          stderr: '',
        });
        const sections = stdout.split('\n').filter((line) => /^[A-Z]/.test(line));
        assert.deepEqual(sections, [
          'NAME',
          'SYNOPSIS',
          'DESCRIPTION',
          'OPTIONS',
          'EXIT STATUS',
          'EXAMPLES',
        ]);
        // An example is copied as it is, so it is not broken.
        const lines = stdout.slice(0, stdout.indexOf('EXAMPLES')).split('\n');
        for (const line of lines)
          assert.ok(line.length <= width || !line.trim().includes(' '), line);
        for (const { run } of command.examples)
          assert.ok(stdout.includes(`\n        ${run}\n`), run);
      }
      assert.ok(command.examples.length > 0);
    });

    for (const { run, status = 0 } of command.examples) {
      const skip = isPipe(run) && process.platform === 'win32' && 'takes a shell';
      test(`example: ${run}`, { skip }, async () => {
        if (isPipe(run)) {
          const env = environment({ PATH: `${folder}${path.delimiter}${process.env.PATH}` });
          const ran = spawnSync('sh', ['-c', run], { cwd: folder, env, encoding: 'utf8' });
          assert.equal(ran.status, status, ran.stderr);
          return;
        }
        const args = run.split(' ').slice(1);
        // What an example makes must not be there when it is run again.
        const [, made] = run.match(/--into (\S+)/) ?? [];
        const again = () => made && rmSync(path.join(folder, made));
        const { status: is, stdout, stderr } = await mems(args);
        assert.equal(is, status, stderr);
        for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
        again();
        const ascii = await mems([
          ...args,
          '--ascii',
          '--width',
          '40',
          ...(run.includes(' -o ') ? ['-f'] : []),
        ]);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is just that.
        assert.match(ascii.stdout, /^[\x00-\x7f]*$/);
        if (command.json === false || args.includes('--json') || status !== 0) return;
        again();
        const printed = await mems([...args, '--json', ...(run.includes(' -o ') ? ['-f'] : [])]);
        assert.equal(printed.status, status);
        const output = JSON.parse(printed.stdout);
        assert.ok(validate(output), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
        assert.equal(output.command, command.name);
      });
    }
  }

  test('mems alone lists them, and help and errors name the nearest', async () => {
    const { stdout, status } = await mems([]);
    assert.equal(status, 0);
    for (const { name, summary } of SUBCOMMANDS) {
      assert.match(stdout, new RegExp(`^ {2}mems ${name} +${summary.slice(0, 20)}`, 'm'));
    }
    assert.deepEqual(await mems(['--help']), await mems(['help']));
    for (const option of ['--version', '-v', '-V'])
      assert.equal((await mems([option])).stdout, `${require('../../package.json').version}\n`);
    for (const args of [['lesso'], ['help', 'lesso']]) {
      const { status: refused, stderr } = await mems(args);
      assert.equal(refused, 2);
      assert.match(stderr, /^mems: there is no subcommand "lesso": did you mean lesson\?\n$/);
    }
    const { stderr } = await mems(['demo', '--width', '5']);
    assert.match(
      stderr,
      /^mems: "5" is not possible here: write a whole number from 20 to 1000\.\n$/,
    );
  });
});
