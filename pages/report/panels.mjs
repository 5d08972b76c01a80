// The panels beside the main view: numbers, the chain, the map of a moment, sites, policies, and sentences about blocks and operations.

import { byId, make } from '../lib/dom.mjs';
import { bytes, count, counted } from '../lib/numbers.mjs';
import { FATES } from './edges.mjs';
import { FIRST_ADDRESS, OPERATION } from './history.mjs';
import { css, KINDS, THEMES, viridis } from './palette.mjs';
import { paint, rampOf } from './picture.mjs';
import { NUMBERS } from './texts.mjs';

/** Makes the rows of the numbers, each with a button that says more. */
export function buildNumbers() {
  const rows = NUMBERS.map(([name, label, , help]) => {
    const text = make('dd', { className: 'help-text', id: `help-${name}`, hidden: true }, help);
    const button = make(
      'button',
      {
        type: 'button',
        className: 'help',
        'aria-expanded': 'false',
        'aria-controls': `help-${name}`,
        'aria-label': `What is ${label}?`,
      },
      '?',
    );
    button.addEventListener('click', () => {
      text.hidden = !text.hidden;
      button.setAttribute('aria-expanded', String(!text.hidden));
    });
    const value = make('data', { id: `number-${name}` });
    return make('div', {}, make('dt', {}, label, button), make('dd', {}, value), text);
  });
  byId('numbers').replaceChildren(...rows);
}

export function showNumbers(numbers) {
  for (const [name, , format] of NUMBERS) {
    const element = byId(`number-${name}`);
    element.value = String(numbers[name]);
    element.textContent = format(numbers[name]);
    if (format === bytes) element.title = `${count(numbers[name])} bytes`;
  }
}

/** What an operation has done, as a sentence. */
export function operationText({ kind, address, asked, from, was, text }) {
  const at = (place) => count(place);
  switch (kind) {
    case 0:
      return 'before the first operation';
    case OPERATION.malloc:
      return `malloc(${count(asked)}) → ${at(address)}`;
    case OPERATION.free:
      return address === undefined
        ? 'free of a block that was not seen, or whose malloc was refused'
        : `free(${at(address)}), ${bytes(asked)}`;
    case OPERATION.realloc:
      return `realloc(${at(from)}, ${count(asked)}), before ${bytes(was)} → ${from === address ? 'in place' : at(address)}`;
    case OPERATION.refusedMalloc:
      return `malloc(${count(asked)}) was refused: no room`;
    case OPERATION.refusedRealloc:
      return `realloc to ${count(asked)} was refused: no room`;
    case OPERATION.grow:
      return `the heap grows by ${bytes(asked)} at ${at(address)}`;
    case OPERATION.trim:
      return 'trim()';
    default:
      return `mark: ${text}`;
  }
}

/** Says behind the number of an operation when that was. `seconds` are [from, to], between which it was; undefined if that is not known. */
export function secondsText(seconds) {
  if (seconds === undefined) return '';
  const [from, to] = seconds.map((each) => each?.toFixed(3));
  if (to === undefined) return `, after ${from} s`;
  return `, about ${from === to ? from : `${from} to ${to}`} s`;
}

/** Returns a line about a block. `name` writes the number of an operation; `hasTime` is false for a heap without a history. */
export function blockText(block, name, hasTime) {
  const { address, size, asked, made, isFirst, gone, lived, resized, site } = block;
  const rounded = size === asked ? '' : `, with padding ${bytes(size)}`;
  const parts = [
    `Block of ${bytes(asked)}${rounded} at ${count(address)}..${count(address + size - 1)}`,
  ];
  if (hasTime) {
    const age = counted(lived, 'operation');
    parts.push(
      isFirst ? 'there from the beginning' : `allocated at operation ${name(made)}`,
      gone === undefined
        ? `never freed, ${age} old at the end`
        : `freed at ${name(gone)}, ${age} later`,
    );
  }
  if (resized > 0) parts.push(`resized ${counted(resized, 'time')}`);
  const text = `${parts.join('; ')}.`;
  return site ? `${text} By ${shortSite(site)}.` : text;
}

/** Shows the chain of a main block. `onSelect` is called with the number of a block that is clicked. */
export function showChain(chain, onSelect) {
  const list = byId('chain');
  byId('chain-at').textContent =
    chain === undefined
      ? '– no main block yet'
      : `– main block ${count(chain.number + 1)} of ${count(chain.of)}, ${bytes(chain.end - chain.start)}`;
  if (chain === undefined) {
    list.replaceChildren();
    return;
  }
  const item = (child) => make('li', {}, child);
  const more = (segments) => {
    return segments === 0
      ? []
      : [item(make('span', { className: 'link hole' }, `… ${counted(segments, 'segment')}`))];
  };
  const links = chain.shown.map(({ start, size, block, isFocus }) => {
    const text = `${block === undefined ? 'H' : 'P'} ${start}:${start + size - 1} `;
    const className = `link ${block === undefined ? 'hole' : ''} ${isFocus ? 'focus' : ''}`;
    const bold = make('b', {}, bytes(size));
    if (block === undefined) return item(make('span', { className }, text, bold));
    const button = make('button', { type: 'button', className }, text, bold);
    button.addEventListener('click', () => onSelect(block));
    return item(button);
  });
  const hadFocus = list.contains(document.activeElement);
  const head = make('span', { className: 'link main' }, `MAIN ${chain.start}:${chain.end - 1}`);
  list.replaceChildren(item(head), ...more(chain.before), ...links, ...more(chain.after));
  if (hadFocus) list.querySelector('button')?.focus();
}

/** How many pixels of a map there are for each pixel of a page's layout. */
const sharpness = () => Math.min(2, window.devicePixelRatio);

/** Returns how the map of a moment is laid out in its box: rows of pixels with a gap between. */
export function mapLayout(box, end) {
  const width = Math.max(50, Math.round(box.clientWidth * sharpness()));
  const used = Math.max(1, end - FIRST_ADDRESS);
  // Few bytes need few rows.
  const rows = Math.max(1, Math.min(26, Math.ceil(used / (4 * width))));
  return { width, rows, whole: FIRST_ADDRESS + used };
}

/** Draws the map of a moment, with the borders of main blocks and the place of the cursor. */
export function showMap(box, { width, rows, pixels, bytes: perPixel, mains }, focus) {
  const [base, over] = box.querySelectorAll('canvas');
  const height = Math.max(rows, Math.round(box.clientHeight * sharpness()));
  const each = height / rows;
  const gap = rows > 1 ? Math.max(1, Math.round(each / 6)) : 0;
  const strip = document.createElement('canvas');
  Object.assign(strip, { width, height: rows });
  strip.getContext('2d').putImageData(new ImageData(pixels, width, rows), 0, 0);
  for (const canvas of [base, over]) Object.assign(canvas, { width, height });
  const context = base.getContext('2d');
  context.imageSmoothingEnabled = false;
  for (let row = 0; row < rows; row++) {
    const top = Math.round(row * each);
    const down = Math.round((row + 1) * each) - top - gap;
    context.drawImage(strip, 0, row, width, 1, 0, top, width, down);
  }
  const above = over.getContext('2d');
  const style = getComputedStyle(box);
  const place = (address) => {
    const pixel = (address - FIRST_ADDRESS) / perPixel;
    const row = Math.min(rows - 1, Math.floor(pixel / width));
    return { x: pixel - row * width, y: Math.round(row * each) };
  };
  // Borders of more main blocks than this would hide everything else.
  if (mains.length <= (rows * width) / 8) {
    above.fillStyle = style.getPropertyValue('--soft');
    for (const start of mains) {
      const { x, y } = place(start);
      above.fillRect(Math.round(x), y, 1, Math.max(2, Math.round(each) - gap));
    }
  }
  if (focus !== undefined) {
    const { x, y } = place(focus);
    above.strokeStyle = style.getPropertyValue('--accent');
    above.lineWidth = 2;
    above.strokeRect(
      Math.max(1, Math.min(width - 6, x - 3)),
      y + 1,
      6,
      Math.max(4, each - gap - 2),
    );
  }
}

/** Shows in the legend `element` what the colours of the main view mean. */
export function showLegend(element, { scale, theme, sites, operations }) {
  const swatch = (colour) => {
    const square = make('span', { className: 'swatch' });
    square.style.background = css(colour);
    return square;
  };
  const named = (colour, text) => make('span', {}, swatch(colour), text);
  const { hole, unmapped } = THEMES[theme];
  const ground = [named(hole, 'hole'), named(unmapped, 'not mapped')];
  if (scale === 'fate') {
    element.replaceChildren(...FATES.map((fate, at) => named(KINDS[at], fate)), ...ground);
    return;
  }
  if (scale === 'site') {
    const shown = sites.map((text, at) => named(KINDS[at], shortSite(text)));
    element.replaceChildren(...shown, named(KINDS[7], 'others'), ...ground);
    return;
  }
  const bar = make('span', { className: 'bar' });
  const stops = [0, 0.25, 0.5, 0.75, 1].map((value) => css(viridis(value, THEMES[theme])));
  bar.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
  const [from, to] =
    scale === 'size' ? ['8 B', '1 MiB'] : ['1 operation', `${count(operations + 1)}`];
  element.replaceChildren(make('span', {}, from, bar, to), ...ground);
}

/** Shows in the legend `element` what the ticks below the main view mean, for the kinds of ticks that there are. */
export function showTickLegend(element, { grows, trims, marks, refused }) {
  const kinds = [
    ['--fourth', 'growth', grows],
    ['--live', 'trim', trims],
    ['--third', 'mark', marks],
    ['--accent', 'refused', refused],
  ];
  const entries = kinds
    .filter(([, , moments]) => moments.length > 0)
    .map(([variable, text, moments]) => {
      const square = make('span', { className: 'swatch' });
      square.style.background = `var(${variable})`;
      return make('span', {}, square, `${text} (${count(moments.length)})`);
    });
  element.replaceChildren(...entries);
}

/** The name of a site: the first frame of its stack. */
export const shortSite = (stack) => stack.split('\n')[0].trim().replace(/^at /, '') || 'not known';

/** The table of sites: of a whole program, or, with `isWindow`, of a window of one. */
export function showSites(sites, isWindow) {
  const all = isWindow
    ? 'In this window: every block that was there in it, from its beginning or allocated in it'
    : 'In all: every block that was ever there';
  byId('sites-note').textContent =
    `Live now: the blocks that are there at this operation. ${all}, also if it is freed by now; what realloc makes larger or smaller counts with each of its sizes. Bytes are those that were asked for.`;
  const head = make(
    'tr',
    {},
    ...['site', 'live now', 'blocks', isWindow ? 'in this window' : 'in all', 'blocks'].map(
      (text) => make('th', { scope: 'col', className: text === 'site' ? '' : 'number' }, text),
    ),
  );
  const rows = sites.map(({ stack, colour, liveBytes, liveBlocks, bytes: all, blocks }) => {
    const square = make('span', { className: 'swatch' });
    square.style.cssText = `display: inline-block; background: ${css(KINDS[colour])}`;
    const lines = stack.trim().split('\n');
    const text =
      lines.length > 1
        ? make(
            'details',
            {},
            make('summary', {}, square, ` ${shortSite(stack)}`),
            make('pre', {}, stack),
          )
        : make('span', {}, square, ` ${shortSite(stack)}`);
    const number = (value) => make('td', { className: 'number' }, value);
    return make(
      'tr',
      {},
      make('td', {}, text),
      number(bytes(liveBytes)),
      number(count(liveBlocks)),
      number(bytes(all)),
      number(count(blocks)),
    );
  });
  byId('sites').replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
}

/** Draws the small pictures of policies, on one scale. `policies` are { policy, mapped, perPeak, holes, width, height, pixels }. */
export function showPolicies(policies, { theme, windows = [] }) {
  byId('policies-card').hidden = policies.length === 0;
  if (policies.length === 0) return;
  const most = Math.max(...policies.map(({ mapped }) => mapped));
  byId('policies-scale').textContent =
    `– where each puts the same blocks; ${bytes(most)} of addresses from top to bottom, in all`;
  const figures = policies.map((each) => {
    const { width, height, pixels: packed } = each;
    const canvas = make('canvas', {
      width,
      height,
      role: 'img',
      'aria-label': `Blocks over time with ${each.policy}`,
    });
    const size = width * height;
    const channel = (at) =>
      Float32Array.from(packed.subarray(at * size, (at + 1) * size), (value) => value / 255);
    const [coverage, value, ground] = [0, 1, 2].map(channel);
    const strip = document.createElement('canvas');
    Object.assign(strip, { width, height });
    const colours = paint({ coverage, ground, values: value, colours: rampOf(theme) }, theme);
    strip.getContext('2d').putImageData(new ImageData(colours, width, height), 0, 0);
    const context = canvas.getContext('2d');
    context.fillStyle = css(THEMES[theme].unmapped);
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = 'high';
    if (each.mapped > 0) context.drawImage(strip, 0, 0, width, (height * each.mapped) / most);
    context.strokeStyle = getComputedStyle(document.body).getPropertyValue('--accent');
    if (each.isMain) {
      for (const [from, to] of windows) {
        context.strokeRect(from * width, 1, Math.max(2, (to - from) * width), height - 2);
      }
    }
    const refused = each.refused > 0 ? `, ${count(each.refused)} refused` : '';
    const caption = make(
      'figcaption',
      {},
      make('b', {}, each.policy),
      make(
        'span',
        { className: 'soft' },
        ` ${bytes(each.mapped)} mapped, ${each.perPeak.toFixed(2)} × peak, ${counted(each.holes, 'hole')}${refused}`,
      ),
    );
    return make('figure', {}, caption, canvas);
  });
  byId('policies').replaceChildren(...figures);
}
