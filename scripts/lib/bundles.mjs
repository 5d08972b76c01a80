// Bundles and single executables of a program that uses the package, as users make them. Each way is a function of
// `{ tools, binary, app, out }`: a `require` for the bundlers, the runtime that will run the result, the folder of the program
// (main.cjs and main.mjs, with node_modules) and an empty folder to build into. It returns the arguments of the runtime, or the
// path of an executable.
import { copyFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { HOST } from './runtimes.mjs';
import { fromNpm, run } from './tools.mjs';

// Fixed versions of the bundlers, so that a failure is due to a change of MeMS.
const TOOLS = {
  esbuild: '0.28.2',
  postject: '1.0.0-alpha.6',
  rollup: '4.68.8',
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-json': '6.1.0',
  '@rollup/plugin-node-resolve': '16.0.3',
  webpack: '5.113.0',
  'node-loader': '2.1.0',
};
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const EXECUTABLE = process.platform === 'win32' ? 'program.exe' : 'program';

/** A `require` for the bundlers, which are installed into the cache if they are not there. */
export async function openTools() {
  const folder = await fromNpm(`bundlers-${HOST}`, TOOLS);
  return createRequire(join(folder, 'package.json'));
}

/** A bundle made by esbuild, which copies the addon. */
async function esbuild({ tools, app, out }, options = {}) {
  await tools('esbuild').build({
    entryPoints: [join(app, 'main.cjs')],
    bundle: true,
    platform: 'node',
    loader: { '.node': 'copy' },
    assetNames: '[name]',
    outdir: out,
    logLevel: 'error',
    ...options,
  });
  return [join(out, 'main.js')];
}

/** A bundle made by esbuild as an ES module, which needs a `require` of its own. */
async function esbuildModule(place) {
  await esbuild(place, {
    entryPoints: [join(place.app, 'main.mjs')],
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    banner: {
      js: "import { createRequire } from 'module'; const require = createRequire(import.meta.url);",
    },
  });
  return [join(place.out, 'main.mjs')];
}

/** A bundle made by Rollup, which does not touch addons nor code in try blocks: the addon is put beside the bundle. */
async function rollup({ tools, app, out, addon }, format) {
  const [commonjs, json, resolve] = ['commonjs', 'json', 'node-resolve'].map((name) => {
    const plugin = tools(`@rollup/plugin-${name}`);
    return (plugin.default ?? plugin)();
  });
  const bundle = await tools('rollup').rollup({
    input: join(app, 'main.mjs'),
    plugins: [resolve, commonjs, json],
    external: (id) => id.endsWith('.node'),
    onLog() {},
  });
  const file = join(out, format === 'es' ? 'main.mjs' : 'main.cjs');
  await bundle.write({ file, format });
  await bundle.close();
  await copyFile(addon, join(out, addon.split(/[\\/]/).pop()));
  return [file];
}

/** A bundle made by webpack, whose node-loader copies the addon. */
async function webpack({ tools, app, out }) {
  const compiler = tools('webpack')({
    mode: 'production',
    target: 'node',
    entry: join(app, 'main.cjs'),
    output: { path: out, filename: 'main.js' },
    module: {
      rules: [
        {
          test: /\.node$/,
          loader: tools.resolve('node-loader'),
          options: { name: '[name].[ext]' },
        },
      ],
    },
  });
  const stats = await new Promise((done, fail) => {
    compiler.run((error, result) => compiler.close(() => (error ? fail(error) : done(result))));
  });
  if (stats.hasErrors()) throw new Error(stats.toString('errors-only'));
  return [join(out, 'main.js')];
}

/** A bundle made by Bun, for itself or for Node.js. */
async function bun({ binary, app, out, bunBinary = binary }, target) {
  await run(bunBinary, ['build', 'main.cjs', `--target=${target}`, `--outdir=${out}`], {
    cwd: app,
  });
  return [join(out, 'main.js')];
}

/** An executable made by Bun. */
async function bunCompile({ binary, app, out }, ...flags) {
  const file = join(out, EXECUTABLE);
  await run(binary, ['build', 'main.cjs', '--compile', `--outfile=${file}`, ...flags], {
    cwd: app,
  });
  return file;
}

/** Writes the configuration from which a single executable of Node.js is made, and returns its path. */
async function configureSea(place, more) {
  const [main] = await esbuild(place);
  const config = join(place.out, 'sea.json');
  const options = { main, disableExperimentalSEAWarning: true, ...more };
  await writeFile(config, JSON.stringify(options));
  return config;
}

/** A single executable made by postject, which puts the program into a copy of Node.js. */
async function sea(place) {
  const { tools, binary, out } = place;
  const [blob, file] = [join(out, 'sea.blob'), join(out, EXECUTABLE)];
  const config = await configureSea(place, { output: blob });
  await run(binary, ['--experimental-sea-config', config], { cwd: out });
  await copyFile(binary, file);
  const postject = [tools.resolve('postject/dist/cli.js'), file, 'NODE_SEA_BLOB', blob];
  await run(process.execPath, [...postject, '--sentinel-fuse', FUSE]);
  return file;
}

/** A single executable made by Node.js itself, which newer versions can do. */
async function buildSea(place) {
  const file = join(place.out, EXECUTABLE);
  const config = await configureSea(place, { output: file });
  await run(place.binary, ['--build-sea', config], { cwd: place.out });
  return file;
}

/** The ways, each with the runtimes that it is for. `beside`: whether the addon is put beside the result. */
export const WAYS = [
  { name: 'esbuild', runtimes: ['14', '20', '26'], build: esbuild },
  { name: 'esbuild, ES module', runtimes: ['20', '26'], build: esbuildModule },
  { name: 'rollup', runtimes: ['20', '26'], build: (place) => rollup(place, 'cjs') },
  { name: 'rollup, ES module', runtimes: ['20', '26'], build: (place) => rollup(place, 'es') },
  { name: 'webpack', runtimes: ['14', '20', '26'], build: webpack },
  { name: 'bun build', runtimes: ['bun'], build: (place) => bun(place, 'bun') },
  { name: 'bun build for Node.js', runtimes: ['20', '26'], build: (place) => bun(place, 'node') },
  { name: 'bun build --compile', runtimes: ['bun'], build: bunCompile },
  {
    name: 'bun build --compile, addon beside',
    runtimes: ['bun'],
    beside: true,
    build: (place) => bunCompile(place, '--external=@sambhav-gautam/osmemoryallocator-*'),
  },
  { name: 'single executable', runtimes: ['22', '24', '26'], build: sea },
  { name: 'single executable by --build-sea', runtimes: ['26'], build: buildSea },
];
