//! An index of holes by size, then by address: finds the smallest hole that is large enough, the lowest of several.
//!
//! An AA tree (Arne Andersson, "Balanced Search Trees Made Simple", 1993) whose nodes are linked by position in one vector. It
//! is no `BTreeSet`, since that aborts the process where there is no memory; here only [`HolesBySize::reserve`] can fail.
//!
//! Invariants: keys grow from left to right; a left child is one level below its parent, a right one at most, a right
//! grandchild at least; a leaf is on level 1. So no path is longer than twice the logarithm.
//!
//! Costs: O(log n) each; 32 bytes a node.

use std::collections::TryReserveError;

/// No node.
const NONE: u32 = u32::MAX;

/// Size and start of a hole.
type Key = (u64, u64);

#[derive(Debug, Clone, Copy)]
struct Node {
    key: Key,
    left: u32,
    /// In a vacant node: the next vacant node.
    right: u32,
    level: u32,
}

/// Holes in order of size, then of address.
#[derive(Debug)]
pub(super) struct HolesBySize {
    nodes: Vec<Node>,
    root: u32,
    /// Head of the list of vacant nodes.
    vacant: u32,
    len: usize,
}

impl Default for HolesBySize {
    fn default() -> Self {
        Self { nodes: Vec::new(), root: NONE, vacant: NONE, len: 0 }
    }
}

impl HolesBySize {
    /// Number of holes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Makes sure that the index can hold `len` holes.
    ///
    /// # Errors
    /// If there is no memory, or `len` does not fit positions of 32 bits.
    pub fn reserve(&mut self, len: usize) -> Result<(), TryReserveError> {
        // Positions have 32 bits.
        let len = if u32::try_from(len).is_ok_and(|len| len < NONE) { len } else { usize::MAX };
        self.nodes.try_reserve(len.saturating_sub(self.nodes.len()))
    }

    /// Size and start of the smallest hole of at least `size` bytes, the lowest of several.
    pub fn smallest_from(&self, size: u64) -> Option<Key> {
        let (mut at, mut best) = (self.root, None);
        while let Some(node) = self.node(at) {
            if node.key.0 >= size {
                best = Some(node.key);
                at = node.left;
            } else {
                at = node.right;
            }
        }
        best
    }

    /// Whether the hole is in the index.
    pub fn has(&self, start: u64, size: u64) -> bool {
        let (key, mut at) = ((size, start), self.root);
        while let Some(node) = self.node(at) {
            if node.key == key {
                return true;
            }
            at = if key < node.key { node.left } else { node.right };
        }
        false
    }

    /// Adds a hole, for which there is room.
    pub fn insert(&mut self, start: u64, size: u64) {
        debug_assert!(self.nodes.len() > self.len || self.nodes.capacity() > self.nodes.len(), "it was reserved");
        let node = Node { key: (size, start), left: NONE, right: NONE, level: 1 };
        let new = if let Some(vacant) = self.node(self.vacant).copied() {
            let place = self.vacant;
            self.vacant = vacant.right;
            self.nodes[place as usize] = node;
            place
        } else {
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("`reserve` refuses more")
        };
        self.root = self.insert_below(self.root, new);
        self.len += 1;
    }

    /// Removes a hole, which must be in the index.
    pub fn remove(&mut self, start: u64, size: u64) {
        self.root = self.remove_below(self.root, (size, start));
        self.len -= 1;
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Checks that the index has exactly these holes (start, size), and room for as many more as there are live blocks.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn verify(&self, holes: &mut dyn Iterator<Item = (u64, u64)>, blocks: usize) -> Result<(), String> {
        let mut count = 0;
        for (start, size) in holes {
            count += 1;
            if !self.has(start, size) {
                return Err(format!("the hole of {size} bytes at {start} is not in the index"));
            }
        }
        if count != self.len {
            return Err(format!("the index has {} holes, the map {count}", self.len));
        }
        if self.nodes.capacity() < count + blocks {
            return Err(format!("the index has no room for the holes that {blocks} blocks become"));
        }
        Ok(())
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn level(&self, at: u32) -> u32 {
        self.node(at).map_or(0, |node| node.level)
    }

    fn get(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }

    fn insert_below(&mut self, at: u32, new: u32) -> u32 {
        let Some(&Node { key, left, right, .. }) = self.node(at) else { return new };
        if self.nodes[new as usize].key < key {
            self.get(at).left = self.insert_below(left, new);
        } else {
            self.get(at).right = self.insert_below(right, new);
        }
        let at = self.skew(at);
        self.split(at)
    }

    fn remove_below(&mut self, at: u32, key: Key) -> u32 {
        let Node { key: here, left, right, .. } = self.nodes[at as usize];
        if key < here {
            self.get(at).left = self.remove_below(left, key);
        } else if key > here {
            self.get(at).right = self.remove_below(right, key);
        } else if left == NONE {
            // Without a left child the right one, if there is one, is a leaf of this level.
            self.get(at).right = self.vacant;
            self.vacant = at;
            return right;
        } else {
            let mut previous = left;
            while self.nodes[previous as usize].right != NONE {
                previous = self.nodes[previous as usize].right;
            }
            let previous = self.nodes[previous as usize].key;
            self.get(at).left = self.remove_below(left, previous);
            self.get(at).key = previous;
        }
        self.rebalance(at)
    }

    /// Restores the levels above a removal.
    fn rebalance(&mut self, at: u32) -> u32 {
        let Node { left, right, level, .. } = self.nodes[at as usize];
        let lowest = self.level(left).min(self.level(right)) + 1;
        if lowest < level {
            self.get(at).level = lowest;
            if self.level(right) > lowest {
                self.get(right).level = lowest;
            }
        }
        let at = self.skew(at);
        let right = self.nodes[at as usize].right;
        if right != NONE {
            let right = self.skew(right);
            self.get(at).right = right;
            let next = self.nodes[right as usize].right;
            if next != NONE {
                self.get(right).right = self.skew(next);
            }
        }
        let at = self.split(at);
        let right = self.nodes[at as usize].right;
        if right != NONE {
            self.get(at).right = self.split(right);
        }
        at
    }

    /// Turns a left child of the same level into the parent.
    fn skew(&mut self, at: u32) -> u32 {
        let Node { left, level, .. } = self.nodes[at as usize];
        if left == NONE || self.level(left) != level {
            return at;
        }
        self.get(at).left = self.nodes[left as usize].right;
        self.get(left).right = at;
        left
    }

    /// Lifts the middle one of three nodes of the same level.
    fn split(&mut self, at: u32) -> u32 {
        let Node { right, level, .. } = self.nodes[at as usize];
        let Some(&Node { right: next, left, .. }) = self.node(right) else { return at };
        if self.level(next) != level {
            return at;
        }
        self.get(at).right = left;
        let above = self.get(right);
        above.left = at;
        above.level += 1;
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The height of what is below a node, whose levels are checked.
    fn height(index: &HolesBySize, at: u32) -> usize {
        let Some(node) = index.node(at) else { return 0 };
        assert_eq!(index.level(node.left) + 1, node.level);
        let right = index.level(node.right);
        assert!(right == node.level || right + 1 == node.level);
        if let Some(next) = index.node(node.right) {
            assert!(index.level(next.right) < node.level);
        }
        1 + height(index, node.left).max(height(index, node.right))
    }

    proptest! {
        #[test]
        fn the_index_is_an_ordered_set(steps in prop::collection::vec((any::<bool>(), 1..40_u64, 0..40_u64), 1..400)) {
            let mut index = HolesBySize::default();
            let mut set = BTreeSet::new();
            for (add, size, start) in steps {
                if set.contains(&(size, start)) {
                    index.remove(start, size);
                    set.remove(&(size, start));
                } else if add {
                    index.reserve(set.len() + 1).unwrap();
                    index.insert(start, size);
                    set.insert((size, start));
                }
                prop_assert_eq!(index.smallest_from(size), set.range((size, 0)..).next().copied());
                prop_assert_eq!(index.len(), set.len());
                let most = 2 * (set.len() + 1).ilog2() as usize + 1;
                prop_assert!(height(&index, index.root) <= most);
            }
            prop_assert!(index.verify(&mut set.iter().map(|&(size, start)| (start, size)), 0).is_ok());
        }
    }

    #[test]
    fn what_is_wrong_is_noticed() {
        let mut index = HolesBySize::default();
        index.reserve(2).unwrap();
        index.insert(10, 5);
        assert!(index.verify(&mut [(10, 6)].into_iter(), 0).unwrap_err().contains("not in the index"));
        assert!(index.verify(&mut [].into_iter(), 0).unwrap_err().contains("the map 0"));
        assert!(index.verify(&mut [(10, 5)].into_iter(), 100).unwrap_err().contains("no room"));
        assert!(index.reserve(1 << 32).is_err());
    }
}
