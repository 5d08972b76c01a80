// A heap that is open: checked, with the shadow of its blocks, or wild, with no more than their list; and views of them.

'use strict';

const { unlessEnded } = require('./expected.js');

/** Most heaps open besides the default one, blocks of one heap, views kept, jobs and workers at a time. */
const MOST = { heaps: 6, blocks: 300, views: 200, jobs: 12, workers: 2 };

class Place {
  constructor(heap, shadow, random, options) {
    this.heap = heap;
    this.options = options;
    this.random = random;
    this.shadow = shadow;
    this.blocks = [];
    this.views = [];
  }

  keep(view) {
    this.views.push(view);
    if (this.views.length > MOST.views) this.random.take(this.views);
  }

  /** Does something in a wild heap, which may refuse it. */
  attempt(action) {
    return unlessEnded(action, this.options);
  }
}

module.exports = { MOST, Place };
