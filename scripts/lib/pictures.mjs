// The pictures of pages in the documents, which a browser makes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Browser } from './browser.mjs';
import { buildCommand } from './command.mjs';
import { buildPage } from './pages.mjs';
import { CHECKOUT } from './runtimes.mjs';
import { run } from './tools.mjs';

const REPORT = {
  command: ['report', join('bench', 'traces', 'redis.rep.gz')],
  size: { width: 1280, height: 960 },
  ready: (page) => page.waitForSelector('body[data-sampled]'),
};

/** Each picture: the command that writes its page, the window, and what is done in it before. */
const PICTURES = {
  'report-light.png': { ...REPORT, theme: 'light' },
  'report-dark.png': { ...REPORT, theme: 'dark' },
  'report-narrow.png': { ...REPORT, theme: 'light', size: { width: 390, height: 844 } },
  'lesson-page.png': {
    command: ['lesson', 'T1', '--policy', 'best-fit', '--page'],
    size: { width: 1000, height: 960 },
    theme: 'light',
    async ready(page) {
      // The page begins behind the last call.
      await page.getByRole('button', { name: 'Back' }).click();
      // No button is drawn as the one that has the focus.
      await page.evaluate(() => document.activeElement.blur());
    },
  },
};

/** Makes all pictures in a folder. Returns their names. */
export async function makePictures(into) {
  const folder = await mkdtemp(join(tmpdir(), 'mems-pictures-'));
  const browser = await Browser.start();
  try {
    await buildCommand(CHECKOUT, join(CHECKOUT, 'bin'));
    await buildPage(CHECKOUT, 'lesson', join(CHECKOUT, 'bin'));
    for (const [name, { command, size, theme, ready }] of Object.entries(PICTURES)) {
      const file = join(folder, 'page.html');
      const mems = [join(CHECKOUT, 'bin', 'mems.js'), ...command, '-f', '-o', file];
      await run(process.execPath, mems, { cwd: CHECKOUT });
      const page = await browser.open(file, { size, theme });
      await ready(page);
      await page.screenshot({ path: join(into, name) });
      await page.close();
    }
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
  return Object.keys(PICTURES);
}
