//! Lists of live blocks, to find leaks: in order of address, the largest first, or grouped by the places that allocated them; or
//! lists of those places.
//!
//! A heap may have more blocks than JavaScript has memory for, and other threads use it meanwhile. So it is walked [`STEP`]
//! segments at a time, unlocked in between; JavaScript gets [`BATCH`] entries at a time; and for an order other than that of
//! addresses the heap is walked again for each selection of the next entries, at most [`MOST_SELECTED`]. A change during a walk
//! may be seen or not, but no entry is listed twice.
//!
//! Costs: O(n) for blocks by address and for sites; else O(n log k) for each selection of k: the first for few entries, each
//! later one for four times as many, so that a caller that stops early, or sets a limit, pays for one walk.

use super::arguments::{Listing, leaks_options};
use super::arguments::{argument, id};
use super::failure::{Failure, run};
use crate::error::Error;
use crate::mems::{Block, Mems, Stack};
use crate::process::registry::{self, Handle, Id};
use napi::bindgen_prelude::{Function, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap};
use std::vec;

/// Segments that are walked under one lock.
const STEP: usize = 4096;
/// Entries that JavaScript gets at once.
const BATCH: usize = 1024;
/// Entries that the first selection has room for, and any at most: 12 MiB.
const SELECTED: usize = 1024;
const MOST_SELECTED: usize = 1 << 18;

/// The key of a stack: its address in memory, which equal stacks of one heap share; 0 without a stack.
fn key_of(stack: Option<&Stack>) -> usize {
    stack.map_or(0, |stack| stack.as_ptr().addr())
}

/// An entry: a block, with its rank in the order, or a site.
#[derive(Debug)]
struct Entry {
    /// Blocks of lower ranks come first, and blocks of the same rank in order of address.
    rank: u64,
    /// The block's address, or that of a site's first block.
    address: u64,
    bytes: u64,
    /// Number of blocks.
    count: u64,
    stack: Option<Stack>,
}

impl Entry {
    fn new(rank: u64, block: Block, stack: Option<&Stack>) -> Self {
        Self { rank, address: block.start, bytes: block.size, count: 1, stack: stack.cloned() }
    }

    const fn order(&self) -> (u64, u64) {
        (self.rank, self.address)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// The error when there is no memory for the list.
fn no_room<E>(_: E) -> Error {
    Error::OutOfMetadata { size: 0 }
}

/// Calls `visit` for all live blocks of a heap, and unlocks it every [`STEP`] segments. Calls `before` without the lock before
/// each step, to make room for what the step may find.
fn visit_all<T>(
    id: Id,
    state: &mut T,
    before: impl Fn(&mut T) -> std::result::Result<(), Error>,
    visit: impl Fn(&mut T, &Mems, Block),
) -> std::result::Result<(), Error> {
    let mut next = Some(0);
    while let Some(address) = next {
        before(state)?;
        next = registry::with_heap(id, |heap| {
            let heap = &*heap;
            Ok(heap.visit_live(address, STEP, |block| visit(state, heap, block)))
        })?;
    }
    Ok(())
}

/// The sites of a heap, the largest first.
fn sites(id: Id) -> std::result::Result<Vec<Entry>, Error> {
    let mut sites: HashMap<usize, Entry> = HashMap::new();
    visit_all(
        id,
        &mut sites,
        |sites| sites.try_reserve(STEP).map_err(no_room),
        |sites, heap, block| {
            let stack = heap.stack_of(block.start);
            // An entry keeps its stack, so that no other stack takes that place in memory.
            let site = sites.entry(key_of(stack)).or_insert_with(|| Entry {
                count: 0,
                bytes: 0,
                ..Entry::new(0, block, stack)
            });
            site.count += 1;
            site.bytes += block.size;
        },
    )?;
    let mut list = Vec::new();
    list.try_reserve_exact(sites.len()).map_err(no_room)?;
    list.extend(sites.into_values().map(|site| Entry { rank: u64::MAX - site.bytes, ..site }));
    list.sort_unstable();
    Ok(list)
}

/// The state of a list that is being read.
struct Walk {
    /// The heap's own id: a default heap that is started later has another.
    id: Id,
    listing: Listing,
    /// Entries that are still wanted.
    left: u64,
    /// Entries that wait to be given out.
    ready: vec::IntoIter<Entry>,
    /// The address at which the walk continues; `None` at its end.
    next: Option<u64>,
    /// The last entry that has been selected.
    last: Option<(u64, u64)>,
    /// Number of entries in the next selection.
    room: usize,
    /// The ranks of sites, by their stacks, which are kept meanwhile.
    ranks: HashMap<usize, u64>,
    sites: Vec<Entry>,
}

impl Walk {
    fn new(id: Id, listing: Listing, limit: u64) -> std::result::Result<Self, Error> {
        let (mut ready, mut ranks, mut kept) = (Vec::new(), HashMap::new(), Vec::new());
        match listing {
            Listing::ByAddress | Listing::BySize => {}
            Listing::Sites => {
                ready = sites(id)?;
                ready.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            }
            Listing::BySite => {
                kept = sites(id)?;
                ranks.try_reserve(kept.len()).map_err(no_room)?;
                ranks.extend(kept.iter().zip(0..).map(|(site, rank)| (key_of(site.stack.as_ref()), rank)));
            }
        }
        let next = (listing != Listing::Sites).then_some(0);
        let ready = ready.into_iter();
        Ok(Self { id, listing, left: limit, ready, next, last: None, room: SELECTED, ranks, sites: kept })
    }

    /// The next entries, [`BATCH`] at most; none at the end.
    fn batch(&mut self) -> std::result::Result<Vec<Entry>, Error> {
        if self.ready.len() == 0 && self.next.is_some() && self.left != 0 {
            self.ready = if self.listing == Listing::ByAddress { self.walk() } else { self.select() }?.into_iter();
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH).min(self.ready.len());
        let mut batch = Vec::new();
        batch.try_reserve_exact(most).map_err(no_room)?;
        batch.extend(self.ready.by_ref().take(most));
        self.left -= batch.len() as u64;
        if self.left == 0 || batch.is_empty() {
            // Stacks are not kept longer than they are needed.
            (self.ready, self.sites) = (Vec::new().into_iter(), Vec::new());
        }
        Ok(batch)
    }

    /// The blocks of the next segments that have any.
    fn walk(&mut self) -> std::result::Result<Vec<Entry>, Error> {
        let mut found = Vec::new();
        found.try_reserve_exact(STEP).map_err(no_room)?;
        while let Some(address) = self.next
            && found.is_empty()
        {
            self.next = registry::with_heap(self.id, |heap: &mut Mems| {
                let heap = &*heap;
                Ok(heap.visit_live(address, STEP, |block| found.push(Entry::new(0, block, heap.stack_of(block.start)))))
            })?;
        }
        Ok(found)
    }

    /// The next blocks in another order than that of their addresses.
    fn select(&mut self) -> std::result::Result<Vec<Entry>, Error> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.room);
        self.room = (self.room * 4).min(MOST_SELECTED);
        let mut selected: BinaryHeap<Entry> = BinaryHeap::new();
        selected.try_reserve_exact(room).map_err(no_room)?;
        let (listing, ranks, last) = (self.listing, &self.ranks, self.last);
        visit_all(
            self.id,
            &mut selected,
            |_| Ok(()),
            |selected, heap, block| {
                let rank = match listing {
                    Listing::BySite => ranks.get(&key_of(heap.stack_of(block.start))).copied().unwrap_or(u64::MAX),
                    _ => u64::MAX - block.size,
                };
                if last.is_some_and(|last| (rank, block.start) <= last) {
                    return;
                }
                if selected.len() < room {
                    selected.push(Entry::new(rank, block, heap.stack_of(block.start)));
                } else if let Some(mut worst) = selected.peek_mut()
                    && (rank, block.start) < worst.order()
                {
                    *worst = Entry::new(rank, block, heap.stack_of(block.start));
                }
            },
        )?;
        if selected.len() < room {
            self.next = None;
        }
        let selected = selected.into_sorted_vec();
        self.last = selected.last().map(Entry::order).or(self.last);
        Ok(selected)
    }
}

/// Entries of a list; see `leaks`.
#[napi(object)]
pub struct LeaksBatch {
    /// Whether they are sites.
    pub sites: bool,
    /// Three numbers for each entry: a block's address or the number of a site's blocks, the requested bytes, and an index of
    /// `stacks`.
    pub numbers: Vec<f64>,
    /// Stacks; an empty text where none is known.
    pub stacks: Vec<String>,
}

/// A batch as JavaScript gets it: each stack once.
#[allow(clippy::cast_precision_loss, reason = "addresses and bytes are below 2^53")]
fn listed(batch: &[Entry], sites: bool) -> std::result::Result<LeaksBatch, Failure> {
    let (mut numbers, mut stacks, mut indexes) = (Vec::new(), Vec::new(), HashMap::new());
    numbers.try_reserve_exact(3 * batch.len()).map_err(no_room)?;
    stacks.try_reserve(batch.len()).map_err(no_room)?;
    indexes.try_reserve(batch.len()).map_err(no_room)?;
    for Entry { address, bytes, count, stack, .. } in batch {
        let index = *indexes.entry(key_of(stack.as_ref())).or_insert_with(|| {
            stacks.push(stack.as_ref().map_or_else(String::new, ToString::to_string));
            stacks.len() - 1
        });
        let first = if sites { *count } else { *address };
        numbers.extend([first as f64, *bytes as f64, index as f64]);
    }
    Ok(LeaksBatch { sites, numbers, stacks })
}

/// Lists live blocks, or the places that allocated them, as a function that returns the next batch, or null after the last.
/// The options are an object or undefined.
#[napi]
pub fn leaks<'env>(env: &'env Env, heap: Unknown, options: Unknown) -> Result<Function<'env, (), Option<LeaksBatch>>> {
    let walk = RefCell::new(run(*env, || {
        let (listing, limit) = leaks_options(argument(*env, &options))?;
        // The id of the heap that runs now: a default heap that is started later has another.
        let ((), id) = Handle::new(id(*env, &heap)?)?.with_id(|_| Ok(()))?;
        Ok(Walk::new(id, listing, limit)?)
    })?);
    env.create_function_from_closure("nextLeaks", move |call| {
        run(*call.env, || {
            let mut walk = walk.borrow_mut();
            let batch = walk.batch()?;
            if batch.is_empty() { Ok(None) } else { Ok(Some(listed(&batch, walk.listing == Listing::Sites)?)) }
        })
    })
}
