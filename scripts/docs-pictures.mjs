// Makes the pictures of pages in the documents: npm run docs:pictures
//
// docs/report-light.png and docs/report-dark.png are the page of the trace redis, in a window of Chromium.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { buildCommand } from './lib/command.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT, start } from './lib/runtimes.mjs';

const TRACE = join(CHECKOUT, 'bench', 'traces', 'redis.rep.gz');
const SIZE = { width: 1280, height: 960 };
/** Bytes that a picture may have, so that a clone stays small. */
const MOST = 300_000;

await runScript(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mems-pictures-'));
  const browser = await Browser.start();
  try {
    await buildCommand(CHECKOUT, join(CHECKOUT, 'bin'));
    const page = join(folder, 'redis.html');
    const { code, output } = await start(process.execPath, [
      join(CHECKOUT, 'bin', 'mems.js'),
      ...['report', TRACE, '-o', page],
    ]);
    if (code !== 0) throw new Error(output);
    for (const theme of ['light', 'dark']) {
      const opened = await browser.open(page, { size: SIZE, theme });
      await opened.waitForSelector('body[data-sampled]');
      const path = join(CHECKOUT, 'docs', `report-${theme}.png`);
      await opened.screenshot({ path });
      const { size } = await stat(path);
      console.log(`${relative(CHECKOUT, path)}: ${size} bytes`);
      if (size > MOST) throw new Error(`${path} has more than ${MOST} bytes`);
    }
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
});
