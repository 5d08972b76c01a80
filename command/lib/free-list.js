// A model of an allocator that keeps its holes in a list, for what MeMS does not do: headers, lists in other orders, no coalescing.
//
// The rules are those of malloc.py, the simulator that goes with chapter 17 of "Operating Systems: Three Easy Pieces"
// (Arpaci-Dusseau), restated: the list is searched from its beginning; the rest of a node stays where the node was in the list,
// whatever the order; the order is made anew by `free`; then neighbours in the list are coalesced if one ends where the next
// begins, so that only a list by address coalesces all that can be.
//
// With its defaults the model is an oracle for MeMS: the tests of policies compare both, address for address. Costs O(n) a call,
// O(n log n) for `free`, for n nodes.

'use strict';

/** Whether a policy prefers the node `other` to `chosen`, which comes first in the list. */
const PREFERS = {
  'first-fit': () => false,
  'best-fit': (other, chosen) => other.size < chosen.size,
  'worst-fit': (other, chosen) => other.size > chosen.size,
};

/** How a list is ordered after a node was freed: `place` inserts the node, `compare` sorts all. */
const ORDERS = {
  address: { compare: (a, b) => a.address - b.address },
  size: { compare: (a, b) => a.size - b.size },
  'size-down': { compare: (a, b) => b.size - a.size },
  front: { isFirst: true },
  back: {},
};

class FreeList {
  /**
   * `holes` are the nodes at the start, `{ address, size }`; by default one of `size` bytes at `base`. A block has `header` bytes
   * before it, and sizes are rounded up to a multiple of `alignment`.
   */
  constructor({ policy, base, size, holes, header = 0, alignment = 1, order, coalesce = true }) {
    Object.assign(this, { header, alignment, coalesce });
    this.prefers = PREFERS[policy];
    this.order = ORDERS[order ?? 'address'];
    this.nodes = (holes ?? [{ address: base, size }]).map((node) => ({ ...node }));
    this.sizes = new Map();
  }

  /** The bytes that a block of `size` bytes takes. */
  taken(size) {
    return Math.ceil(size / this.alignment) * this.alignment + this.header;
  }

  /** The address of a block, behind its header, or undefined if no node is large enough. */
  malloc(size) {
    const bytes = this.taken(size);
    const fitting = this.nodes.filter((node) => node.size >= bytes);
    if (fitting.length === 0) return undefined;
    const chosen = fitting.reduce((best, node) => (this.prefers(node, best) ? node : best));
    const { address } = chosen;
    chosen.address += bytes;
    chosen.size -= bytes;
    this.nodes = this.nodes.filter((node) => node.size > 0);
    this.sizes.set(address + this.header, bytes);
    return address + this.header;
  }

  free(address) {
    const node = { address: address - this.header, size: this.sizes.get(address) };
    this.sizes.delete(address);
    if (this.order.isFirst) this.nodes.unshift(node);
    else this.nodes.push(node);
    if (this.order.compare) this.nodes.sort(this.order.compare);
    if (!this.coalesce) return;
    this.nodes = this.nodes.reduce((list, next) => {
      const last = list.at(-1);
      if (last && last.address + last.size === next.address) last.size += next.size;
      else list.push(next);
      return list;
    }, []);
  }
}

module.exports = { FreeList, ORDERS: Object.keys(ORDERS), POLICIES: Object.keys(PREFERS) };
