//! All interleavings of a front and of the addon, which holds the lock, at the state of one block. (`npm run test:rust -- --under
//! loom`. The memory model is C++'s, so this shows what is right on processors that reorder, too.)

use super::*;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, SeqCst};
use loom::thread;

/// A slot of 48 bytes.
const SLOT: State = State::Slot(2);

/// Two views of one table, as the addon and JavaScript have them, with a block of 40 bytes at its beginning.
fn with_block() -> States {
    let numbers: &'static [AtomicU8] = Vec::leak((0..8).map(|_| AtomicU8::new(0)).collect());
    let mut states = States::new();
    states.set_table(Table::of_static(numbers));
    states.share();
    states.set(0, SLOT, 8);
    states
}

fn numbers(states: &States) -> &'static [AtomicU8] {
    states.table.forever()
}

/// Frees as `lib/front.js` does. Returns the padding of the block.
fn give(states: &[AtomicU8]) -> Option<u64> {
    let state = states[0].load(Acquire);
    if state == 0 || state >= NOTED {
        return None;
    }
    states[0].compare_exchange(state, 0, AcqRel, Relaxed).ok()?;
    Some(u64::from(states[1].load(Relaxed) & 0x7f))
}

#[test]
fn one_of_two_frees_has_the_block() {
    loom::model(|| {
        let mut states = with_block();
        let front = numbers(&states);
        let theirs = thread::spawn(move || give(front));
        let ours = states.take(0).map(|(_, padding)| padding);
        let theirs = theirs.join().unwrap();
        assert!(ours.is_some() != theirs.is_some(), "{ours:?}, {theirs:?}");
        assert_eq!(ours.or(theirs), Some(8));
    });
}

#[test]
fn a_block_that_changes_its_size_is_freed_before_or_after_that() {
    loom::model(|| {
        let mut states = with_block();
        let front = numbers(&states);
        let theirs = thread::spawn(move || give(front));
        let claimed = states.claim(0, SLOT);
        if claimed.is_some() {
            assert_eq!(claimed, Some(8));
            states.set(0, SLOT, 30);
        }
        match theirs.join().unwrap() {
            // The addon was there first, or the front left the block to it.
            None => assert_eq!((claimed, states.get(0)), (Some(8), Some(SLOT))),
            Some(padding) => {
                assert_eq!(padding, if claimed.is_some() { 30 } else { 8 });
                assert_eq!(states.get(0), None);
            }
        }
    });
}

#[test]
fn a_note_is_kept_of_a_block_that_is_there() {
    loom::model(|| {
        let mut states = with_block();
        let front = numbers(&states);
        let theirs = thread::spawn(move || give(front));
        let noted = states.mark_noted(0);
        assert!(noted != theirs.join().unwrap().is_some());
        assert_eq!(states.get(0).is_some(), noted);
    });
}

#[test]
fn a_block_that_is_freed_as_it_is_made_has_its_own_padding() {
    loom::model(|| {
        let mut states = with_block();
        let front = numbers(&states);
        // The slot is freed, and handed out again for a block of 20 bytes, while another thread frees its old address.
        let wild = thread::spawn(move || give(front));
        let ours = states.take(0).map(|(_, padding)| padding);
        if ours.is_some() {
            states.set(0, SLOT, 28);
        }
        match (ours, wild.join().unwrap()) {
            (None, theirs) => assert_eq!(theirs, Some(8)),
            (Some(8), None) => assert_eq!(states.padding(0, SLOT), 28),
            (Some(8), Some(padding)) => assert_eq!(padding, 28),
            wrong => panic!("{wrong:?}"),
        }
    });
}

#[test]
fn two_fronts_and_the_addon_free_a_block_once() {
    loom::model(|| {
        let mut states = with_block();
        let front = numbers(&states);
        let won = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let won = Arc::clone(&won);
                thread::spawn(move || won.fetch_add(usize::from(give(front).is_some()), SeqCst))
            })
            .collect();
        won.fetch_add(usize::from(states.take(0).is_some()), SeqCst);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(won.load(SeqCst), 1);
    });
}
