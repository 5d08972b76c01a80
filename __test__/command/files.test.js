'use strict';

// Outputs of the command: whole or not at all, never in place of a file unless that is asked for; and pictures, on which
// several subcommands rely.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { environment, mems, SKIP, temporaryFolder } = require('../helpers/command.js');

const COMMAND = path.join(__dirname, '..', '..', 'command');

describe('outputs of mems', SKIP, () => {
  const folder = temporaryFolder(after);
  const { writeOutput } = SKIP.skip ? {} : require('../../command/lib/files.js');
  const file = (name) => path.join(folder, name);
  const list = () => fs.readdirSync(folder).sort();

  test('appear when they are whole', async () => {
    await writeOutput(file('whole.txt'), false, async (append) => {
      append('first ');
      assert.equal(fs.existsSync(file('whole.txt')), false);
      append(Buffer.from('second'));
    });
    assert.equal(fs.readFileSync(file('whole.txt'), 'utf8'), 'first second');
    assert.deepEqual(list(), ['whole.txt']);
  });

  test('replace no file unless that is asked for', async () => {
    const again = (force) => writeOutput(file('whole.txt'), force, (append) => append('new'));
    await assert.rejects(again(false), {
      status: 2,
      message: /whole\.txt is there already: .* -f\.$/,
    });
    assert.equal(fs.readFileSync(file('whole.txt'), 'utf8'), 'first second');
    await again(true);
    assert.equal(fs.readFileSync(file('whole.txt'), 'utf8'), 'new');
    // What another process makes meanwhile stays.
    const late = writeOutput(file('late.txt'), false, (append) => {
      append('mine');
      fs.writeFileSync(file('late.txt'), 'theirs');
    });
    await assert.rejects(late, /is there already/);
    assert.equal(fs.readFileSync(file('late.txt'), 'utf8'), 'theirs');
    fs.rmSync(file('late.txt'));
  });

  const posix = { skip: process.platform === 'win32' && 'takes links and named pipes' };

  test('are never written over what is read, under whatever name', SKIP, async () => {
    const text = 'a 0 8\nf 0\n';
    fs.writeFileSync(file('input.rep'), text);
    fs.linkSync(file('input.rep'), file('hard.rep'));
    const names = [file('input.rep'), `${folder}/./input.rep`, file('hard.rep')];
    if (!posix.skip) {
      fs.symlinkSync('input.rep', file('soft.rep'));
      names.push(file('soft.rep'));
    }
    for (const args of [['report'], ['export', '--format', 'trace']]) {
      for (const name of names) {
        const { status, stderr } = await mems([...args, file('input.rep'), '-o', name, '-f']);
        assert.deepEqual([status, /is the file that is read/.test(stderr)], [2, true], stderr);
        assert.equal(fs.readFileSync(file('input.rep'), 'utf8'), text);
      }
    }
    for (const name of fs.readdirSync(folder)) if (/\.rep$/.test(name)) fs.rmSync(file(name));
  });

  test('are written where a link leads, and the link stays', posix, async () => {
    const name = file('link.txt');
    fs.symlinkSync('linked.txt', name);
    // The link leads nowhere at first.
    for (const [force, text] of [
      [false, 'one'],
      [true, 'two'],
    ]) {
      await writeOutput(name, force, (append) => append(text));
      assert.equal(fs.readlinkSync(name), 'linked.txt');
      assert.equal(fs.readFileSync(file('linked.txt'), 'utf8'), text);
    }
    await assert.rejects(
      writeOutput(name, false, (append) => append('three')),
      /is there already/,
    );
    for (const each of ['link.txt', 'linked.txt']) fs.rmSync(file(each));
  });

  test('are written into a named pipe, which stays', posix, async () => {
    const name = file('pipe');
    execFileSync('mkfifo', [name]);
    const reader = spawn('cat', [name]);
    let text = '';
    reader.stdout.on('data', (part) => {
      text += part;
    });
    const ended = once(reader, 'close');
    await writeOutput(name, true, (append) => append('into it'));
    await ended;
    assert.equal(text, 'into it');
    assert.ok(fs.statSync(name).isFIFO());
    fs.rmSync(name);
  });

  test('have names as long as those of files', posix, async () => {
    const name = file('n'.repeat(255));
    await writeOutput(name, false, (append) => append('long'));
    fs.rmSync(name);
    await assert.rejects(
      writeOutput(`${name}n`, false, (append) => append('long')),
      { status: 2, message: /its name is too long\.$/ },
    );
    await assert.rejects(
      writeOutput(folder, true, (append) => append('folder')),
      { status: 2, message: /it is a folder\.$/ },
    );
  });

  test('leave nothing behind when what makes them fails', async () => {
    const failing = writeOutput(file('half.txt'), false, (append) => {
      append('half');
      throw new Error('of its own');
    });
    await assert.rejects(failing, /of its own/);
    const replaced = writeOutput(file('whole.txt'), true, () => {
      throw new Error('of its own');
    });
    await assert.rejects(replaced, /of its own/);
    assert.deepEqual(list(), ['whole.txt']);
    assert.equal(fs.readFileSync(file('whole.txt'), 'utf8'), 'new');
  });

  test('name what the system does not allow, in a sentence', async (t) => {
    const write = (name) => writeOutput(name, false, (append) => append('x'));
    await assert.rejects(write(file('nowhere/x.txt')), {
      status: 2,
      message: /^cannot write .*nowhere.x\.txt: its folder does not exist\.$/,
    });
    for (const [code, says] of [
      ['EACCES', 'it is not permitted'],
      ['EROFS', 'the file system is read-only'],
    ]) {
      const mock = t.mock.method(fs, 'openSync', () => {
        throw Object.assign(new Error(code), { code, syscall: 'open' });
      });
      await assert.rejects(write(file('denied.txt')), {
        status: 2,
        message: new RegExp(`: ${says}\\.$`),
      });
      mock.mock.restore();
    }
    const full = t.mock.method(fs, 'writeFileSync', () => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    });
    await assert.rejects(write(file('full.txt')), { status: 2, message: /: the disk is full\.$/ });
    full.mock.restore();
    assert.deepEqual(list(), ['whole.txt']);
  });

  test('are removed at Ctrl-C', {
    skip: process.platform === 'win32' && 'has no signals',
  }, async () => {
    const program = `
      require('./lib/cleanup.js').watch();
      require('./lib/files.js').writeOutput(process.argv[1], false, (append) => {
        append('half');
        console.log('begun');
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ['-e', program, file('stopped.txt')], {
      cwd: COMMAND,
      env: environment(),
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.equal(list().length, 2);
    child.kill('SIGINT');
    const [code] = await new Promise((resolve) => child.on('exit', (...how) => resolve(how)));
    assert.equal(code, 130);
    assert.deepEqual(list(), ['whole.txt']);
  });
});

describe('pictures', SKIP, () => {
  const picture = SKIP.skip ? {} : require('../../command/lib/picture.js');
  const { Context } = SKIP.skip ? {} : require('../../command/lib/context.js');
  const context = (flags = {}) => {
    const streams = { stdout: { isTTY: false }, stderr: {}, env: environment() };
    return new Context({ width: 60, ...flags }, streams);
  };
  const segments = (sizes) => {
    let start = 1000;
    return sizes.map((size, at) => {
      start += size;
      return { kind: at % 2 ? 'hole' : 'live', start: start - size, size, name: `P${at / 2}` };
    });
  };

  test('a bar is as long as it should be, and shows each segment as long as there is room', () => {
    for (const columns of [20, 59, 60, 100]) {
      for (const sizes of [[4096], [1, 4095], [4095, 1], [10, 10, 10, 4066], Array(10).fill(400)]) {
        const bar = picture.bar(segments(sizes), context(), columns);
        assert.equal(bar.length, columns, `${sizes} in ${columns}`);
        // Each segment begins with a wall, and one is at the end.
        assert.equal(bar.split('|').length - 2, sizes.length, bar);
      }
    }
  });

  test('a bar with more segments than room shows which parts are in use', () => {
    const half = [...Array(500).fill(4), 2000];
    const sizes = half.length % 2 ? [...half, 0].slice(0, -1) : half;
    const all = segments(sizes.map((size) => size)).map((each, at) => ({
      ...each,
      kind: at < 500 ? 'live' : 'hole',
    }));
    const bar = picture.bar(all, context(), 40);
    assert.equal(bar, `${'█'.repeat(20)}${'░'.repeat(20)}`);
    assert.equal(
      picture.bar(all, context({ ascii: true }), 40),
      `${'#'.repeat(20)}${'.'.repeat(20)}`,
    );
  });

  test('colours separate blocks, and a wall separates holes side by side', () => {
    const colored = context();
    colored.hasColors = true;
    const holes = segments([100, 100]).map((each) => ({ ...each, kind: 'hole' }));
    assert.equal(picture.bar(holes, colored, 21), '░░░░░░░░░░|░░░░░░░░░');
    assert.equal(
      picture.bar(segments([100, 100]), colored, 21),
      `P0${' '.repeat(8)}${'░'.repeat(10)}`,
    );
  });

  test('a chain is broken between links only', () => {
    const lines = picture.chain(segments(Array(12).fill(300)), context(), '  ');
    for (const line of lines) assert.match(line, /^ {2}(↔ )?[PH]\d* \d+:\d+( ↔ [PH]\d* \d+:\d+)*$/);
    assert.ok(lines.every((line) => line.length <= 60));
  });
});
