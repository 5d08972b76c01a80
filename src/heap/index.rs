//! The index over the segments: finds the segment that holds an address, and the lowest hole that is large enough.
//!
//! A treap: a binary search tree by address that is also a heap by a random priority, so that its expected depth is
//! O(log n) whatever the order of operations. Each node also knows the largest hole in its subtree, which makes first
//! fit a single descent: go left while the left subtree holds a hole that fits.
//!
//! Sources: C. R. Aragon and R. Seidel, "Randomized Search Trees" (1989), for the balance; C. J. Stephenson, "Fast
//! Fits" (1983), for leftmost fit on a tree of holes.
//!
//! Invariants:
//! - An in-order walk yields the segments of all main blocks in order of address.
//! - A node's priority is above its children's; `largest` is the maximum over its subtree.
//!
//! Costs: every operation is expected O(log n). The priority is a hash of the segment's id and a seed of the heap's own,
//! so that no sequence of calls can be made to give a deep tree. Addresses do not depend on it.

use super::segment::{Id, NONE, Node, Segments};
use std::hash::{BuildHasher, RandomState};

/// The tree's root; its nodes are inside the segments.
#[derive(Debug)]
pub(super) struct Index {
    root: Id,
    seed: u32,
}

/// A bijective hash (Murmur3's finalizer): no two ids share a priority.
fn priority(id: Id, seed: u32) -> u32 {
    let mut x = id ^ seed;
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

impl Index {
    pub fn new() -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a seed too")]
        Self::with_seed(RandomState::new().hash_one(0) as u32)
    }

    pub const fn with_seed(seed: u32) -> Self {
        Self { root: NONE, seed }
    }

    fn priority(&self, id: Id) -> u32 {
        priority(id, self.seed)
    }

    /// The size of the largest hole; 0 if there is none.
    pub fn largest_hole(&self, segments: &Segments) -> u64 {
        largest(segments, self.root)
    }

    /// The segment that holds `address`, which must lie inside the main chain.
    pub fn find(&self, segments: &Segments, address: u64) -> Id {
        let mut found = NONE;
        let mut at = self.root;
        while at != NONE {
            let segment = &segments[at];
            if address < segment.start {
                at = segment.node.left;
            } else {
                found = at;
                at = segment.node.right;
            }
        }
        found
    }

    /// The lowest-addressed hole of at least `size` bytes, or `NONE`.
    pub fn first_fit(&self, segments: &Segments, size: u64) -> Id {
        if largest(segments, self.root) < size { NONE } else { first_fit_under(segments, self.root, size) }
    }

    /// Calls `visit` with every hole of at least `least` bytes (not 0), in order of address. O(k log n) for k of them.
    pub fn holes(&self, segments: &Segments, least: u64, visit: &mut impl FnMut(Id)) {
        let mut at = self.first_fit(segments, least);
        while at != NONE {
            visit(at);
            at = next_fit(segments, at, least);
        }
    }

    /// Adds segment `id`, whose predecessor by address is `before` (`NONE`: it is the first of all).
    pub fn insert_after(&mut self, segments: &mut Segments, before: Id, id: Id) {
        segments[id].node = Node { parent: NONE, left: NONE, right: NONE, largest: segments[id].hole_size() };
        if before == NONE {
            debug_assert_eq!(self.root, NONE, "addresses only grow, so only the first segment has none before it");
            self.root = id;
            return;
        }
        // The in-order place after `before`: its right child, or the leftmost node under that.
        let mut parent = segments[before].node.right;
        if parent == NONE {
            parent = before;
            segments[before].node.right = id;
        } else {
            parent = leftmost(segments, parent);
            segments[parent].node.left = id;
        }
        segments[id].node.parent = parent;
        while segments[id].node.parent != NONE && self.priority(segments[id].node.parent) < self.priority(id) {
            self.rotate_up(segments, id);
        }
        Self::refresh(segments, segments[id].node.parent);
    }

    /// Takes segment `id` out of the tree.
    pub fn remove(&mut self, segments: &mut Segments, id: Id) {
        loop {
            let Node { left, right, .. } = segments[id].node;
            let child = match (left, right) {
                (NONE, NONE) => break,
                (only, NONE) | (NONE, only) => only,
                (left, right) if self.priority(left) > self.priority(right) => left,
                (_, right) => right,
            };
            self.rotate_up(segments, child);
        }
        let parent = segments[id].node.parent;
        self.replace_child(segments, parent, id, NONE);
        Self::refresh(segments, parent);
    }

    /// Tells the tree that segment `at` changed its size or kind: recomputes `largest` upwards, as far as it changes.
    pub fn refresh(segments: &mut Segments, mut at: Id) {
        while at != NONE {
            let now = computed_largest(segments, at);
            if segments[at].node.largest == now {
                return;
            }
            segments[at].node.largest = now;
            at = segments[at].node.parent;
        }
    }

    /// Rotates `id` above its parent.
    fn rotate_up(&mut self, segments: &mut Segments, id: Id) {
        let parent = segments[id].node.parent;
        let grandparent = segments[parent].node.parent;
        let moved = if segments[parent].node.left == id {
            let moved = segments[id].node.right;
            segments[parent].node.left = moved;
            segments[id].node.right = parent;
            moved
        } else {
            let moved = segments[id].node.left;
            segments[parent].node.right = moved;
            segments[id].node.left = parent;
            moved
        };
        if moved != NONE {
            segments[moved].node.parent = parent;
        }
        segments[parent].node.parent = id;
        segments[id].node.parent = grandparent;
        self.replace_child(segments, grandparent, parent, id);
        segments[parent].node.largest = computed_largest(segments, parent);
        segments[id].node.largest = computed_largest(segments, id);
    }

    /// Makes `new` the child of `parent` that `old` was (the root, where `parent` is `NONE`).
    fn replace_child(&mut self, segments: &mut Segments, parent: Id, old: Id, new: Id) {
        if parent == NONE {
            self.root = new;
        } else if segments[parent].node.left == old {
            segments[parent].node.left = new;
        } else {
            segments[parent].node.right = new;
        }
    }

    /// Compares the tree with `expected`, the ids in order of address.
    ///
    /// # Errors
    /// A description of the first difference.
    pub fn verify(&self, segments: &Segments, expected: impl Iterator<Item = Id>) -> Result<(), String> {
        let mut at = leftmost(segments, self.root);
        for id in expected {
            if at != id {
                return Err(format!("the index has segment {at} where the chains have segment {id}"));
            }
            let node = &segments[id].node;
            for child in [node.left, node.right] {
                if child == NONE {
                    continue;
                }
                if segments[child].node.parent != id {
                    return Err(format!("node {child} does not name its parent {id}"));
                }
                if self.priority(child) > self.priority(id) {
                    return Err(format!("node {child} is under node {id} of lower priority"));
                }
            }
            if node.largest != computed_largest(segments, id) {
                return Err(format!("node {id} gives {} as its largest hole", node.largest));
            }
            at = successor(segments, id);
        }
        if at == NONE { Ok(()) } else { Err(format!("the index has segment {at} that no chain has")) }
    }
}

/// The first hole after segment `id`, in order, of at least `size` bytes; `NONE` if there is none.
fn next_fit(segments: &Segments, id: Id, size: u64) -> Id {
    let right = segments[id].node.right;
    if largest(segments, right) >= size {
        return first_fit_under(segments, right, size);
    }
    let mut at = id;
    loop {
        let parent = segments[at].node.parent;
        if parent == NONE {
            return NONE;
        }
        if segments[parent].node.left == at {
            if segments[parent].hole_size() >= size {
                return parent;
            }
            let right = segments[parent].node.right;
            if largest(segments, right) >= size {
                return first_fit_under(segments, right, size);
            }
        }
        at = parent;
    }
}

/// The first hole of at least `size` bytes in the subtree of `at`, which has one.
fn first_fit_under(segments: &Segments, mut at: Id, size: u64) -> Id {
    loop {
        let segment = &segments[at];
        if largest(segments, segment.node.left) >= size {
            at = segment.node.left;
        } else if segment.hole_size() >= size {
            return at;
        } else {
            at = segment.node.right;
        }
    }
}

/// The first node in order under `at`.
fn leftmost(segments: &Segments, mut at: Id) -> Id {
    while at != NONE && segments[at].node.left != NONE {
        at = segments[at].node.left;
    }
    at
}

/// The next node in order.
fn successor(segments: &Segments, id: Id) -> Id {
    if segments[id].node.right != NONE {
        return leftmost(segments, segments[id].node.right);
    }
    let mut at = id;
    loop {
        let parent = segments[at].node.parent;
        if parent == NONE || segments[parent].node.left == at {
            return parent;
        }
        at = parent;
    }
}

/// The largest hole under `id`; 0 for `NONE`.
fn largest(segments: &Segments, id: Id) -> u64 {
    if id == NONE { 0 } else { segments[id].node.largest }
}

/// What `largest` of `id` ought to be, from its own segment and its children.
fn computed_largest(segments: &Segments, id: Id) -> u64 {
    let segment = &segments[id];
    let below = largest(segments, segment.node.left).max(largest(segments, segment.node.right));
    segment.hole_size().max(below)
}

#[cfg(test)]
mod tests {
    use super::super::segment::Segment;
    use super::*;

    fn depth(segments: &Segments, at: Id) -> usize {
        if at == NONE {
            return 0;
        }
        let Node { left, right, .. } = segments[at].node;
        1 + depth(segments, left).max(depth(segments, right))
    }

    /// Ids in order of address are what every new heap has, and the worst for an unbalanced tree. The expected depth is
    /// some 33, and twice that is out of all reach.
    #[test]
    fn the_tree_is_shallow() {
        const COUNT: usize = 10_000;
        for seed in [0, 1, 0xffff_ffff, Index::new().seed] {
            let (mut index, mut segments) = (Index::with_seed(seed), Segments::new());
            segments.reserve(COUNT).unwrap();
            let mut before = NONE;
            for start in 0..COUNT as u64 {
                let id = segments.insert(Segment::hole(start, 1, 0));
                index.insert_after(&mut segments, before, id);
                before = id;
            }
            let depth = depth(&segments, index.root);
            assert!(depth < 70, "depth {depth} with seed {seed}");
        }
    }
}
