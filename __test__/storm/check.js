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
 * Finds out what has become of the operations that were cut short and not stored with a word. Each explains the loss of one block; a resize
 * that moves explains two, one of each of its sizes. `clears`: blocks are cleared before they are freed. Returns the addresses of the blocks that
 * were lost.
 */
function settleLimbo(tables, unclaimed, clears) {
  const lost = [];
  /** Takes a block of one of `sizes` that `fits`. Returns its size; `undefined` if there is none. */
  const take = (sizes, fits = () => true) => {
    for (const [address, size] of unclaimed) {
      if (!sizes.includes(size) || !fits(address)) continue;
      unclaimed.delete(address);
      lost.push(address);
      return size;
    }
    return undefined;
  };
  const entries = tables.flatMap((table) =>
    [...table.limbo()].map((entry) => ({ table, ...entry })),
  );
  // First those whose contents say which block is theirs: the longest, since few bytes may be those of another block too.
  const of = (wanted) =>
    entries.filter(({ kind }) => kind === wanted).sort((a, b) => b.least - a.least);
  // Each wants a block of one size after that, so that no choice can leave another without one.
  const wanted = of('malloc').map(({ sizes: [size] }) => size);
  for (const { table, serial, sizes, least } of of('resize')) {
    const size = take(sizes, (address) => table.holds(address, least, serial));
    if (size === undefined) found('a block has gone as it was resized', { serial, sizes });
    wanted.push(...sizes.filter((other) => other !== size));
  }
  for (const { table, serial, sizes, least } of of('free')) {
    if (clears) wanted.push(...sizes);
    else take(sizes, (address) => table.holds(address, least, serial));
  }
  for (const size of wanted) take([size]);
  if (unclaimed.size > 0) found('blocks have no owner', [...unclaimed].slice(0, 10));
  return lost;
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
  const lost = settleLimbo(tables, unclaimed, clears);
  for (const address of lost) heap.free(address);
  for (const table of tables) table.words[at.LIMBO_COUNT] = 0n;
  heap.verify();
  return { mallocs: totals.malloc, live, lost: lost.length, mapped: bytes.mapped };
}

module.exports = { WORDS, checkAll, settleLimbo };
