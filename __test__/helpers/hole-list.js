'use strict';

// A second naive model, for long traces: first fit over one sorted list of holes, without segments.
// A search passes thousands of holes, an array of numbers is quick to pass. It knows addresses as
// numbers and, unlike the first model, nothing about live blocks but what it is told.

const PAGE = 4096;
const FIRST = 1000;

class HoleList {
  constructor() {
    this.starts = [];
    this.sizes = [];
    /** First addresses of main blocks: holes never merge across one. */
    this.blockStarts = new Set();
    this.end = FIRST;
  }

  get pages() {
    return (this.end - FIRST) / PAGE;
  }

  malloc(size) {
    const { starts, sizes } = this;
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i] >= size) {
        const address = starts[i];
        if (sizes[i] === size) {
          starts.splice(i, 1);
          sizes.splice(i, 1);
        } else {
          starts[i] += size;
          sizes[i] -= size;
        }
        return address;
      }
    }
    const address = this.end;
    const bytes = Math.ceil(size / PAGE) * PAGE;
    this.blockStarts.add(address);
    this.end += bytes;
    if (bytes > size) {
      starts.push(address + size);
      sizes.push(bytes - size);
    }
    return address;
  }

  free(address, size) {
    const { starts, sizes } = this;
    let i = this.position(address);
    starts.splice(i, 0, address);
    sizes.splice(i, 0, size);
    if (this.touches(i)) this.join(i);
    if (i > 0 && this.touches(i - 1)) this.join(--i);
  }

  /** Whether hole i ends where hole i + 1 begins, inside one main block. */
  touches(i) {
    const next = this.starts[i + 1];
    return this.starts[i] + this.sizes[i] === next && !this.blockStarts.has(next);
  }

  join(i) {
    this.sizes[i] += this.sizes[i + 1];
    this.starts.splice(i + 1, 1);
    this.sizes.splice(i + 1, 1);
  }

  /** Where in the sorted list an address belongs. */
  position(address) {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

module.exports = { HoleList };
