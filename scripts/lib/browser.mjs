// A browser for tests of pages and for pictures of them: Chromium, without a network, that opens files as users do.
//
// Debian and Ubuntu have it as `apt-get install chromium`; MEMS_CHROMIUM may name another executable.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const WIDE = { width: 1440, height: 1000 };
/** Milliseconds that a page may take for anything, on a busy machine. */
const TIMEOUT = 30_000;

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a browser. Throws if there is none. */
export function findBrowser() {
  const named = process.env.MEMS_CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found =
    named ??
    folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
  if (found === undefined || !isExecutable(found)) {
    throw new Error(
      'No Chromium was found: install one (apt-get install chromium), or set MEMS_CHROMIUM to its path.',
    );
  }
  return found;
}

/** A browser that was started. */
export class Browser {
  #browser;

  static async start() {
    // Loaded late, since only pages take it.
    const { chromium } = await import('playwright-core');
    const browser = new Browser();
    browser.#browser = await chromium.launch({
      executablePath: findBrowser(),
      args: ['--no-sandbox'],
    });
    return browser;
  }

  /**
   * Opens a file in a window of its own. `theme` is 'light' or 'dark', `fragment` what is behind the # of the address, `before` a
   * function that runs there before the page does. Returns a page of playwright with `complaints`: what it has written to its console,
   * its errors, and requests that it has made for anything but itself.
   */
  async open(file, { size = WIDE, theme = 'light', isTouch = false, fragment, before } = {}) {
    const context = await this.#browser.newContext({
      viewport: size,
      colorScheme: theme,
      offline: true,
      hasTouch: isTouch,
      isMobile: isTouch,
      // As phones have.
      deviceScaleFactor: isTouch ? 3 : 1,
    });
    if (before !== undefined) await context.addInitScript(before);
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT);
    page.complaints = [];
    page.on('console', (message) => page.complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => page.complaints.push(error.stack ?? error.message));
    const address = pathToFileURL(file).href;
    page.on('request', (request) => {
      if (request.url().split('#')[0] !== address && !/^(?:blob|data):/.test(request.url()))
        page.complaints.push(request.url());
    });
    await page.goto(fragment ? `${address}#${fragment}` : address, { waitUntil: 'commit' });
    return page;
  }

  close() {
    return this.#browser.close();
  }
}

/** What axe finds wrong with a page, for people who cannot see it or do without a pointer: a line each. */
export async function axeViolations(page) {
  const { default: axe } = await import('axe-core');
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`),
  );
}

/** Median and 95th percentile of milliseconds, in words. */
export function summarize(milliseconds) {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `median ${at(0.5).toFixed(1)} ms, 95% ${at(0.95).toFixed(1)} ms, of ${sorted.length}`;
}
