'use strict';

// The free list of malloc.py, the simulator that goes with chapter 17 of "Operating Systems: Three Easy Pieces" (Arpaci-Dusseau),
// restated: a second oracle for first, best and worst fit that shares nothing with the model. It is the simulator's with a list
// in the order of addresses that is coalesced, and no header: -l ADDRSORT -C -H 0.

/** Whether a policy prefers the node `other` to `chosen`, which comes first in the list. */
const PREFERS = {
  'first-fit': () => false,
  'best-fit': (other, chosen) => other.size < chosen.size,
  'worst-fit': (other, chosen) => other.size > chosen.size,
};

class FreeList {
  constructor(policy, base, size) {
    this.prefers = PREFERS[policy];
    this.nodes = [{ address: base, size }];
    this.sizes = new Map();
  }

  /** The address of a block, or undefined if no node is large enough. */
  malloc(size) {
    const fitting = this.nodes.filter((node) => node.size >= size);
    if (fitting.length === 0) return undefined;
    const chosen = fitting.reduce((best, node) => (this.prefers(node, best) ? node : best));
    const { address } = chosen;
    chosen.address += size;
    chosen.size -= size;
    this.nodes = this.nodes.filter((node) => node.size > 0);
    this.sizes.set(address, size);
    return address;
  }

  free(address) {
    this.nodes.push({ address, size: this.sizes.get(address) });
    this.sizes.delete(address);
    this.nodes.sort((a, b) => a.address - b.address);
    this.nodes = this.nodes.reduce((list, node) => {
      const last = list.at(-1);
      if (last && last.address + last.size === node.address) last.size += node.size;
      else list.push(node);
      return list;
    }, []);
  }
}

module.exports = { FreeList, POLICIES: Object.keys(PREFERS) };
