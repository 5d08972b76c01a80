//! States of blocks, as they are recorded, found and taken.

use super::*;
use crate::heap::PAGE;
use crate::heap::segregated::classes::Class;

#[test]
fn a_state_says_class_and_padding() {
    let mut states = States::new();
    assert_eq!(states.get(4096), None);
    states.reserve(0..CHUNK + 1).unwrap();
    for (class, Class { size, .. }) in CLASS.iter().enumerate() {
        for padding in (0..*size).step_by(1 + class) {
            states.set(CHUNK - 32, State::Slot(class), padding);
            assert_eq!(states.get(CHUNK - 32), Some(State::Slot(class)));
            assert_eq!(states.padding(CHUNK - 32, State::Slot(class)), padding);
        }
        assert_eq!([states.get(CHUNK - 31), states.get(CHUNK - 16), states.get(CHUNK)], [None; 3]);
    }
    for padding in 0..PAGE {
        states.set(0, State::Pages, padding);
        assert_eq!((states.get(0), states.padding(0, State::Pages)), (Some(State::Pages), padding));
    }
    assert_eq!(states.iter(0..2 * CHUNK).map(|found| found.0).collect::<Vec<_>>(), [0, CHUNK - 32]);
    assert_eq!((states.take(0), states.take(0)), (Some((State::Pages, PAGE - 1)), None));
    assert_eq!((states.get(0), states.get(1 << 50)), (None, None));
}

#[test]
fn a_slot_is_recorded_by_both_ways_alike_and_its_neighbours_stay() {
    let mut states = [States::new(), States::new()];
    for states in &mut states {
        states.reserve(0..CHUNK).unwrap();
    }
    for (class, Class { size, .. }) in CLASS.iter().enumerate() {
        let start = 2 * PAGE;
        for padding in (0..*size).step_by(1 + class) {
            for states in &mut states {
                states.set(start - UNIT, State::Slot(0), 1);
                states.set(start + size, State::Slot(0), 2);
            }
            states[0].set(start, State::Slot(class), padding);
            states[1].set_slot(start, class, padding);
            for states in &states {
                assert_eq!(
                    (states.get(start), states.padding(start, State::Slot(class))),
                    (Some(State::Slot(class)), padding)
                );
                let beside = [start - UNIT, start + size].map(|at| states.padding(at, State::Slot(0)));
                assert_eq!(beside, [1, 2], "class {class}");
            }
            let quick = states[1].quick(start / UNIT).map(|(_, class, padding)| (class, padding));
            assert_eq!(quick, (class < WIDER).then_some((class, padding)));
        }
        for states in &mut states {
            assert!(states.take(start).is_some());
        }
    }
}

#[test]
fn a_given_table_takes_over_the_states_of_the_first_one() {
    let mut states = States::new();
    states.reserve(0..PAGE).unwrap();
    assert!(states.takes_table() == Some(STATES) && states.fit(CHUNK) && !states.fit(CHUNK + PAGE));
    states.set(16, State::Slot(9), 7);
    states.set_table(Table::zeros(2 * STATES).unwrap());
    assert!(states.takes_table().is_none() && states.fit(2 * CHUNK));
    states.set(CHUNK, State::Slot(0), 3);
    let found = states.iter(0..3 * CHUNK).map(|(at, state)| (at, states.padding(at, state)));
    assert_eq!(found.collect::<Vec<_>>(), [(16, 7), (CHUNK, 3)]);
    assert_eq!(states.take(16), Some((State::Slot(9), 7)));
    // Behind it there are chunks.
    states.reserve(2 * CHUNK..2 * CHUNK + PAGE).unwrap();
    states.set(2 * CHUNK, State::Pages, 5);
    assert_eq!(states.take(2 * CHUNK), Some((State::Pages, 5)));
}
