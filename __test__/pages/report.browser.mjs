// The page of mems report in a browser: its numbers are those of stats(), keys and pointers do what they should, nothing is fetched, and
// nothing is wrong by axe.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { axeViolations, Browser, summarize } from '../../scripts/lib/browser.mjs';

const require = createRequire(import.meta.url);
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { POLICIES } = require('../../command/library.js');
const { mems } = require('../helpers/command.js');
const { program, traceText } = require('../helpers/traces.js');
const { replayed } = require('../helpers/reports.js');

const CHECKOUT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const NARROW = { width: 390, height: 844 };

/** Each number of the page, from what stats() returns. */
const OF_STATS = {
  live: ({ bytes }) => bytes.live,
  requested: ({ bytes }) => bytes.requested,
  mapped: ({ bytes }) => bytes.mapped,
  holeBytes: ({ bytes }) => bytes.holes,
  largest: ({ bytes }) => bytes.largestHole,
  blocks: ({ counts }) => counts.live,
  holes: ({ counts }) => counts.holes,
  mainBlocks: ({ counts }) => counts.mainBlocks,
  external: ({ fragmentation }) => fragmentation.external,
  internal: ({ fragmentation }) => fragmentation.internal,
};

let browser;
let folder;
const file = (name) => join(folder, name);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mems-pages-'));
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes a page and opens it. */
async function report(name, { args = [], ...options } = {}) {
  const output = file(`${name.replace(/[^\w]/g, '_')}.html`);
  const { status, stderr } = await mems(['report', file(name), '-o', output, '-f', ...args]);
  assert.equal(status, 0, stderr);
  const page = await browser.open(output, options);
  await page.waitForSelector('body[data-ready]');
  return page;
}

const closed = async (page) => {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
};

/** Moves the slider. */
async function goTo(page, moment) {
  await page.evaluate((value) => {
    const slider = document.getElementById('slider');
    slider.value = value;
    slider.dispatchEvent(new Event('input'));
  }, String(moment));
  await page.waitForSelector(`body[data-moment="${moment}"]`);
}

const numbersOf = (page) => {
  return page.evaluate(() => {
    const elements = [...document.querySelectorAll('#numbers data')];
    return Object.fromEntries(
      elements.map(({ id, value }) => [id.replace('number-', ''), Number(value)]),
    );
  });
};

async function assertNumbers(page, stats, unusable, what) {
  const is = await numbersOf(page);
  for (const [name, of] of Object.entries(OF_STATS)) {
    assert.ok(
      Math.abs(is[name] - of(stats)) < 1e-9,
      `${what}: ${name} is ${is[name]}, not ${of(stats)}`,
    );
  }
  ['unusable64', 'unusable1K', 'unusable64K'].forEach((name, at) => {
    assert.ok(
      Math.abs(is[name] - unusable[at]) < 1e-9,
      `${what}: ${name} is ${is[name]}, not ${unusable[at]}`,
    );
  });
}

const unusableOf = (heap) => [64, 1024, 65536].map((size) => heap.unusable(size));
const momentOf = async (page) => Number(await page.getAttribute('body', 'data-moment'));
const viewOf = async (page) =>
  (await page.getAttribute('#history', 'data-drawn')).split(' ').map(Number);

/** Does something that changes what is in view, and waits until that is drawn. */
async function changed(page, act) {
  const drawn = await page.getAttribute('#history', 'data-drawn');
  await act();
  await page.waitForFunction(
    (before) => document.getElementById('history').dataset.drawn !== before,
    drawn,
  );
  return viewOf(page);
}

describe('the numbers of the page', () => {
  const calls = program(400, 3000);

  for (const policy of POLICIES) {
    test(`are those of stats() in a recording with ${policy}`, async () => {
      const heap = new Heap({ policy, maxSize: 8 << 20 });
      heap.record(file(`${policy}.mems`));
      const known = [];
      const note = (text) => {
        heap.mark(text);
        known.push({ text, stats: heap.stats(), unusable: unusableOf(heap) });
      };
      const blocks = [];
      calls.forEach((call, at) => {
        const [kind, id, size] = call.split(' ');
        if (kind === 'a') blocks[id] = heap.malloc(Number(size));
        else if (kind === 'r') blocks[id] = heap.realloc(blocks[id], Number(size));
        else heap.free(blocks[id]);
        if (at === 0) note('first');
        if (at === 300) {
          assert.throws(() => heap.malloc(16 << 20), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
          heap.malloc(5000, { alignment: 4096 });
          heap.trim();
          note('refused');
        }
        if (at === Math.floor(calls.length / 2)) note('middle');
      });
      note('last');
      heap.stopRecording();
      heap.close();
      const page = await report(`${policy}.mems`, { args: ['--policy', 'none'] });
      assert.deepEqual(await page.locator('#notes p').allTextContents(), []);
      await page.selectOption('#find-what', 'mark');
      await goTo(page, 0);
      for (const { text, stats, unusable } of known) {
        await page.fill('#find-value', text);
        await page.click('#find [type=submit]');
        await page.waitForFunction(
          (words) => document.getElementById('operation').textContent.endsWith(`mark: ${words}`),
          text,
        );
        await assertNumbers(page, stats, unusable, `${policy}, ${text}`);
      }
      await closed(page);
    });

    test(`are those of stats() where a trace is replayed with ${policy}`, async () => {
      writeFileSync(file(`${policy}.rep`), traceText(calls));
      const page = await report(`${policy}.rep`, { args: ['--policy', policy] });
      for (const moment of [1, Math.floor(calls.length / 2), calls.length]) {
        const { stats, unusable } = replayed(calls.slice(0, moment), policy);
        await goTo(page, moment);
        await assertNumbers(page, stats, unusable, `${policy}, operation ${moment}`);
      }
      await closed(page);
    });
  }

  test('are those of stats() in the page of a live heap, and of one that is being recorded', async () => {
    for (const policy of POLICIES) {
      const heap = new Heap({ policy });
      heap.record(file('live.mems'));
      const blocks = Array.from({ length: 3000 }, (_, at) => heap.malloc(1 + ((at * 37) % 3000)));
      for (let at = 0; at < blocks.length; at += 3) heap.free(blocks[at]);
      const stats = heap.stats();
      const bytes = await heap.report(file('live.html'));
      assert.equal(bytes, readFileSync(file('live.html')).length);
      const page = await browser.open(file('live.html'));
      await page.waitForSelector('body[data-ready]');
      assert.deepEqual(await page.locator('#notes p').allTextContents(), []);
      await assertNumbers(page, stats, unusableOf(heap), `live, ${policy}`);
      assert.ok(heap.stopRecording().operations > 4000);
      heap.close();
      await closed(page);
    }
  });

  test('none, one and two operations', async () => {
    for (const count of [0, 1, 2]) {
      const some = ['a 0 100', 'f 0'].slice(0, count);
      writeFileSync(file(`short${count}.rep`), traceText(some));
      const page = await report(`short${count}.rep`);
      for (let moment = 0; moment <= count; moment++) {
        if (count > 0) await goTo(page, moment);
        const { stats, unusable } = replayed(some.slice(0, moment), 'first-fit');
        await assertNumbers(page, stats, unusable, `operation ${moment} of ${count}`);
      }
      for (const key of [
        '+',
        '-',
        '0',
        'ArrowRight',
        'ArrowLeft',
        'n',
        'p',
        'End',
        'Home',
        '*',
        '_',
      ]) {
        await page.keyboard.press(key);
      }
      await page.locator('#history').click();
      await closed(page);
    }
  });
});

describe('the page', () => {
  const calls = program(2000, 3000);
  let page;

  before(async () => {
    const heap = new Heap({ policy: 'first-fit', maxSize: 8 << 20 });
    heap.record(file('</script><b>x.mems'.replace('/', '\u2215')), { stacks: true });
    const blocks = [];
    heap.mark('</script><img src=x onerror=alert(1)>');
    calls.forEach((call, at) => {
      const [kind, id, size] = call.split(' ');
      if (kind === 'a') blocks[id] = heap.malloc(Number(size));
      else if (kind === 'r') blocks[id] = heap.realloc(blocks[id], Number(size));
      else heap.free(blocks[id]);
      if (at === 1000) heap.mark('half');
    });
    assert.throws(() => heap.malloc(64 << 20));
    heap.stopRecording();
    heap.close();
    page = await report('</script><b>x.mems'.replace('/', '\u2215'));
  });
  after(() => closed(page));

  test('shows names and marks as text', async () => {
    assert.match(await page.title(), /^<∕script><b>x – MeMS report$/);
    assert.equal(await page.textContent('#name'), '<∕script><b>x');
    await page.selectOption('#find-what', 'mark');
    await page.fill('#find-value', 'onerror');
    await page.click('#find [type=submit]');
    await page.waitForFunction(() =>
      document.getElementById('operation').textContent.includes('onerror=alert(1)>'),
    );
    assert.equal(await page.locator('img').count(), 0);
  });

  test('has no paths of the machine', async () => {
    await page.waitForSelector('#sites td');
    const site = await page.textContent('#sites');
    assert.match(site, /report\.browser\.mjs:\d+/);
    assert.doesNotMatch(site, /[\\/]__test__|file:/);
  });

  test('steps by keys', async () => {
    await page.locator('#history').focus();
    await page.keyboard.press('Home');
    await page.waitForSelector('body[data-moment="0"]');
    await page.keyboard.press('ArrowRight');
    await page.waitForSelector('body[data-moment="1"]');
    await page.keyboard.press('Shift+ArrowRight');
    await page.waitForSelector('body[data-moment="1001"]');
    await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('body[data-moment="1000"]');
    await page.keyboard.press('n');
    await page.waitForFunction(() => Number(document.body.dataset.moment) > 1000);
    const next = await momentOf(page);
    assert.match(await page.textContent('#operation'), /mark|grows|refused/);
    await page.keyboard.press('p');
    await page.waitForFunction(() => Number(document.body.dataset.moment) < 1000);
    await page.keyboard.press('n');
    await page.waitForSelector(`body[data-moment="${next}"]`);
    await page.keyboard.press('End');
    await page.waitForFunction(() =>
      document.getElementById('operation').textContent.includes('refused'),
    );
  });

  test('zooms and moves by keys, wheel and pointer', async () => {
    const whole = await viewOf(page);
    const span = ([t0, t1, a0, a1]) => [t1 - t0, a1 - a0];
    const [time, bytes] = span(whole);
    const near = (is, wanted) =>
      assert.ok(Math.abs(is - wanted) < 1e-6 * wanted, `${is}, not ${wanted}`);
    let now = span(await changed(page, () => page.keyboard.press('+')));
    near(now[0], time / 2);
    near(now[1], bytes / 2);
    now = span(await changed(page, () => page.keyboard.press('*')));
    near(now[0], time / 4);
    near(now[1], bytes / 2);
    await changed(page, () => page.keyboard.press('0'));
    await page.locator('#history').hover({ position: { x: 300, y: 100 } });
    const zoomed = await changed(page, () => page.mouse.wheel(0, -100));
    near(span(zoomed)[0], time / 1.5);
    near(span(zoomed)[1], bytes / 1.5);
    await page.keyboard.down('Shift');
    now = span(await changed(page, () => page.mouse.wheel(0, -100)));
    await page.keyboard.up('Shift');
    near(now[0], time / 2.25);
    near(now[1], bytes / 1.5);
    const before = await viewOf(page);
    const moved = await changed(page, async () => {
      await page.mouse.down();
      await page.mouse.move(200, 220, { steps: 4 });
      await page.mouse.up();
    });
    near(span(moved)[0], span(before)[0]);
    assert.ok(moved[0] !== before[0] || moved[2] !== before[2]);
    await page.locator('#history').dblclick();
    // What the drag has asked for may be drawn before.
    await page.waitForSelector(`#history[data-drawn="${whole.join(' ')}"]`);
  });

  test('selects the block that is clicked, and outlines it', async () => {
    const box = await page.locator('#history').boundingBox();
    const over = () => page.evaluate(() => document.querySelector('#history .over').toDataURL());
    await page.keyboard.press('Escape');
    await page.waitForFunction(() =>
      document.getElementById('block').textContent.startsWith('Click'),
    );
    const before = await over();
    await page.mouse.click(box.x + box.width / 2, box.y + 3);
    await page.waitForFunction(() =>
      document.getElementById('block').textContent.startsWith('Block of'),
    );
    assert.match(
      await page.textContent('#block'),
      /at [\d,]+\.\.[\d,]+; allocated at operation [\d,]+; .*operations? (later|old at the end)/,
    );
    assert.notEqual(await over(), before);
    // The cursor is where the block is there.
    await page.waitForFunction(() => {
      return document.querySelector('#chain .focus')?.textContent.startsWith('P ');
    });
    await page.click('#chain button >> nth=0');
    await page.waitForFunction(() =>
      document.getElementById('block').textContent.startsWith('Block of'),
    );
  });

  test('finds addresses, sizes, ages, blocks that are never freed, and refused requests', async () => {
    await goTo(page, 0);
    const find = async (what, value) => {
      await page.selectOption('#find-what', what);
      if (value !== undefined) await page.fill('#find-value', value);
      await page.evaluate(() => document.getElementById('found').replaceChildren());
      await page.click('#find [type=submit]');
      await page.waitForFunction(() => document.getElementById('found').textContent !== '');
      return { found: await page.textContent('#found'), block: await page.textContent('#block') };
    };
    assert.match((await find('address', '1000')).block, /at 1,000\.\./);
    const { block } = await find('size', '2K');
    assert.ok(Number(/^Block of ([\d.]+) KiB/.exec(block)[1]) >= 2, block);
    const { block: old } = await find('age', '104');
    assert.ok(Number(/, ([\d,]+) operations/.exec(old)[1].replace(',', '')) >= 104, old);
    assert.match((await find('never freed')).block, /never freed/);
    assert.match((await find('refused')).found, /^Operation/);
    assert.match(await page.textContent('#operation'), /refused/);
    assert.equal((await find('size', '1G')).found, 'There is none.');
    assert.match((await find('size', 'much')).found, /^Write a size/);
  });

  test('colours by size, age, fate and site', async () => {
    const picture = () =>
      page.evaluate(() => document.querySelector('#history canvas').toDataURL());
    const pictures = new Set();
    for (const scale of ['size', 'age', 'fate', 'site']) {
      await page.evaluate(() => delete document.getElementById('history').dataset.drawn);
      await page.selectOption('#scale', scale);
      await page.waitForSelector('#history[data-drawn]');
      pictures.add(await picture());
      assert.ok((await page.locator('#legend > span').count()) >= 3);
    }
    assert.equal(pictures.size, 4);
  });

  test('explains each number', async () => {
    for (const button of await page.locator('#numbers .help').all()) {
      await button.click();
      assert.equal(await button.getAttribute('aria-expanded'), 'true');
      const text = page.locator(`#${await button.getAttribute('aria-controls')}`);
      assert.match(await text.textContent(), /^.{20,}\.$/);
      assert.equal(await text.isVisible(), true);
      await button.click();
      assert.equal(await text.isVisible(), false);
    }
  });

  test('reads the numbers out once the cursor rests', async () => {
    await goTo(page, 100);
    await page.waitForFunction(() =>
      document.getElementById('said').textContent.startsWith('Operation 100:'),
    );
    assert.match(await page.textContent('#said'), /live in [\d,]+ blocks/);
  });

  test('all that can be done is done by keys', async () => {
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(() => {
        const { id, className } = document.activeElement;
        const outline = getComputedStyle(document.activeElement).outlineStyle;
        return { name: id || className, isSeen: outline !== 'none' };
      });
      if (found.name !== '') assert.ok(found.isSeen, `the focus is not seen on ${found.name}`);
      reached.add(found.name);
    }
    for (const id of [
      'scale',
      'zoom-in',
      'history',
      'slider',
      'back',
      'forward',
      'event-next',
      'find-what',
    ]) {
      assert.ok(reached.has(id), `${id} is reached by no key`);
    }
  });

  for (const [name, options] of Object.entries({
    light: {},
    dark: { theme: 'dark' },
    narrow: { size: NARROW, isTouch: true },
    'narrow and dark': { size: NARROW, theme: 'dark', isTouch: true },
  })) {
    test(`axe finds nothing: ${name}`, async () => {
      const other = await browser.open(file('__script__b_x_mems.html'), options);
      await other.waitForSelector('body[data-sampled]');
      assert.deepEqual(await axeViolations(other), []);
      const wide = await other.evaluate(
        () => document.documentElement.scrollWidth - window.innerWidth,
      );
      assert.ok(wide <= 0, `${wide} pixels do not fit`);
      await closed(other);
    });
  }

  test('takes keys before it is open', async () => {
    const before = () => {
      const timer = setInterval(() => {
        if (document.body?.dataset.ready) clearInterval(timer);
        for (const key of ['ArrowRight', 'n', '+', '0', 'Escape']) {
          document.dispatchEvent(new KeyboardEvent('keydown', { key }));
        }
        for (const button of document.querySelectorAll('footer button, .tools button')) {
          button.click();
        }
        const picture = document.getElementById('history');
        picture?.dispatchEvent(new WheelEvent('wheel', { deltaY: 100, cancelable: true }));
        picture?.dispatchEvent(new MouseEvent('dblclick'));
      });
    };
    const other = await browser.open(file('__script__b_x_mems.html'), { before });
    await other.waitForSelector('body[data-ready]');
    await closed(other);
  });

  test('has room for long names on a phone, and for a long mark', async () => {
    const heap = new Heap();
    heap.record(file('long names.mems'), { stacks: true });
    const long = `f${'unction'.repeat(20)}`;
    const allocate = new Function(
      'heap',
      `return (function ${long}() { return heap.malloc(64); })()`,
    );
    for (let at = 0; at < 300; at++) allocate(heap);
    heap.mark('m'.repeat(600));
    heap.stopRecording();
    heap.close();
    const narrow = { size: NARROW, isTouch: true, args: ['--detail', '250', '--policy', 'none'] };
    const other = await report('long names.mems', narrow);
    await other.selectOption('#scale', 'site');
    await other.selectOption('#part', { index: (await other.locator('#part option').count()) - 1 });
    await other.click('#event-next');
    const is = await other.evaluate(() => ({
      wide: document.documentElement.scrollWidth - window.innerWidth,
      footer: document.querySelector('footer').offsetHeight,
      beside:
        document.getElementById('part').getBoundingClientRect().right -
        document.getElementById('parts').getBoundingClientRect().right,
    }));
    assert.ok(is.wide <= 0, `${is.wide} pixels do not fit`);
    assert.ok(is.footer < 200, `the footer is ${is.footer} pixels high`);
    assert.ok(is.beside < 0, `the choice of a window ends ${is.beside} pixels behind its card`);
    await closed(other);
  });

  test('writes numbers of operations that differ, and in full, at the deepest zoom', async () => {
    const calls = Array.from({ length: 20_000 }, (_, at) => (at % 2 ? 'f 0' : 'a 0 64'));
    writeFileSync(file('deep.rep'), traceText(calls));
    const before = () => {
      const { fillText } = CanvasRenderingContext2D.prototype;
      window.written = new Map();
      Object.assign(CanvasRenderingContext2D.prototype, {
        fillText(text, x, y, ...rest) {
          const chart = this.canvas.closest('[id]')?.id;
          const texts = window.written.get(chart) ?? [];
          window.written.set(chart, texts);
          const half = this.measureText(text).width / 2;
          texts.push({ text, row: y, from: x - half, to: x + half, width: this.canvas.width });
          return fillText.call(this, text, x, y, ...rest);
        },
      });
    };
    for (const size of [NARROW, { width: 880, height: 800 }, { width: 1280, height: 900 }]) {
      const other = await report('deep.rep', { args: ['--policy', 'none'], size, before });
      await other.keyboard.press('End');
      for (let zoom = 0; zoom < 13; zoom++) await changed(other, () => other.keyboard.press('*'));
      await other.waitForTimeout(500);
      await other.evaluate(() => window.written.clear());
      await other.keyboard.press('ArrowLeft');
      await other.waitForFunction(() => window.written.has('bytes'));
      const texts = await other.evaluate(() => window.written.get('bytes'));
      const lowest = Math.max(...texts.map(({ row }) => row));
      const marks = texts.filter(({ row }) => row === lowest);
      assert.ok(marks.length >= 2, 'too few numbers');
      assert.equal(new Set(marks.map(({ text }) => text)).size, marks.length);
      for (const { text, to, width } of marks) {
        assert.match(text, /^(19|20),\d{3}$/);
        assert.ok(to <= width, `${text} ends ${to - width} pixels behind the chart`);
      }
      await closed(other);
    }
  });

  test('says what is counted for a site', async () => {
    await page.waitForSelector('#sites td');
    assert.match(await page.textContent('#sites-note'), /^Live now: .* In all: every block/);
  });

  test('says of a block in a window what is so in the program', async () => {
    const calls = ['a 0 4096', ...Array.from({ length: 300 }, (_, at) => `a ${at + 1} 16`), 'f 0'];
    writeFileSync(file('window.rep'), calls.join('\n'));
    const other = await report('window.rep', { args: ['--detail', '40', '--policy', 'none'] });
    const { x, y } = await other.locator('#history').boundingBox();
    await other.mouse.click(x + 10, y + 3);
    await other.waitForFunction(() =>
      document.getElementById('block').textContent.startsWith('Block of'),
    );
    assert.match(
      await other.textContent('#block'),
      /^Block of 4\.00 KiB at .*; allocated at operation 1; freed at 302, 301 operations later\.$/,
    );
    await closed(other);
  });

  test('does without a worker', async () => {
    const before = () => {
      delete window.Worker;
    };
    const other = await browser.open(file('__script__b_x_mems.html'), { before });
    await other.waitForSelector('body[data-sampled]');
    const { length } = calls;
    await goTo(other, length);
    const numbers = await numbersOf(other);
    await goTo(page, length);
    assert.deepEqual(numbers, await numbersOf(page));
    await closed(other);
  });

  test('a pinch zooms', async () => {
    const other = await browser.open(file('__script__b_x_mems.html'), {
      size: NARROW,
      isTouch: true,
    });
    await other.waitForSelector('body[data-ready]');
    const { x, y, width, height } = await other.locator('#history').boundingBox();
    const session = await other.context().newCDPSession(other);
    const touch = (type, apart) => {
      const points =
        apart === undefined
          ? []
          : [-apart, apart].map((by, id) => ({ id, x: x + width / 2 + by, y: y + height / 2 }));
      return session.send('Input.dispatchTouchEvent', { type, touchPoints: points });
    };
    const [t0, t1] = await viewOf(other);
    await touch('touchStart', 30);
    for (const apart of [40, 60, 90]) await touch('touchMove', apart);
    await touch('touchEnd');
    // A move may be drawn before the last has come.
    await other.waitForFunction(
      (most) => {
        const [from, to] = document.getElementById('history').dataset.drawn.split(' ').map(Number);
        return to - from < most;
      },
      (t1 - t0) / 1.5,
    );
    await closed(other);
  });
});

describe('how quick the page is', () => {
  /** Milliseconds of what the page has measured by this name since it was asked last. */
  const measured = (page, name) => {
    return page.evaluate((which) => {
      const found = performance.getEntriesByName(which).map(({ duration }) => duration);
      performance.clearMeasures(which);
      return found;
    }, name);
  };

  /** Prints how long a page takes until it is ready, for zooms down to 1/256 and back, and for places of the slider. */
  async function time(t, page) {
    const ready = await page.evaluate(
      () => performance.getEntriesByName('mems:ready')[0].startTime,
    );
    t.diagnostic(`ready after ${Math.round(ready)} ms`);
    await page.waitForSelector('body[data-sampled]');
    await measured(page, 'mems:picture');
    const { x, y, width, height } = await page.locator('#history').boundingBox();
    for (let zoom = 0; zoom < 60; zoom++) {
      const isIn = zoom % 30 < 15;
      await page.mouse.move(
        x + width * (0.2 + ((zoom * 7) % 6) / 10),
        y + height * (0.1 + ((zoom * 3) % 8) / 10),
      );
      await changed(page, () => page.mouse.wheel(0, isIn ? -100 : 100));
    }
    t.diagnostic(`zoom: ${summarize(await measured(page, 'mems:picture'))}`);
    await page.keyboard.press('0');
    await page.waitForTimeout(1000);
    await measured(page, 'mems:moment');
    const last = Number(await page.getAttribute('#slider', 'max'));
    for (let place = 0; place < 50; place++) {
      await goTo(page, Math.round((last * ((place * 17) % 50)) / 50) + place);
    }
    t.diagnostic(`slider: ${summarize(await measured(page, 'mems:moment'))}`);
    await closed(page);
  }

  test('redis: 1.5 million operations', async (t) => {
    copyFileSync(join(CHECKOUT, 'bench', 'traces', 'redis.rep.gz'), file('redis.rep.gz'));
    const page = await report('redis.rep.gz');
    const { size } = statSync(file('redis_rep_gz.html'));
    t.diagnostic(`${(size / 1e6).toFixed(2)} MB`);
    assert.ok(size < 3e6, `${size} bytes`);
    await time(t, page);
  });

  test('a million live blocks', async (t) => {
    const lines = ['0', '1000000', '1400000', '1'];
    for (let at = 0; at < 1_000_000; at++) lines.push(`a ${at} ${16 + ((at * 7919) % 200)}`);
    for (let at = 0; at < 200_000; at++) lines.push(`f ${at * 5}`);
    for (let at = 0; at < 200_000; at++) lines.push(`a ${at * 5} ${8 + ((at * 7919) % 200)}`);
    writeFileSync(file('million.rep'), `${lines.join('\n')}\n`);
    await time(t, await report('million.rep', { args: ['--policy', 'none'] }));
  });
});

describe('a page of a program that is too long', () => {
  test('has windows, and says what is left out', async () => {
    const calls = program(3000, 3000);
    writeFileSync(file('long.rep'), traceText(calls));
    const page = await report('long.rep', { args: ['--detail', '1000', '--policy', 'first-fit'] });
    const left = await page.textContent('#left-out');
    const [all, inside, outside] = [...left.matchAll(/[\d,]{3,}/g)].map(([text]) =>
      Number(text.replaceAll(',', '')),
    );
    assert.deepEqual([all, inside + outside], [calls.length, calls.length]);
    const parts = await page.locator('#part option').allTextContents();
    assert.ok(parts.length >= 2, parts.join('\n'));
    for (let part = 0; part < parts.length; part++) {
      await page.selectOption('#part', String(part));
      const [first, last] = [...parts[part].matchAll(/[\d,]+/g)].map(([text]) =>
        Number(text.replaceAll(',', '')),
      );
      await page.waitForSelector(`body[data-part="${part}"]`);
      for (const moment of [0, last - first]) {
        await page.evaluate(() => delete document.body.dataset.moment);
        await goTo(page, moment);
        const { stats, unusable } = replayed(calls.slice(0, first + moment), 'first-fit');
        await assertNumbers(page, stats, unusable, `window ${part}, operation ${first + moment}`);
      }
    }
    await closed(page);
  });
});
