//! All interleavings of threads that wait for a word and that ring the bell: none is left asleep. (`npm run test:rust -- --under loom`.
//! Threads sleep for ever there, where others look again after a while; loom reports one that nobody wakes.)

use super::*;
use loom::sync::{Arc, Mutex};
use loom::thread;

fn numbers(count: usize) -> Table<AtomicU32> {
    Table::of_static(Vec::leak((0..count).map(|_| AtomicU32::new(0)).collect()))
}

/// A word that is 0, and how two threads reach it.
fn words() -> (&'static [AtomicU32], Word) {
    let word = numbers(1);
    (word.forever(), Word(word))
}

/// A bell, for as many threads as ask for it.
fn bells() -> impl Fn() -> Bell {
    let shared = numbers(2).forever();
    move || Bell { words: Table::of_static(shared), read_only: false }
}

#[test]
fn a_waiter_is_woken() {
    loom::model(|| {
        let ((number, word), bell) = (words(), bells());
        let waiter = Waiter { word, bell: bell() };
        let rings = thread::spawn({
            let bell = bell();
            move || {
                number[0].store(1, Ordering::Relaxed);
                bell.ring();
            }
        });
        waiter.wait(0, None);
        rings.join().unwrap();
    });
}

#[test]
fn a_waiter_is_woken_by_one_of_two_that_ring() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ((number, word), bell) = (words(), bells());
        let waiter = Waiter { word, bell: bell() };
        let threads = [true, false].map(|is_for_this| {
            let bell = bell();
            thread::spawn(move || {
                if is_for_this {
                    number[0].store(1, Ordering::Relaxed);
                }
                bell.ring();
            })
        });
        waiter.wait(0, None);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn two_waiters_are_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ((number, word), bell) = (words(), bells());
        let waiters = [word, Word(Table::of_static(number))].map(|word| Waiter { word, bell: bell() });
        let threads = waiters.map(|waiter| thread::spawn(move || waiter.wait(0, None)));
        number[0].store(1, Ordering::Relaxed);
        bell().ring();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// What the lookout and one that begins to wait share.
#[derive(Clone, Copy, PartialEq)]
enum Shared {
    Nobody,
    Waits,
    /// Nobody has begun to wait, since the word had changed.
    Over,
}

/// As in `lookout.rs`: the lookout sleeps without a request as long as nobody waits.
#[test]
fn a_sleeping_lookout_is_woken_for_a_wait_that_has_begun() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ((number, word), bell) = (words(), bells());
        let shared = Arc::new(Mutex::new(Shared::Nobody));
        let lookout = thread::spawn({
            let (shared, bell, word) = (Arc::clone(&shared), bell(), Word(Table::of_static(number)));
            move || loop {
                let rung = bell.rung();
                let now = shared.lock().unwrap();
                if *now == Shared::Waits {
                    bell.request();
                }
                if *now == Shared::Over || *now == Shared::Waits && word.differs(0) {
                    return;
                }
                drop(now);
                bell.sleep(rung, LOOK);
            }
        });
        let rings = thread::spawn({
            let bell = bell();
            move || {
                number[0].store(1, Ordering::Relaxed);
                bell.ring();
            }
        });
        let mut now = shared.lock().unwrap();
        bell().request();
        *now = if word.differs(0) { Shared::Over } else { Shared::Waits };
        let is_over = *now == Shared::Over;
        drop(now);
        if is_over {
            bell().ring_for_all();
        }
        rings.join().unwrap();
        lookout.join().unwrap();
    });
}
