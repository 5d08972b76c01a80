'use strict';

// The lesson page in a browser, from a file and without network: what one types, clicks and presses, all exercises, questions, links,
// and what axe finds in light, in dark and on a phone. MEMS_CHROMIUM is the browser.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { EXERCISES } = require('../../command/lib/exercises.js');
const { lessonOf, write } = require('../../command/lib/link.js');
const { json, mems, temporaryFolder } = require('../helpers/command.js');
const { PAGE, SKIP_PAGE } = require('../helpers/lesson-page.js');

const DESK = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };
/** A program with all that the page can show: growth, holes, joins, errors, comments. */
const FULL = `# a comment; with <b>
a = malloc(1000)
b = malloc(500)
free(a)
c = malloc(4000)
free(b)
free(b)
get(c + 10)
malloc(0)`;

describe('the lesson page in a browser', SKIP_PAGE, () => {
  let browser;
  const pages = [];

  before(async () => {
    const { Browser } = await import('../../scripts/lib/browser.mjs');
    browser = await Browser.start();
  });
  after(async () => {
    await browser?.close();
  });

  /** Opens the page, with what is behind the # of its address. */
  async function open(fragment = '', { file = PAGE, ...options } = {}) {
    const page = await browser.open(file, { size: DESK, fragment, ...options });
    pages.push(page);
    await page.waitForFunction(
      () =>
        document.querySelector('#where')?.textContent ||
        document.querySelector('#notice')?.hidden === false,
    );
    return page;
  }

  const said = (page) => page.textContent('#said');
  const cells = (page) =>
    page.$$eval('#comparison tbody tr', (rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
  const head = (page) =>
    page.$$eval('#comparison thead th', (all) => all.map((cell) => cell.textContent));
  const chain = (page) => page.$$eval('#after .link', (all) => all.map((link) => link.textContent));

  /** Closes what a test has opened, and fails if something was complained about. */
  async function finish() {
    for (const page of pages.splice(0)) {
      await page.context().close();
      assert.deepEqual(page.complaints, []);
    }
  }

  test('typing a program shows each call', async () => {
    const page = await open();
    await page.fill('#program', '');
    assert.match(await said(page), /There is no call yet/);
    await page
      .locator('#program')
      .pressSequentially('a = malloc(1000)\nb = malloc(500)\nfree(a)\n');
    assert.match(
      await said(page),
      /Call 3: free\(a\)\. The block at 1000, 1,000 bytes, is free again\./,
    );
    assert.deepEqual(await chain(page), [
      'H1000:19991,000 B',
      'P b2000:2499500 B',
      'H2500:50952,596 B',
    ]);
    await page.locator('#program').pressSequentially('malloc(x)');
    assert.match(await page.textContent('#mistakes'), /Line 4: "x" is no size/);
    await page.locator('#program').press('Backspace');
    await page.locator('#program').press('Backspace');
    await page.locator('#program').pressSequentially('600)');
    assert.equal(await page.textContent('#mistakes'), '');
    assert.match(await said(page), /p2 gets 600 bytes at address 1000/);
    assert.match(await page.textContent('#looked'), /Holes looked at: 1✓ H 1000 1,000 bytes: fits/);
    assert.match(
      await page.textContent('#stats'),
      /MAIN\[1000:5095\] -> <P>\[SVA:1000:EVA:1599\] <-> <H>\[SVA:1600:EVA:1999\]/,
    );
    await finish();
  });

  test('clicking: malloc, free, steps, rows of the table, segments', async () => {
    const page = await open();
    await page.fill('#program', '');
    await page.fill('#size', '3000');
    await page.click('text=Add malloc');
    await page.click('text=Add malloc');
    assert.equal(await page.inputValue('#program'), 'a = malloc(3000)\nb = malloc(3000)');
    assert.match(await said(page), /b gets 3,000 bytes at address 5096/);
    assert.match(await page.textContent('#looked'), /1 H? ?|✗ H 4000 1,096 bytes: too small/);
    assert.match(
      await page.textContent('#looked'),
      /None is large enough, so 4,096 bytes are mapped/,
    );
    await page.selectOption('#block', 'a');
    await page.click('text=Add free');
    assert.match(await said(page), /free\(a\)\. The block at 1000/);
    await page.click('#back');
    assert.match(await said(page), /Call 2/);
    await page.click('#next');
    await page.click('#comparison button >> nth=0');
    assert.match(await said(page), /Call 1/);
    await page.click('#comparison button >> nth=2');
    // A byte of the second page.
    await page.click('#after .link >> nth=1');
    assert.equal(await page.inputValue('#byte'), '5096');
    const sum = await page.textContent('#found dl');
    assert.match(sum, /minus 1000, the first address4096.*page 1, offset 0.*139637976731648/);
    await page.fill('#byte', 'b + 100');
    assert.match(await page.textContent('#found dl'), /page 1, offset 100.*139637976731748/);
    await page.fill('#byte', '1000');
    assert.match(
      await page.textContent('#found'),
      /1000 is not allocated\. It is in the hole 1000\.\.5095/,
    );
    await page.fill('#byte', '<img>');
    assert.match(await page.textContent('#found'), /"<img>" is no address/);
    await finish();
  });

  test('keys alone: from the exercise to an answer', async () => {
    const page = await open();
    await page.focus('#exercise');
    await page.keyboard.type('T1');
    assert.equal(await page.inputValue('#exercise'), 'T1');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.inputValue('#policy'), 'best-fit');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    assert.equal(await page.textContent('legend'), 'Which hole does malloc(212) take by best-fit?');
    // To the first choice, whatever is between.
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.name === 'hole')) break;
    }
    for (const _ of [1, 2, 3]) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.match(
      await page.textContent('#verdict'),
      /^Right\. Best-fit takes the smallest.* 1 of 1 right so far\.$/,
    );
    // The focus is on Next.
    await page.keyboard.press('Enter');
    assert.match(await said(page), /Call 2: malloc\(417\)\. Where will it be\?/);
    // Next cannot be used now, so the first choice has the focus.
    assert.equal(await page.evaluate(() => document.activeElement.value), '1000');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    assert.match(await page.textContent('#verdict'), /^(?:Right|Not quite)/);
    await finish();
  });

  test('all exercises, as mems lesson works them out', async () => {
    const page = await open();
    for (const exercise of EXERCISES) {
      await page.selectOption('#exercise', exercise.name);
      const { results } = await json(['lesson', exercise.name]);
      assert.equal(await page.textContent('#about'), exercise.source);
      const [, ...policies] = await head(page);
      const rows = await cells(page);
      for (const { policy, steps } of results) {
        const column = policies.indexOf(policy) + 1;
        const shown = rows.map((row) => row[column]);
        const wanted = steps.map(({ call, address, hole }) => {
          if (call === 'free') return '';
          if (address === null) return '-';
          if (exercise.isProgram) return `${address}`;
          return hole.size === hole.of ? `${hole.of}` : `${hole.of}>${hole.size}`;
        });
        assert.deepEqual(shown, wanted, `${exercise.name}, ${policy}`);
      }
    }
    await finish();
  });

  test('questions: nothing is shown before one has picked', async () => {
    const exercise = EXERCISES.find(({ name }) => name === 'T1');
    const page = await open(write(lessonOf(exercise, { policy: 'worst-fit', ask: true })));
    assert.match(await said(page), /Call 1: malloc\(212\)\. Where will it be\?$/);
    assert.equal(await page.isDisabled('#next'), true);
    assert.deepEqual(
      (await cells(page)).flatMap((row) => row.slice(1)),
      Array(16).fill('?'),
    );
    assert.equal(await page.textContent('#after'), '');
    // A row of the table leads no further.
    await page.click('#comparison button >> nth=3');
    assert.match(await said(page), /Call 1/);
    await page.check('text=D: H 1803:2102, 300 bytes');
    await page.click('text=Check');
    assert.match(
      await page.textContent('#verdict'),
      /^Not quite: H 1803 \(300 B\) is large enough \(it is not the largest\), but worst-fit takes H 2104 \(600 B\)\..* 0 of 1 right so far\.$/,
    );
    assert.deepEqual((await cells(page))[0], ['malloc(212)', '500', '500', '300', '600']);
    assert.match(await page.textContent('#looked'), /Holes looked at: 5/);
    await page.click('#next');
    // A hole of the picture is a choice as well.
    await page.click('#before .pickable >> nth=1');
    assert.match(await page.textContent('#verdict'), /^Right\..* 1 of 2 right so far\.$/);
    await page.click('#next');
    await page.click('#before .pickable >> nth=4');
    await page.click('#next');
    await page.check('text=None of them: it must wait');
    await page.click('text=Check');
    assert.match(
      await page.textContent('#verdict'),
      /^Right\. No hole is large enough\. 3 of 4 right so far\.$/,
    );
    await page.uncheck('#ask');
    assert.match(await said(page), /must wait/);
    await finish();
  });

  test('a link has the whole lesson, and a broken one is a sentence', async () => {
    const page = await open();
    await page.click('#settings summary');
    await page.selectOption('#memory', 'heap');
    await page.fill('#max', '8192');
    await page.fill('#min', '8192');
    await page.selectOption('#heap-align', '16');
    await page.check('#join');
    await page.selectOption('#policy', 'worst-fit');
    await page.fill('#program', FULL);
    await page.locator('#step').fill('3');
    const address = await page.evaluate(() => location.href);
    assert.equal(await page.inputValue('#link'), address);
    const other = await open(address.split('#')[1]);
    for (const id of ['#program', '#policy', '#max', '#min', '#heap-align', '#step', '#link'])
      assert.equal(await other.inputValue(id), await page.inputValue(id), id);
    assert.equal(await other.isChecked('#join'), true);
    assert.equal(await said(other), await said(page));
    assert.equal(await other.textContent('#states'), await page.textContent('#states'));
    for (const [fragment, message] of [
      ['2&run=malloc(1)', /newer version of this page/],
      ['1&policy=best-fti&run=malloc(1)', /did you mean best-fit\?/],
      [
        '1&memory=%3Cimg%20src=x%20onerror=alert(1)%3E',
        /"<img src=x onerror=alert\(1\)>" is no size/,
      ],
      ['1&run=%E0%A4', /damaged, or was cut off/],
    ]) {
      const broken = await open(fragment);
      const notice = await broken.textContent('#notice');
      assert.match(notice, /^This link cannot be opened: /);
      assert.match(notice, message);
      assert.equal(await broken.inputValue('#exercise'), 'begin');
      assert.equal(await broken.locator('img').count(), 0);
    }
    const odd = await open(
      '1&run=a=malloc(5);%3Cimg%20src=x%20onerror=alert(1)%3E&policy=first-fit',
    );
    assert.match(
      await odd.textContent('#mistakes'),
      /Line 2: "<img src=x onerror=alert\(1\)>" is no call/,
    );
    assert.equal(await odd.locator('img').count(), 0);
    // A link that is opened while the page is there.
    await odd.evaluate(() => {
      location.hash = '#1&memory=1024@0&run=A=malloc(100);free(A)&policy=buddy';
    });
    await odd.waitForFunction(() => document.querySelector('#policy').value === 'buddy');
    assert.match(await said(odd), /free\(A\)/);
    await finish();
  });

  test('settings: an exercise of one’s own, a header by the model, what cannot be', async () => {
    const page = await open();
    await page.click('#settings summary');
    await page.selectOption('#memory', 'one');
    await page.fill('#sizes', '60');
    await page.fill('#header', '4');
    await page.check('#apart');
    await page.fill(
      '#program',
      'a=malloc(10);b=malloc(10);c=malloc(10);free(a);free(b);d=malloc(20)',
    );
    assert.match(
      await page.textContent('#notes'),
      /Each block has a header of 4 bytes before it\. Neighbouring holes are not coalesced\. Worked out by a model/,
    );
    assert.match(await said(page), /must wait. The largest hole has 18\./);
    await page.selectOption('#policy', 'buddy');
    assert.match(
      await said(page),
      /By buddy this cannot be worked out: the buddy system has no headers/,
    );
    await page.selectOption('#policy', 'first-fit');
    await page.fill('#sizes', 'many');
    await page.locator('#sizes').blur();
    assert.match(await page.textContent('#wrong'), /"many" is no size/i);
    // What is wrong stays as long as the field has it, whatever else is drawn.
    await page.click('#back');
    assert.match(await page.textContent('#wrong'), /"many" is no size/i);
    await page.fill('#sizes', '70');
    await page.locator('#sizes').blur();
    assert.equal(await page.textContent('#wrong'), '');
    await page.selectOption('#order', 'back');
    assert.match(await page.textContent('#rule'), /takes the first hole of the list/);
    assert.match(
      await page.textContent('#after'),
      /The list of holes, as it is searched: H 1042 \(28 B\), H 1000 \(14 B\), H 1014 \(14 B\)\./,
    );
    assert.match(await page.inputValue('#link'), /&order=back&/);
    await page.selectOption('#order', 'address');
    assert.doesNotMatch(await page.inputValue('#link'), /order=/);
    const named = await open('1&memory=60&order=address&run=malloc(9)&policy=first-fit');
    assert.equal(await named.inputValue('#order'), 'address');
    assert.doesNotMatch(await named.inputValue('#link'), /order=/);
    // What no heap can have, in the library's words.
    const small = await open('1&max=100&ask&run=malloc(1);malloc(2)&policy=first-fit');
    assert.match(
      await said(small),
      /By first-fit this cannot be worked out: The maxSize must be at least 4096 bytes/,
    );
    assert.equal(await small.textContent('#comparison'), 'No policy can have this memory.');
    await page.selectOption('#exercise', 'random');
    assert.equal((await cells(page)).length, 4);
    assert.equal(new Set((await cells(page)).map((row) => row.slice(1, 5).join())).size > 1, true);
    await finish();
  });

  test('mems lesson --page writes a page that opens with an exercise', async () => {
    const folder = temporaryFolder(() => {});
    const file = `${folder}/own.html`;
    const args = ['lesson', 'T5', '--policy', 'best-fit', '--ask', '--page', '-o', file];
    // The page that is tested is the one that the command writes.
    const { stdout, stderr, status } = await mems(args);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /open it in a browser/);
    const page = await open('', { file });
    assert.equal(await page.inputValue('#exercise'), 'T5');
    assert.match(await said(page), /Call 1: malloc\(1000\)\. Where will it be\?/);
    assert.equal((await mems(args)).status, 2);
    await finish();
  });

  test('a program of one’s own is there again after an exercise', async () => {
    const page = await open();
    await page.fill('#program', 'a = malloc(7)');
    assert.equal(await page.inputValue('#exercise'), 'own');
    for (const id of ['random', 'T1']) await page.selectOption('#exercise', id);
    assert.match(await page.inputValue('#program'), /^malloc\(212\)/);
    await page.selectOption('#exercise', 'own');
    assert.equal(await page.inputValue('#program'), 'a = malloc(7)');
    assert.equal(await page.inputValue('#memory'), 'heap');
    await finish();
  });

  test('what is too long for a link is not copied', async () => {
    const page = await open();
    await page.fill('#program', `# ${'long '.repeat(5000)}`);
    assert.equal(await page.isDisabled('#copy'), true);
    await page.fill('#program', 'a = malloc(7)');
    assert.equal(await page.isDisabled('#copy'), false);
    await finish();
  });

  test('a program of 256 calls is drawn at once', async () => {
    const lines = Array.from({ length: 256 }, (_, at) =>
      at % 3 === 2
        ? `free(p${at - 2 - Math.floor((at - 2) / 3)})`
        : `malloc(${((at * 97) % 700) + 1})`,
    );
    const page = await open();
    // As one pastes it: fill() has an event for each line.
    await page.evaluate((text) => {
      const area = document.querySelector('#program');
      area.value = text;
      area.dispatchEvent(new Event('input'));
    }, lines.join('\n'));
    assert.equal(await page.textContent('#mistakes'), '');
    assert.match(await page.textContent('#where'), /^256 of 256 calls$/);
    await finish();
  });

  for (const [name, options] of Object.entries({
    light: { theme: 'light' },
    dark: { theme: 'dark' },
    phone: { theme: 'light', size: PHONE },
    'dark phone': { theme: 'dark', size: PHONE },
  })) {
    test(`axe finds nothing: ${name}`, async () => {
      const { axeViolations } = await import('../../scripts/lib/browser.mjs');
      const T1 = EXERCISES.find((each) => each.name === 'T1');
      for (const lesson of [
        { run: FULL, policy: 'first-fit', step: 6 },
        { run: `${FULL}\nnonsense`, policy: 'segregated' },
        lessonOf(T1, { policy: 'best-fit' }),
        lessonOf(T1, { policy: 'next-fit', ask: true }),
      ]) {
        const page = await open(write(lesson), options);
        await page.click('#settings summary');
        assert.deepEqual(await axeViolations(page), [], write(lesson));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(width <= (options.size ?? DESK).width, true, `the page is ${width} wide`);
      }
      await finish();
    });
  }
});
