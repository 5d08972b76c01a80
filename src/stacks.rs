//! The texts of stacks, each kept once and only as long as somebody uses it.
//!
//! A text is known by an id, an index; who notes an id counts as a use, and says when that ends. With the last use the text
//! goes, and its id is given to another.
//!
//! Invariants: `ids` has exactly the texts of `entries` that are in use. `vacant` has the indexes of the others, and room for
//! all, so that ending a use cannot fail. `last` is in use.
//!
//! Costs: O(length of the text) to find it, unless it is the one found last.

use std::collections::{HashMap, TryReserveError};
use std::sync::Arc;

/// The id of a text in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackId(u32);

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    uses: u64,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    entries: Vec<Option<Entry>>,
    vacant: Vec<u32>,
    ids: HashMap<Arc<str>, u32>,
    /// The text given last, and its id: many blocks of one call have the very same.
    last: Option<(Arc<str>, StackId)>,
    /// Bytes of all texts.
    text_bytes: usize,
}

/// Bytes that an `Arc<str>` has beside its text: two counters.
const ARC_BYTES: usize = 2 * size_of::<usize>();

impl Stacks {
    /// Begins a use of a text, and returns its id. `None`: there is no memory to keep it.
    pub fn begin_use(&mut self, text: &Arc<str>) -> Option<StackId> {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, text)
        {
            let id = *id;
            self.begin_another(id);
            return Some(id);
        }
        let id = match self.ids.get(text) {
            Some(&id) => {
                let id = StackId(id);
                self.begin_another(id);
                id
            }
            None => self.insert(text).ok().flatten()?,
        };
        self.last = Some((Arc::clone(text), id));
        Some(id)
    }

    /// Begins one more use of a text that is in use.
    fn begin_another(&mut self, id: StackId) {
        self.entry(id).uses += 1;
    }

    /// Keeps a new text. `None`: there are too many.
    fn insert(&mut self, text: &Arc<str>) -> Result<Option<StackId>, TryReserveError> {
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
        self.entries[index as usize] = Some(Entry { text: Arc::clone(text), uses: 1 });
        self.ids.insert(Arc::clone(text), index);
        self.text_bytes += text.len() + ARC_BYTES;
        Ok(Some(StackId(index)))
    }

    /// Ends a use.
    pub fn end_use(&mut self, id: StackId) {
        let entry = self.entry(id);
        entry.uses -= 1;
        if entry.uses == 0
            && let Some(Entry { text, .. }) = self.entries[id.0 as usize].take()
        {
            self.ids.remove(&text);
            self.vacant.push(id.0);
            self.text_bytes -= text.len() + ARC_BYTES;
            if self.last.as_ref().is_some_and(|&(_, last)| last == id) {
                self.last = None;
            }
        }
    }

    /// A text in use.
    pub fn text(&self, id: StackId) -> &Arc<str> {
        &self.entries[id.0 as usize].as_ref().expect("an id is of a text in use").text
    }

    fn entry(&mut self, id: StackId) -> &mut Entry {
        self.entries[id.0 as usize].as_mut().expect("an id is of a text in use")
    }

    /// Bytes of memory that this takes.
    pub fn bytes(&self) -> usize {
        let lists = self.entries.capacity() * size_of::<Option<Entry>>() + self.vacant.capacity() * size_of::<u32>();
        self.text_bytes + lists + table_bytes::<(Arc<str>, u32)>(self.ids.capacity())
    }

    /// Number of texts in use.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Bytes of a hash table that has room for so many entries: those of std are an eighth larger, in a power of two, and keep a
/// byte beside each.
pub(crate) const fn table_bytes<T>(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity / 7 * 8).next_power_of_two() * (size_of::<T>() + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_goes_with_its_last_use() {
        let mut stacks = Stacks::default();
        let [a, same, b] = ["a", "a", "b"].map(Arc::from);
        let first = stacks.begin_use(&a).unwrap();
        assert_eq!(stacks.begin_use(&same), Some(first));
        assert_eq!(stacks.begin_use(&same), Some(first));
        let other = stacks.begin_use(&b).unwrap();
        assert_eq!((stacks.len(), &**stacks.text(first), &**stacks.text(other)), (2, "a", "b"));
        for left in [2, 2, 1] {
            stacks.end_use(first);
            assert_eq!(stacks.len(), left);
        }
        // The id is given to the next.
        assert_eq!(stacks.begin_use(&"c".into()), Some(first));
        assert_eq!(&**stacks.text(first), "c");
        stacks.end_use(first);
        stacks.end_use(other);
        assert_eq!((stacks.len(), stacks.text_bytes), (0, 0));
    }

    #[test]
    fn the_text_given_last_is_known_only_as_long_as_it_is_used() {
        let mut stacks = Stacks::default();
        let text: Arc<str> = "a".into();
        let id = stacks.begin_use(&text).unwrap();
        stacks.end_use(id);
        let other = stacks.begin_use(&"b".into()).unwrap();
        assert_eq!(other, id);
        let again = stacks.begin_use(&text).unwrap();
        assert_ne!(again, other);
        assert_eq!((&**stacks.text(again), &**stacks.text(other)), ("a", "b"));
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
        assert_eq!(full - stacks.bytes(), 1000 * (100 + ARC_BYTES));
        // What has been given back is used again.
        for n in 0..1000 {
            stacks.begin_use(&format!("{n:0100}").as_str().into()).unwrap();
        }
        assert_eq!(stacks.bytes(), full);
    }
}
