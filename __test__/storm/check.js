'use strict';

// What is in the file when all processes of the storm have stopped: every block has one owner, and is as its owner has left it.

const { Table, TEMPORARY, WORDS, at, found, rootOf, usable } = require('./table.js');

/** All live blocks: sizes by addresses. */
function liveBlocks(heap) {
  const blocks = new Map();
  for (const { segments } of heap.chains()) {
    for (const { kind, start, size } of segments) if (kind === 'live') blocks.set(start, size);
  }
  return blocks;
}

/** Takes a block, which must be there, out of those that nobody has claimed yet. */
function claim(unclaimed, address, size, details) {
  if (unclaimed.get(address) !== size)
    found('a block is not there, or has two owners', {
      ...details,
      address,
      size,
      is: unclaimed.get(address),
    });
  unclaimed.delete(address);
}

/**
 * Finds out what has become of the operations that were cut short and not stored with a word. Each explains the loss of one block, or a
 * resize that of one or two. `clears`: blocks are cleared before they are freed. Returns the number of blocks that were lost.
 */
function settleLimbo(heap, tables, unclaimed, clears) {
  const lost = [];
  const take = (fits) => {
    for (const [address, size] of unclaimed) {
      if (!fits(address, size)) continue;
      unclaimed.delete(address);
      lost.push(address);
      return true;
    }
    return false;
  };
  const entries = tables.flatMap((table) =>
    [...table.limbo()].map((entry) => ({ table, ...entry })),
  );
  // First those that must have their contents. A block that was never filled may have any.
  for (const { table, kind, serial, sizes, least } of entries) {
    const holds = (address, size) => sizes.includes(size) && table.holds(address, least, serial);
    if (kind === 'resize' && !take(holds))
      found('a block has gone as it was resized', { serial, sizes });
    if (kind === 'free' && !clears) take(holds);
  }
  for (const { kind, sizes } of entries) {
    if (kind !== 'free' || clears) take((_, size) => sizes.includes(size));
  }
  if (unclaimed.size > 0) found('blocks have no owner', [...unclaimed].slice(0, 10));
  for (const address of lost) heap.free(address);
  for (const table of tables) table.words[at.LIMBO_COUNT] = 0n;
  return lost.length;
}

/** Checks the whole file. `others`: blocks that belong to no worker; `clears`: see `settleLimbo`. Returns what was counted. */
function checkAll(heap, owners, others, clears) {
  heap.verify();
  const unclaimed = liveBlocks(heap);
  const live = unclaimed.size;
  for (const { address, size } of others) claim(unclaimed, address, usable(size), {});
  const tables = owners.map((owner) => new Table(heap, owner));
  for (const table of tables) {
    const { owner } = table;
    claim(unclaimed, table.address, usable(table.words.byteLength), { owner, root: rootOf(owner) });
    table.settle();
    for (let word = 0; word <= TEMPORARY; word++) {
      const address = table.addressAt(word);
      if (address !== 0) claim(unclaimed, address, usable(table.sizeAt(word)), { owner, word });
    }
  }
  const { counts, bytes, totals } = heap.stats();
  if (counts.live !== live || totals.malloc - totals.free !== live)
    found('the counts are wrong', { counts, totals, live });
  const lost = settleLimbo(heap, tables, unclaimed, clears);
  heap.verify();
  return { mallocs: totals.malloc, live, lost, mapped: bytes.mapped };
}

module.exports = { WORDS, checkAll };
