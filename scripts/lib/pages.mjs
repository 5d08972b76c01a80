// Builds pages: one HTML file each, with its script and its styles inside, in which the command fills in what the page shows.
//
// A page is a folder of pages/ with page.html, page.css and main.mjs. What it imports as `worker:FILE` is the text of that file and all
// that it imports, for a worker that is started from its source.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The first browsers that unpack gzip (DecompressionStream), in 2023 at the latest. */
export const TARGET = ['chrome103', 'firefox113', 'safari16.4'];

const OPTIONS = {
  bundle: true,
  minify: true,
  target: TARGET,
  logLevel: 'warning',
};

/** Makes `import source from 'worker:./worker.mjs'` the source of a worker. */
const workers = (build) => ({
  name: 'workers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^worker:/ }, ({ path, resolveDir }) => {
      return { path: join(resolveDir, path.replace(/^worker:/, '')), namespace: 'worker' };
    });
    onLoad({ filter: /./, namespace: 'worker' }, async ({ path }) => {
      const { outputFiles } = await build({
        ...OPTIONS,
        entryPoints: [path],
        format: 'iife',
        write: false,
      });
      return { contents: outputFiles[0].text, loader: 'text', resolveDir: dirname(path) };
    });
  },
});

/** In a script that is part of an HTML page, these letters would end it. */
const inScript = (text) => text.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');

/** Builds the page `name` of a checkout. Returns its text, and the packages' files that are part of it. */
export async function buildPage(checkout, name) {
  // Loaded late, since a checkout can be packed and tested in part without the development dependencies.
  const { build } = await import('esbuild');
  const folder = join(checkout, 'pages', name);
  const { outputFiles, metafile } = await build({
    ...OPTIONS,
    absWorkingDir: checkout,
    entryPoints: [join(folder, 'main.mjs')],
    format: 'iife',
    plugins: [workers(build)],
    metafile: true,
    write: false,
  });
  const { outputFiles: styles } = await build({
    ...OPTIONS,
    stdin: {
      contents: [
        "@import '../lib/page.css';",
        "@import 'uplot/dist/uPlot.min.css';",
        "@import './page.css';",
      ].join('\n'),
      resolveDir: folder,
      loader: 'css',
    },
    write: false,
  });
  const parts = {
    style: `<style>${styles[0].text.trim()}</style>`,
    script: `<script>${inScript(outputFiles[0].text.trim())}</script>`,
  };
  const html = await readFile(join(folder, 'page.html'), 'utf8');
  for (const part of Object.keys(parts)) {
    if (!html.includes(`<!-- ${part} -->`))
      throw new Error(`${name}/page.html has no place for its ${part}`);
  }
  // A function, since a replacement's dollars have a meaning.
  const filled = html.replace(/<!-- (style|script) -->/g, (_, which) => parts[which]);
  return { html: filled, inputs: Object.keys(metafile.inputs) };
}
