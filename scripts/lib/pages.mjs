// Builds pages: one HTML file each, with all that it needs inside, which loads nothing. The command fills in what a page shows.
//
// A page is a folder of pages/:
//   page.html   has a comment, such as <!-- style -->, where each part is put: style, script, and core in a page that has heaps
//   page.css    the style, with what it imports
//   main.mjs    the script, with what it imports: packages, and modules of the command. `worker:FILE` is the text of that file and all
//               that it imports, for a worker that is started from its source.
//   heap.mjs    in a page that has heaps, takes the place of command/library.js, which loads the addon
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildCore } from './wasm.mjs';

const OPTIONS = {
  bundle: true,
  minify: true,
  // The first browsers that unpack gzip (DecompressionStream), in 2023 at the latest.
  target: ['chrome103', 'firefox113', 'safari16.4'],
  format: 'iife',
  logLevel: 'warning',
  write: false,
};

/** Makes `import source from 'worker:./worker.mjs'` the source of a worker. */
const workers = (build) => ({
  name: 'workers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^worker:/ }, ({ path, resolveDir }) => {
      return { path: join(resolveDir, path.replace(/^worker:/, '')), namespace: 'worker' };
    });
    onLoad({ filter: /./, namespace: 'worker' }, async ({ path }) => {
      const { outputFiles } = await build({ ...OPTIONS, entryPoints: [path] });
      return { contents: outputFiles[0].text, loader: 'text', resolveDir: dirname(path) };
    });
  },
});

/** Has modules of the command that are part of a page use the heaps of the page. */
const heaps = (folder) => ({
  name: 'heaps of the page',
  setup({ onResolve }) {
    onResolve({ filter: /\/library\.js$/ }, () => ({ path: join(folder, 'heap.mjs') }));
  },
});

/** In a script that is part of an HTML page, these letters would end it. */
const inScript = (text) => text.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');

/** Makes the parts of the page in `folder`, each by its name. `bundle` resolves to the text of a file with all that it imports. */
const PARTS = {
  style: async (bundle, folder) => `<style>${await bundle(join(folder, 'page.css'))}</style>`,
  script: async (bundle, folder) => {
    return `<script>${inScript(await bundle(join(folder, 'main.mjs')))}</script>`;
  },
  // The allocator as WebAssembly, gzipped as base64: what embeddedBytes() of pages/lib reads.
  core: async () => {
    const packed = gzipSync(await readFile(await buildCore()), { level: 9 });
    return `<script type="text/plain" id="core">${packed.toString('base64')}</script>`;
  },
};
const NEEDED = ['style', 'script'];

/** Builds the page `name` of a checkout into the folder `to`. Returns its file, and the packages' files that are part of it. */
export async function buildPage(checkout, name, to) {
  // Loaded late, since a checkout can be packed and tested in part without the development dependencies.
  const { build } = await import('esbuild');
  const folder = join(checkout, 'pages', name);
  const inputs = [];
  const bundle = async (entry) => {
    const { outputFiles, metafile } = await build({
      ...OPTIONS,
      absWorkingDir: checkout,
      entryPoints: [entry],
      plugins: [workers(build), heaps(folder)],
      metafile: true,
    });
    inputs.push(...Object.keys(metafile.inputs));
    return outputFiles[0].text.trim();
  };
  let html = await readFile(join(folder, 'page.html'), 'utf8');
  for (const [part, make] of Object.entries(PARTS)) {
    const pieces = html.split(`<!-- ${part} -->`);
    if (pieces.length === 1 && !NEEDED.includes(part)) continue;
    if (pieces.length !== 2) throw new Error(`${name}/page.html has not one place for its ${part}`);
    html = pieces.join(await make(bundle, folder));
  }
  const file = join(to, `${name}.html`);
  await mkdir(to, { recursive: true });
  await writeFile(file, html);
  return { file, inputs };
}
