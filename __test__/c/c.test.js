'use strict';

// include/mems.h declares what src/c defines, the addon exports exactly that, and a program in C can use it.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap, library } = require('@sambhav-gautam/osmemoryallocator');
const { KIND, Recording } = require('../../command/lib/recordings.js');
const { codes, file, functions, policies, structs } = require('../helpers/header.js');
const { statistics } = require('../helpers/tables.js');

const root = path.join(__dirname, '..', '..');
const source = (name) => readFileSync(path.join(root, name), 'utf8').replaceAll('\r', '');
const rust = readdirSync(path.join(root, 'src', 'c'))
  .map((name) => source(path.join('src', 'c', name)))
  .join('\n');

/** A declaration in C of something with a type of Rust and a name. */
function inC(type, name) {
  const types = {
    u64: 'uint64_t',
    u32: 'uint32_t',
    i32: 'int32_t',
    c_int: 'int',
    c_char: 'char',
    c_void: 'void',
    OpenMap: 'mems_map',
    MapOptions: 'mems_map_options',
    Options: 'mems_options',
    FileOptions: 'mems_file_options',
    Block: 'mems_block',
    Stats: 'mems_stats',
  };
  const [, mutability, pointee] = type.match(/^\*(const|mut) (\w+)$/) ?? [];
  if (mutability) return `${mutability === 'const' ? 'const ' : ''}${types[pointee]} *${name}`;
  const [, element, length] = type.match(/^\[(\w+); (\d+)\]$/) ?? [];
  return element ? `${types[element]} ${name}[${length}]` : `${types[type]} ${name}`;
}

describe('the header and the source agree', () => {
  test('on every function', () => {
    const pattern = /pub (?:unsafe )?extern "C" fn (\w+)\(([^)]*)\) -> ([^{]+?) \{/g;
    const defined = [...rust.matchAll(pattern)].map(([, name, parameters, answer]) => {
      const list = parameters.split(',').map((one) => one.trim());
      const inner = list.filter(Boolean).map((one) => {
        const [parameter, type] = one.split(': ');
        return inC(type, parameter);
      });
      return [name, inC(answer, `${name}(${inner.join(', ') || 'void'})`)];
    });
    const noMangle = rust.match(/#\[unsafe\(no_mangle\)\]/g).length;
    assert.equal(defined.length, noMangle);
    assert.ok(noMangle >= 20);
    assert.deepEqual(Object.fromEntries(functions), Object.fromEntries(defined));
  });

  test('on every field of every struct, in order', () => {
    const defined = [...rust.matchAll(/#\[repr\(C\)\].*?pub struct (\w+) \{(.*?)\n\}/gs)];
    // The struct of statistics is the table itself: package/tables.test.js compares it.
    const written = (field, type) =>
      type === 'heap::Stats'
        ? statistics.map((row) => inC('u64', row.field))
        : inC(type.replace('24 - heap::Stats::ALL.len()', String(24 - statistics.length)), field);
    const fields = defined.map(([, name, body]) => [
      inC(name, '').trim(),
      [...body.matchAll(/^ {4}pub (\w+): (.+),$/gm)].flatMap(([, field, type]) =>
        written(field, type),
      ),
    ]);
    assert.equal(structs.size, 5);
    assert.deepEqual(Object.fromEntries(structs), Object.fromEntries(fields));
  });

  test('on every policy', () => {
    const table = source(path.join('src', 'heap', 'policy', 'mod.rs'));
    const rows = [...table.matchAll(/^ +\w+ = (\d+) "([a-z-]+)"/gm)];
    assert.ok(rows.length >= 1);
    const names = rows.map(([, value, name]) => [
      `MEMS_POLICY_${name.toUpperCase().replaceAll('-', '_')}`,
      Number(value),
    ]);
    assert.deepEqual(Object.fromEntries(policies), Object.fromEntries(names));
  });

  test('on every error code', () => {
    const [, body] = rust.match(/pub enum Code \{(.*?)\n\}/s);
    const defined = [...body.matchAll(/(\w+) = (\d+),/g)].map(([, name, value]) => {
      const words = name.replace(/(?<=.)[A-Z]/g, (capital) => `_${capital}`).toUpperCase();
      return [name === 'Ok' ? 'MEMS_OK' : `MEMS_ERROR_${words}`, Number(value)];
    });
    assert.deepEqual(Object.fromEntries(codes), Object.fromEntries(defined));
  });

  test('and no code ever changes', () => {
    // Programs are compiled with these numbers: add to the end of the list, and change nothing else.
    const names =
      'INVALID_ARGUMENT INVALID_SIZE INVALID_ALIGNMENT NOT_INITIALIZED ALREADY_INITIALIZED CLOSED ' +
      'OUT_OF_MEMORY OUT_OF_RANGE NOT_ALLOCATED NOT_BLOCK_START OUT_OF_BLOCK CORRUPT INTERNAL ' +
      'OVERFLOW WRITE_AFTER_FREE LOCK_LIMIT UNKNOWN_HEAP RECORDING FILE OUT_OF_SPACE LOCK_TIMEOUT READ_ONLY MAP';
    const expected = ['MEMS_OK', ...names.split(' ').map((name) => `MEMS_ERROR_${name}`)];
    assert.deepEqual(
      [...codes],
      expected.map((name, value) => [name, value]),
    );
  });

  test('with JavaScript on what errors are called', () => {
    const thrown = new Set(source('src/error.rs').match(/ERR_MEMS_\w+/g));
    for (const code of thrown) assert.ok(codes.has(code.replace('ERR_MEMS', 'MEMS_ERROR')), code);
    // C has codes of their own for few errors of heap files, and one for all others.
    const ofFiles = new Set(source('src/file_error.rs').match(/ERR_MEMS_\w+/g));
    const own = ['FILE', 'OUT_OF_SPACE', 'LOCK_TIMEOUT', 'READ_ONLY'];
    for (const name of own) {
      assert.ok(ofFiles.has(`ERR_MEMS_${name}`) && codes.has(`MEMS_ERROR_${name}`), name);
    }
    // C has one code for all that maps refuse. Only JavaScript refuses types of arguments, and only C refuses NULL.
    assert.ok(codes.has('MEMS_ERROR_MAP'));
    assert.equal(codes.size, thrown.size + own.length + 3);
  });
});

/** Runs a program; returns its result, or undefined if there is no such program. */
function run(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error?.code === 'ENOENT' ? undefined : result;
}

test('the addon exports the functions of the header and no others', (t) => {
  // On macOS symbols begin with an underscore, and nm has no dynamic ones apart.
  const dynamic = process.platform === 'darwin' ? ['-gU'] : ['-D', '--defined-only'];
  const symbols = process.platform !== 'win32' && run('nm', [...dynamic, library]);
  if (!symbols) return t.skip('nm is not installed');
  assert.equal(symbols.status, 0, symbols.stderr);
  const names = symbols.stdout.match(/\w+$/gm).map((name) => name.replace(/^_(?=mems|napi)/, ''));
  assert.deepEqual(names.sort(), [...functions.keys(), 'napi_register_module_v1'].sort());
});

const warnings = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-I', path.dirname(file)];

for (const [language, standard, command] of [
  ['c', 'c99', process.env.CC ?? 'cc'],
  ['c++', 'c++11', process.env.CXX ?? 'c++'],
]) {
  test(`the header is clean as ${standard}`, (t) => {
    const args = ['-x', language, `-std=${standard}`, ...warnings, '-fsyntax-only', file];
    const compiled = process.platform !== 'win32' && run(command, args);
    if (!compiled) return t.skip(`${command} is not installed`);
    assert.deepEqual([compiled.status, compiled.stderr], [0, '']);
  });
}

describe('a program in C', () => {
  const folder = path.join(root, 'target', 'c-test');
  const program = path.join(folder, 'heap');
  const forks = path.join(folder, 'fork');
  const files = path.join(folder, 'files');
  const maps = path.join(folder, 'maps');
  let missing = false;

  before(() => {
    mkdirSync(folder, { recursive: true });
    const compiler = process.env.CC ?? 'cc';
    const args = ['-std=c99', '-D_POSIX_C_SOURCE=200112L', ...warnings];
    // Before glibc 2.34 dlopen() is in a library of its own.
    const libraries = process.platform === 'linux' ? ['-ldl', '-lpthread'] : [];
    for (const output of [program, forks, files, maps]) {
      const input = path.join(__dirname, `${path.basename(output)}.c`);
      const compiled =
        process.platform !== 'win32' && run(compiler, [...args, input, ...libraries, '-o', output]);
      missing = !compiled && `no compiler: ${compiler} is not installed`;
      if (compiled) assert.deepEqual([compiled.status, compiled.stderr], [0, '']);
    }
  });

  function runs(addon) {
    const snapshot = path.join(folder, 'heap.mems');
    const { status, stdout, stderr } = run(program, [addon, snapshot]);
    const { version } = JSON.parse(source('package.json'));
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 0, stdout: `MeMS ${version} from C\n`, stderr: '' },
    );
    const [{ kind, size }] = [...new Recording(readFileSync(snapshot)).chunks()];
    assert.deepEqual([...kind, ...size.slice(-1)], [KIND.main, KIND.block, 100]);
  }

  test('uses the heaps of the addon without Node.js', (t) => {
    if (missing) return t.skip(missing);
    runs(library);
  });

  test('forks while its threads allocate, and its children can as well', (t) => {
    if (missing) return t.skip(missing);
    const recorded = path.join(folder, 'fork.mems');
    const { status, stdout, stderr } = run(forks, [library, recorded]);
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 0, stdout: 'all children are well\n', stderr: '' },
    );
    // A malloc before each of the forks, and nothing of the children.
    const sizes = [...new Recording(readFileSync(recorded)).chunks()].flatMap(({ size }) => [
      ...size,
    ]);
    assert.deepEqual(
      sizes.filter((size) => size === 16 || size === 4096),
      new Array(100).fill(16),
    );
  });

  test('shares heap files with other processes, and children do not have those of their parent', (t) => {
    if (missing) return t.skip(missing);
    const place = mkdtempSync(path.join(os.tmpdir(), 'mems-c-'));
    t.after(() => rmSync(place, { recursive: true }));
    const { status, stdout, stderr } = run(files, [library, path.join(place, 'list.heap')]);
    const [well, notTried] = stdout.trim().split('; ');
    assert.deepEqual(
      { status, well, stderr },
      { status: 0, well: 'all processes are well', stderr: '' },
    );
    if (notTried) t.diagnostic(notTried);
    const { sound, roots } = Heap.verify(path.join(place, 'list.heap'), { deep: true });
    assert.deepEqual(
      [sound, roots.map(({ name, live }) => [name, live])],
      [true, [['list', true]]],
    );
  });

  test('shares maps with JavaScript, in one file', (t) => {
    if (missing) return t.skip(missing);
    const place = mkdtempSync(path.join(os.tmpdir(), 'mems-c-'));
    t.after(() => rmSync(place, { recursive: true }));
    const heap = Heap.open(path.join(place, 'maps.heap'));
    const map = heap.map('pages', { encoding: 'string' });
    map.set('/js', '<h1>JavaScript</h1>').set('é', 'e with an accent').set('/gone', 'a');
    map.increment('count', -5);
    const { status, stdout, stderr } = run(maps, [library, heap.path]);
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 0, stdout: 'all maps are well\n', stderr: '' },
    );
    const found = [...map].sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
    assert.deepEqual(found, [
      ['', ''],
      ['/c', '<h1>ISO C</h1>'],
      ['/child', Buffer.from('a child')],
      ['/js', '<h1>JavaScript</h1>'],
      [Buffer.from('bytes'), Buffer.from([255, 1])],
      ['count', -5n],
      ['json', { a: [1, null] }],
      ['é', 'e with an accent'],
    ]);
    assert.equal(heap.map('threads').size, 2000);
    heap.verify();
    heap.close();
  });

  test('finds the addon for tests sound after every operation', (t) => {
    if (missing) return t.skip(missing);
    const addons = path.join(root, 'target', 'test-addon');
    runs(
      path.join(
        addons,
        readdirSync(addons).find((name) => name.endsWith('.node')),
      ),
    );
  });
});
