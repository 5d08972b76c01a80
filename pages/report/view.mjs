// The main view: blocks over time, with the cursor, the block that is selected and ticks on a canvas of their own.
//
// A view is { t0, t1, a0, a1 }: moments from the left to the right, addresses from the top to the bottom. While a picture is late, the
// last one is shown scaled.

import { latestOnly, measure } from '../lib/client.mjs';
import { FIRST_ADDRESS } from './history.mjs';

/** The fewest moments and bytes in view. */
const LEAST = 4;
/** Pixels that a pointer may move in a click. */
const STILL = 4;
/** The most pixels of a picture: beyond that it is drawn coarser. */
const MOST_PIXELS = 1_200_000;
/** Milliseconds after which the page says that a view took long. */
const SLOW = 500;
const ZOOM = 1.5;

export class HistoryView {
  #box;
  #base;
  #over;
  #strip;
  #last;
  #whole;
  #pointers = new Map();
  #moved = 0;
  #request;

  /**
   * A view in the element `box`, with `strip` as the canvas of its ticks. `ask(request, parameters)` resolves to what the engine returns,
   * `look()` returns the colours to draw with, { scale, theme }. `events` are functions that the view calls: `onPick({ near, moment,
   * address })` at a click, where `near` is a view of the pixels round it; `onView(view)` as what is in view changes;
   * `onDrawn(milliseconds)` once it is drawn, with undefined unless that took long.
   */
  constructor(box, { strip, ask, look, events }) {
    Object.assign(this, { look, events });
    this.#strip = strip;
    this.#box = box;
    [this.#base, this.#over] = box.querySelectorAll('canvas');
    this.#request = latestOnly((view, since) => this.#draw(ask, view, since));
    new ResizeObserver(() => this.#resize()).observe(box);
  }

  /** Shows the whole of a history of `operations` operations, in a heap that is mapped up to the address `end`. */
  open({ operations, end }) {
    // Without a history there is nothing to zoom or to click.
    if (this.view === undefined) this.#listen();
    const a0 = FIRST_ADDRESS;
    this.all = { t0: 0, t1: operations + 1, a0, a1: Math.max(end, a0 + LEAST) };
    this.view = { ...this.all };
    [this.#last, this.#whole] = [undefined, undefined];
    this.#resize();
  }

  get size() {
    const { width, height } = this.#box.getBoundingClientRect();
    const scale = Math.min(window.devicePixelRatio, Math.sqrt(MOST_PIXELS / (width * height || 1)));
    return {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
      scale,
    };
  }

  #resize() {
    if (this.view === undefined) return;
    const { width, height } = this.size;
    if (this.#base.width === width && this.#base.height === height) return;
    for (const canvas of [this.#base, this.#over]) Object.assign(canvas, { width, height });
    this.redraw();
  }

  /** Draws the picture and what is above it anew, as after a change of colours. */
  redraw() {
    this.#whole = undefined;
    this.#show();
  }

  #show() {
    this.#stretch();
    this.drawOver();
    this.events.onView(this.view);
    this.#request({ ...this.view });
  }

  /** Shows what there is until the picture of the view is drawn. */
  #stretch() {
    const context = this.#base.getContext('2d');
    const { width, height } = this.#base;
    context.imageSmoothingEnabled = true;
    const pictures = [this.#whole, this.#last].filter((each) => each !== undefined);
    if (pictures.length > 0) context.clearRect(0, 0, width, height);
    for (const { canvas, view } of pictures) {
      const x = ((view.t0 - this.view.t0) / (this.view.t1 - this.view.t0)) * width;
      const y = ((view.a0 - this.view.a0) / (this.view.a1 - this.view.a0)) * height;
      const across = ((view.t1 - view.t0) / (this.view.t1 - this.view.t0)) * width;
      const down = ((view.a1 - view.a0) / (this.view.a1 - this.view.a0)) * height;
      context.drawImage(canvas, x, y, across, down);
    }
  }

  async #draw(ask, view, since) {
    const { width, height } = this.#base;
    const { pixels } = await ask('picture', { view, width, height, ...this.look() });
    if (pixels.length !== 4 * this.#base.width * this.#base.height) return;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    canvas.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0);
    this.#last = { canvas, view };
    if (
      view.t0 === this.all.t0 &&
      view.t1 === this.all.t1 &&
      view.a1 - view.a0 === this.all.a1 - this.all.a0
    ) {
      this.#whole = this.#last;
    }
    this.#stretch();
    const milliseconds = performance.now() - since;
    measure('mems:picture', since);
    this.#box.dataset.drawn = `${view.t0} ${view.t1} ${view.a0} ${view.a1}`;
    this.events.onDrawn(milliseconds > SLOW ? milliseconds : undefined);
  }

  x(moment) {
    return ((moment - this.view.t0) / (this.view.t1 - this.view.t0)) * this.#over.width;
  }

  y(address) {
    return ((address - this.view.a0) / (this.view.a1 - this.view.a0)) * this.#over.height;
  }

  /**
   * Draws what is above the picture. `marked` is { moment, rectangles, ticks }: where the cursor is; the rectangles { address, size, birth,
   * death } of the block that is selected, if one is; and [colour, moments] for each kind of ticks. By default it is what was drawn last.
   */
  drawOver(marked = this.marked) {
    this.marked = marked;
    if (marked === undefined || this.view === undefined) return;
    const context = this.#over.getContext('2d');
    const { width, height } = this.#over;
    const { scale } = this.size;
    const colour = (name) => getComputedStyle(this.#box).getPropertyValue(name);
    context.clearRect(0, 0, width, height);
    const outline = (rectangle, name, wide) => {
      const left = this.x(rectangle.birth);
      const top = this.y(rectangle.address);
      const across = Math.max(3 * scale, this.x(rectangle.death) - left);
      const down = Math.max(3 * scale, this.y(rectangle.address + rectangle.size) - top);
      context.strokeStyle = colour(name);
      context.lineWidth = wide * scale;
      context.strokeRect(left, top, across, down);
    };
    for (const rectangle of marked.rectangles ?? []) {
      outline(rectangle, '--card', 5);
      outline(rectangle, '--accent', 2.5);
    }
    const middle = this.x(marked.moment + 0.5);
    context.fillStyle = colour('--card');
    context.fillRect(middle - 1.5 * scale, 0, 3 * scale, height);
    context.fillStyle = colour('--accent');
    context.fillRect(middle - 0.75 * scale, 0, 1.5 * scale, height);
    this.#drawTicks(marked.ticks, colour);
  }

  /** Ticks for operations that are no malloc or free, in a strip: a row for each kind that there is. */
  #drawTicks(ticks, colour) {
    const shown = ticks.filter(([, moments]) => moments.length > 0);
    const { width } = this.#over;
    const height = Math.max(1, Math.round(this.#strip.clientHeight * this.size.scale));
    Object.assign(this.#strip, { width, height });
    const context = this.#strip.getContext('2d');
    shown.forEach(([name, moments], row) => {
      context.fillStyle = colour(name);
      const top = Math.floor((row * height) / shown.length);
      const bottom = Math.floor(((row + 1) * height) / shown.length);
      for (const moment of this.#inView(moments)) {
        context.fillRect(
          Math.round(this.x(moment + 0.5)) - 1,
          top,
          2,
          Math.max(1, bottom - top - 1),
        );
      }
    });
  }

  /** The moments in view; of very many, some. */
  *#inView(moments) {
    const { t0, t1 } = this.view;
    const step = Math.max(1, Math.floor(moments.length / 4000));
    for (let at = 0; at < moments.length; at += step) {
      if (moments[at] >= t0 && moments[at] < t1) yield moments[at];
    }
  }

  /** Zooms by a factor about a place, from 0 to 1 in each direction; `axes` is 'both', 'time' or 'addresses'. */
  zoom(factor, { x = 0.5, y = 0.5, axes = 'both' } = {}) {
    const next = { ...this.view };
    const scaled = (low, high, place, least, [from, to]) => {
      const length = Math.max(least, Math.min(to - from, (high - low) / factor));
      const middle = low + place * (high - low);
      const start = Math.max(from, Math.min(to - length, middle - place * length));
      return [start, start + length];
    };
    const { t0, t1, a0, a1 } = this.all;
    if (axes !== 'addresses') {
      [next.t0, next.t1] = scaled(next.t0, next.t1, x, Math.min(LEAST, t1 - t0), [t0, t1]);
    }
    if (axes !== 'time') [next.a0, next.a1] = scaled(next.a0, next.a1, y, LEAST, [a0, a1]);
    this.view = next;
    this.#show();
  }

  /** Moves by shares of what is in view. */
  pan(x, y) {
    const { view, all } = this;
    const moved = (low, high, by, [from, to]) => {
      const shift = Math.max(from - low, Math.min(to - high, by * (high - low)));
      return [low + shift, high + shift];
    };
    const [t0, t1] = moved(view.t0, view.t1, x, [all.t0, all.t1]);
    const [a0, a1] = moved(view.a0, view.a1, y, [all.a0, all.a1]);
    this.view = { t0, t1, a0, a1 };
    this.#show();
  }

  showAll() {
    this.view = { ...this.all };
    this.#show();
  }

  /** Moves so that a moment is in view. */
  reveal(moment) {
    const { t0, t1 } = this.view;
    if (moment >= t0 && moment < t1) return;
    const middle = (t0 + t1) / 2;
    this.pan((moment - middle) / (t1 - t0), 0);
  }

  #place(event) {
    const { left, top, width, height } = this.#box.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  }

  #listen() {
    const box = this.#box;
    box.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        // With shift, browsers turn a wheel sideways.
        const turned = event.deltaY || event.deltaX;
        const axes = event.shiftKey ? 'time' : event.altKey ? 'addresses' : 'both';
        this.zoom(ZOOM ** (-Math.sign(turned) * Math.min(2, Math.abs(turned) / 100)), {
          ...this.#place(event),
          axes,
        });
      },
      { passive: false },
    );
    box.addEventListener('dblclick', () => this.showAll());
    box.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      box.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, this.#place(event));
      this.#moved = 0;
    });
    box.addEventListener('pointermove', (event) => this.#drag(event));
    for (const name of ['pointerup', 'pointercancel']) {
      box.addEventListener(name, (event) => {
        if (!this.#pointers.delete(event.pointerId) || name === 'pointercancel') return;
        if (this.#moved <= STILL) this.#click(event);
      });
    }
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = this.#place(event);
    const { width, height } = this.#box.getBoundingClientRect();
    this.#moved += Math.hypot((now.x - before.x) * width, (now.y - before.y) * height);
    const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId);
    this.#pointers.set(event.pointerId, now);
    if (this.#moved <= STILL) return;
    if (other === undefined) {
      this.pan(before.x - now.x, before.y - now.y);
      return;
    }
    // Two fingers: what is between them grows with their distance.
    const [, still] = other;
    const distance = (place) =>
      Math.hypot((place.x - still.x) * width, (place.y - still.y) * height);
    this.zoom(distance(now) / Math.max(1, distance(before)), {
      x: (now.x + still.x) / 2,
      y: (now.y + still.y) / 2,
    });
  }

  #click(event) {
    const { x, y } = this.#place(event);
    const { t0, t1, a0, a1 } = this.view;
    const { width, height } = this.#box.getBoundingClientRect();
    const moment = t0 + x * (t1 - t0);
    const address = a0 + y * (a1 - a0);
    const [time, bytes] = [(t1 - t0) / width, (a1 - a0) / height];
    // A finger or a pointer means what is near it, too.
    const near = { t0: moment - time, t1: moment + time, a0: address - bytes, a1: address + bytes };
    this.events.onPick({ near, moment: Math.floor(moment), address });
  }
}
