// Makes bundles and single executables of a program that uses the package, with each bundler, and runs them on each runtime in a
// folder that has nothing else of the program. Checks also what the package says if the addon is not beside them, or if the runtime
// was started so that it loads no addon.
//   npm run test:package -- bundles [--offline] [name of a way ...]
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { openTools, WAYS } from './lib/bundles.mjs';
import { Project } from './lib/project.mjs';
import { hostAddon, packRelease } from './lib/release.mjs';
import { addRow, reportRows, runScriptIn } from './lib/rows.mjs';
import { CHECKOUT, openRuntime, RUNTIMES, start } from './lib/runtimes.mjs';

const NAME = '@sambhav-gautam/osmemoryallocator';
const TIMEOUT_MS = 60_000;
const BODY = `
init();
const address = malloc(100);
write(address, 'hello');
const heap = new Heap();
heap.view(heap.malloc(8))[0] = 1;
heap.close();
console.log(JSON.stringify({ text: read(address, 5).toString(), library }));
`;
const NAMES = '{ init, malloc, write, read, Heap, library }';
const PROGRAMS = {
  'main.cjs': `const ${NAMES} = require('${NAME}');${BODY}`,
  'main.mjs': `import ${NAMES} from '${NAME}';${BODY}`,
};
const env = { ...process.env };
for (const name of ['MEMS_LIBRARY_PATH', 'NODE_OPTIONS']) delete env[name];

const [platform, addon] = hostAddon(CHECKOUT);
const opened = new Map();

async function open(name, offline) {
  if (!opened.has(name)) opened.set(name, await openRuntime(RUNTIMES.get(name), offline));
  return opened.get(name);
}

/** The program with the package installed, in a folder of its own. */
async function makeApp(scratch) {
  const packed = join(scratch, 'packed');
  await mkdir(packed);
  const { main, platforms } = await packRelease(CHECKOUT, packed, [[platform, addon]]);
  const options = { parent: scratch, registry: 'http://127.0.0.1:9/', cache: join(scratch, 'npm') };
  const app = await Project.create(options);
  const tarballs = [main.tarball, platforms.get(platform).tarball];
  await app.npm('install', '--offline', '--save-optional', ...tarballs);
  for (const [name, text] of Object.entries(PROGRAMS)) await app.write(name, text);
  return app;
}

const runBuilt = (made, binary, options) =>
  typeof made === 'string' ? start(made, [], options) : start(binary, made, options);

/** Runs what a way has built; the addon it loads must be in its folder, or Bun's copy of the one inside. */
async function runWay({ made, binary, out, embeds }) {
  const { code, output } = await runBuilt(made, binary, {
    cwd: dirname(out),
    env,
    timeout: TIMEOUT_MS,
  });
  assert.equal(code, 0, output);
  const { text, library } = JSON.parse(output);
  assert.equal(text, 'hello');
  if (!embeds) assert.equal(dirname(library), out);
}

/** Without the addon, the error names every place and says what to do. Does that, after which the program works. */
async function runWithout({ made, binary, out }) {
  const addons = (await readdir(out)).filter((name) => name.endsWith('.node'));
  for (const name of addons) await rename(join(out, name), join(out, `${name}.away`));
  const options = { cwd: dirname(out), env, timeout: TIMEOUT_MS };
  const { code, output } = await runBuilt(made, binary, options);
  assert.notEqual(code, 0);
  assert.match(output, /ERR_MEMS_ADDON_MISSING/);
  assert.match(output, /It was looked for in\n/);
  const place = join(typeof made === 'string' ? out : dirname(binary), basename(addon));
  assert.ok(output.includes(`- ${place}: not there`), output);
  const [, file] = /^Put the addon beside the program:\n +node_modules\/\S+\/(\S+)$/m.exec(output);
  await copyFile(addon, join(out, file));
  await runWay({ made, binary, out });
}

/** Checks what the package says on a runtime that was started so that it loads no addon, and that the flag it names helps. */
async function runFlags(app, binary, { refused, line, helps }) {
  const options = { cwd: app.folder, env, timeout: TIMEOUT_MS };
  const run = (flags) => start(binary, [...flags, 'main.cjs'], options);
  const { code, output } = await run(refused);
  assert.notEqual(code, 0, output);
  assert.match(output, line);
  assert.doesNotMatch(output, /rustup|npm install/);
  const helped = await run(helps);
  assert.equal(helped.code, 0, helped.output);
}

function flagsOf(name, folder) {
  if (name === 'deno') {
    const read = ['run', '--no-lock', '--no-prompt', '--allow-read'];
    return [{ refused: read, line: /--allow-ffi/, helps: [...read, '--allow-ffi'] }];
  }
  const disabled = { refused: ['--no-addons'], line: /Leave out the flag --no-addons/, helps: [] };
  const model = {
    20: ['--experimental-permission', `--allow-fs-read=${folder}/*`],
    22: ['--permission', `--allow-fs-read=${folder}/*`],
    24: ['--permission', `--allow-fs-read=${folder}`],
    26: ['--permission', `--allow-fs-read=${folder}`],
  }[name];
  if (!model) return [disabled];
  const helps = [...model, '--allow-addons'];
  return [disabled, { refused: model, line: /Allow addons as well: .*--allow-addons/, helps }];
}

await runScriptIn('mems-bundles-', async (scratch) => {
  const { values, positionals } = parseArgs({
    options: { offline: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const chosen = WAYS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const tools = await openTools();
  const app = await makeApp(scratch);
  const rows = [];
  const built = [];
  for (const way of chosen) {
    for (const name of way.runtimes) {
      const { binary, version } = await open(name, values.offline);
      const bunBinary = (await open('bun', values.offline)).binary;
      const out = await realpath(await mkdtemp(join(scratch, 'out-')));
      const row = { way: way.name, runtime: name, version };
      await addRow(rows, { ...row, step: 'build' }, async () => {
        const made = await way.build({ tools, binary, bunBinary, app: app.folder, out, addon });
        if (way.beside) await copyFile(addon, join(out, basename(addon)));
        built.push({ row, made, binary, out, embeds: /--compile$/.test(way.name) });
      });
    }
  }
  if (positionals.length === 0) {
    for (const name of RUNTIMES.keys()) {
      if (name === 'bun') continue;
      const { binary, version } = await open(name, values.offline);
      for (const flags of flagsOf(name, app.folder)) {
        const step = flags.refused.find((flag) => /addons|permission|read$/.test(flag));
        await addRow(rows, { way: 'no addons', runtime: name, version, step }, () =>
          runFlags(app, binary, flags),
        );
      }
    }
  }
  // From here on a program has only what was built.
  await app.remove();
  for (const one of built) {
    await addRow(rows, { ...one.row, step: 'run' }, () => runWay(one));
    const single = typeof one.made === 'string' && !one.embeds;
    if (single)
      await addRow(rows, { ...one.row, step: 'without the addon' }, () => runWithout(one));
  }
  reportRows(rows);
});
