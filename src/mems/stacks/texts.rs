//! The texts of stacks, each kept once and only as long as it is used.
//!
//! A [`Stack`] is a text that knows its own hash, so that the text need not be read to find it again: programs allocate at the
//! same places again and again. A heap knows a text by an id, an index. Whatever notes an id counts as a use, and reports when the
//! use ends. With its last use the text is dropped, and its id is given to another.
//!
//! Invariants: `ids` has exactly the texts of `entries` that are in use. `vacant` has the indexes of the others, and room for
//! all, so that ending a use cannot fail.
//!
//! Costs: O(1) to find a `Stack` that is kept, or a clone of one; O(length of the text) for one that is only equal.

use std::collections::{HashMap, TryReserveError};
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A stack as text. Clones share the text.
#[derive(Debug, Clone)]
pub struct Stack(Arc<Text>);

#[derive(Debug)]
struct Text {
    hash: u64,
    text: Box<str>,
}

/// Bytes that a [`Stack`] takes beside its text: two counters, and the pointer to it.
const OWN_BYTES: usize = 2 * size_of::<usize>() + size_of::<Text>();

impl From<&str> for Stack {
    fn from(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(Arc::new(Text { hash: hasher.finish(), text: text.into() }))
    }
}

impl Deref for Stack {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq for Stack {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.text == other.0.text)
    }
}

impl Eq for Stack {}

impl Hash for Stack {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// A hasher for numbers that are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a stack writes its hash alone");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The id of a text in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackId(u32);

#[derive(Debug)]
struct Entry {
    stack: Stack,
    uses: u64,
}

/// The texts of one heap's stacks.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    entries: Vec<Option<Entry>>,
    vacant: Vec<u32>,
    ids: HashMap<Stack, u32, BuildHasherDefault<Hashed>>,
    /// Bytes of all texts.
    text_bytes: usize,
}

impl Stacks {
    /// Begins a use of a text, and returns its id. `None`: there is no memory to keep it.
    pub fn begin_use(&mut self, stack: &Stack) -> Option<StackId> {
        match self.ids.get(stack) {
            Some(&id) => {
                let id = StackId(id);
                self.entry(id).uses += 1;
                Some(id)
            }
            None => self.insert(stack).ok().flatten(),
        }
    }

    /// Keeps a new text. `None`: there are too many.
    fn insert(&mut self, stack: &Stack) -> Result<Option<StackId>, TryReserveError> {
        self.ids.try_reserve(1)?;
        let index = if let Some(index) = self.vacant.pop() {
            index
        } else {
            let Ok(index) = u32::try_from(self.entries.len()) else { return Ok(None) };
            self.entries.try_reserve(1)?;
            self.vacant.try_reserve(self.entries.len() + 1)?;
            self.entries.push(None);
            index
        };
        self.entries[index as usize] = Some(Entry { stack: stack.clone(), uses: 1 });
        self.ids.insert(stack.clone(), index);
        self.text_bytes += stack.len() + OWN_BYTES;
        Ok(Some(StackId(index)))
    }

    /// Ends a use.
    pub fn end_use(&mut self, id: StackId) {
        let entry = self.entry(id);
        entry.uses -= 1;
        if entry.uses == 0
            && let Some(Entry { stack, .. }) = self.entries[id.0 as usize].take()
        {
            self.ids.remove(&stack);
            self.vacant.push(id.0);
            self.text_bytes -= stack.len() + OWN_BYTES;
        }
    }

    /// A text in use.
    pub fn stack(&self, id: StackId) -> &Stack {
        &self.entries[id.0 as usize].as_ref().expect("an id is of a text in use").stack
    }

    fn entry(&mut self, id: StackId) -> &mut Entry {
        self.entries[id.0 as usize].as_mut().expect("an id is of a text in use")
    }

    /// Bytes of memory that the texts and the tables take.
    pub fn bytes(&self) -> usize {
        let lists = self.entries.capacity() * size_of::<Option<Entry>>() + self.vacant.capacity() * size_of::<u32>();
        self.text_bytes + lists + table_bytes::<(Stack, u32)>(self.ids.capacity())
    }

    /// Number of texts in use.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Bytes of a hash table with room for `capacity` entries: std's tables are an eighth larger, rounded up to a power of two, and
/// keep a byte beside each entry.
pub(crate) const fn table_bytes<T>(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity / 7 * 8).next_power_of_two() * (size_of::<T>() + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_dropped_with_its_last_use() {
        let mut stacks = Stacks::default();
        let [a, same, b] = ["a", "a", "b"].map(Stack::from);
        let first = stacks.begin_use(&a).unwrap();
        assert_eq!(stacks.begin_use(&same), Some(first));
        assert_eq!(stacks.begin_use(&a.clone()), Some(first));
        let other = stacks.begin_use(&b).unwrap();
        assert_eq!((stacks.len(), &**stacks.stack(first), &**stacks.stack(other)), (2, "a", "b"));
        for left in [2, 2, 1] {
            stacks.end_use(first);
            assert_eq!(stacks.len(), left);
        }
        // The id is given to the next.
        assert_eq!(stacks.begin_use(&"c".into()), Some(first));
        assert_eq!(&**stacks.stack(first), "c");
        stacks.end_use(first);
        stacks.end_use(other);
        assert_eq!((stacks.len(), stacks.text_bytes), (0, 0));
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        let mut stacks = Stacks::default();
        let [a, b] = ["a", "b"].map(|text| Stack(Arc::new(Text { hash: 7, text: text.into() })));
        let [first, other] = [&a, &b].map(|stack| stacks.begin_use(stack).unwrap());
        assert_eq!((stacks.len(), &**stacks.stack(first), &**stacks.stack(other)), (2, "a", "b"));
        stacks.end_use(first);
        assert_eq!((stacks.begin_use(&b), stacks.len()), (Some(other), 1));
    }

    #[test]
    fn memory_is_counted_as_texts_come_and_go() {
        let mut stacks = Stacks::default();
        assert_eq!(stacks.bytes(), 0);
        let ids: Vec<_> = (0..1000).map(|n| stacks.begin_use(&format!("{n:0100}").as_str().into()).unwrap()).collect();
        let full = stacks.bytes();
        assert!(full > 1000 * 100, "{full}");
        for id in ids {
            stacks.end_use(id);
        }
        assert_eq!(full - stacks.bytes(), 1000 * (100 + OWN_BYTES));
        // Ids that were given back are used again.
        for n in 0..1000 {
            stacks.begin_use(&format!("{n:0100}").as_str().into()).unwrap();
        }
        assert_eq!(stacks.bytes(), full);
    }
}
