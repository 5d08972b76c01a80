// Builds the lesson page: one HTML file with its style, its program and the allocator, as WebAssembly, in it. It loads nothing.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { TARGET } from './pages.mjs';
import { buildCore } from './wasm.mjs';

/** The modules of the command load the library by this path; the page has heaps of its own. */
const LIBRARY = /\/library\.js$/;

/** The page's program: its modules, and those that it shares with the command, as one. */
async function buildScript(checkout) {
  const { build } = await import('esbuild');
  const folder = join(checkout, 'pages', 'lesson');
  const { outputFiles } = await build({
    absWorkingDir: checkout,
    entryPoints: [join(folder, 'main.mjs')],
    bundle: true,
    write: false,
    platform: 'browser',
    target: TARGET,
    format: 'iife',
    minify: true,
    charset: 'ascii',
    logLevel: 'warning',
    plugins: [
      {
        name: 'heaps of the page',
        setup({ onResolve }) {
          onResolve({ filter: LIBRARY }, () => ({ path: join(folder, 'heap.mjs') }));
        },
      },
    ],
  });
  return outputFiles[0].text.trim();
}

async function buildStyle(checkout) {
  const { transform } = await import('esbuild');
  const read = (name) => readFile(join(checkout, 'pages', 'lesson', name), 'utf8');
  const text = (await Promise.all(['theme.css', 'style.css'].map(read))).join('');
  return (await transform(text, { loader: 'css', minify: true })).code.trim();
}

/** The page with what it needs in the places for it. */
function assemble(page, { style, script, core }) {
  const places = [
    ['<style></style>', `<style>${style}</style>`],
    [
      '<script type="text/plain" id="core"></script>',
      `<script type="text/plain" id="core">${core}</script>`,
    ],
    ['<script></script>', `<script>${script}</script>`],
  ];
  return places.reduce((text, [place, filled]) => {
    if (text.split(place).length !== 2) throw new Error(`index.html has not one ${place}`);
    return text.replace(place, () => filled);
  }, page);
}

/** Builds the page of `checkout` into the folder `to`, and returns its file. */
export async function buildLessonPage(checkout, to) {
  const core = await readFile(await buildCore());
  const page = await readFile(join(checkout, 'pages', 'lesson', 'index.html'), 'utf8');
  const parts = {
    style: await buildStyle(checkout),
    script: await buildScript(checkout),
    core: gzipSync(core, { level: 9 }).toString('base64'),
  };
  const file = join(to, 'lesson.html');
  await mkdir(to, { recursive: true });
  await writeFile(file, assemble(page, parts));
  return file;
}
