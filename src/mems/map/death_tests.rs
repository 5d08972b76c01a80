//! Deaths at every store of every change of a map, and what the next process finds.

use super::tests::{Folder, Process, all, set, value};
use super::{Leased, Map, MapOptions};
use crate::heap::ledger::death::dying_before;
use crate::mems::access::Access;
use crate::mems::file::{repair, verify};
use std::fs;

/// A map before a change, and the change.
pub(super) struct Scene {
    pub name: &'static str,
    pub limits: (u64, u64),
    pub before: fn(&mut Map, &mut Process),
    pub change: fn(&mut Map, &mut Process),
}

fn nothing(_: &mut Map, _: &mut Process) {}

fn some(map: &mut Map, heap: &mut Process) {
    for key in 0..5_u8 {
        set(map, heap, &[key], &value(u16::from(key), 100)).unwrap();
    }
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "the first set",
        limits: (0, 0),
        before: nothing,
        change: |map, heap| {
            set(map, heap, b"key", b"value").unwrap();
        },
    },
    Scene {
        name: "a replacement",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            set(map, heap, &[3], &value(1000, 200)).unwrap();
        },
    },
    Scene {
        name: "a deletion",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            map.delete(heap, &[2]).unwrap();
        },
    },
    Scene {
        name: "a larger table",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            set(map, heap, b"a", b"b").unwrap();
            set(map, heap, b"c", b"d").unwrap();
        },
    },
    Scene {
        name: "an eviction",
        limits: (0, 5),
        before: some,
        change: |map, heap| {
            set(map, heap, b"key", b"value").unwrap();
        },
    },
    Scene {
        name: "a clearing",
        limits: (0, 0),
        before: |map, heap| {
            set(map, heap, &[1], &value(1, 100)).unwrap();
        },
        change: |map, heap| {
            assert!(!map.clear_some(heap, 0).unwrap());
        },
    },
    Scene {
        name: "a counter",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            map.increment(heap, b"count", 2, 0, 0).unwrap();
            map.increment(heap, b"count", 3, 0, 0).unwrap();
        },
    },
    Scene {
        name: "a lease and its value",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            assert!(matches!(map.lease(heap, b"key", 0, 7, 60_000).unwrap(), Leased::Granted(_)));
            assert!(set(map, heap, b"key", b"value").unwrap());
        },
    },
    Scene {
        name: "a new extent",
        limits: (0, 0),
        before: some,
        change: |map, heap| {
            set(map, heap, b"key", &vec![7; 1 << 20]).unwrap();
        },
    },
];

impl Scene {
    /// The options of a map of one shard.
    pub fn options(&self) -> MapOptions {
        let (most_bytes, most_entries) = self.limits;
        MapOptions {
            shards: Some(0),
            most_bytes: Some(most_bytes),
            most_entries: Some(most_entries),
            ..MapOptions::default()
        }
    }
}

#[test]
fn a_death_at_any_store_leaves_each_entry_whole_or_as_it_was() {
    let folder = Folder::new();
    for scene @ Scene { name, before, change, .. } in SCENES {
        let options = scene.options();
        let path = folder.path("before");
        let mut heap = Process::open(&path);
        let mut map = Map::open(&mut heap, b"map", &options).unwrap();
        before(&mut map, &mut heap);
        let old = all(&mut map, &mut heap);
        heap.check(b"map");
        drop((map, heap));
        let mut states = Vec::new();
        for stores in 0.. {
            let copy = folder.path("copy");
            fs::copy(&path, &copy).unwrap();
            let mut heap = Process::open(&copy);
            let mut map = Map::open(&mut heap, b"map", &options).unwrap();
            let has_ended = dying_before(stores, || change(&mut map, &mut heap)).is_some();
            drop((map, heap));
            // What a dead process has left is no damage, and a repair settles it as the next process does.
            let left = fs::read(&copy).unwrap();
            assert_eq!(verify(&copy, true).unwrap().problems, [""; 0], "{name}, store {stores}");
            assert!(fs::read(&copy).unwrap() == left, "verify has written");
            let mended = folder.path("mended");
            fs::copy(&copy, &mended).unwrap();
            // A repair waits for the disk: so only some.
            if stores % 8 == 3 {
                assert_eq!(repair(&mended, None).unwrap().problems, [""; 0], "{name}, store {stores}");
            }
            let mut heap = Process::open(&copy);
            let mut map = Map::open(&mut heap, b"map", &options).unwrap();
            let found = all(&mut map, &mut heap);
            if states.last() != Some(&found) {
                states.push(found);
            }
            // The one who recovers may die as well, at any of its stores: here at some of them.
            let again = folder.path("again");
            fs::copy(&copy, &again).unwrap();
            let mut other = Process::open(&again);
            let _died = dying_before(stores % 7, || other.with(|_| Ok(())));
            drop(other);
            for path in [&copy, &again, &mended] {
                let mut heap = Process::open(path);
                heap.check(b"map");
                let mut map = Map::open(&mut heap, b"map", &options).unwrap();
                assert_eq!(all(&mut map, &mut heap), states[states.len() - 1], "{name}, store {stores}");
                set(&mut map, &mut heap, b"another", b"value").unwrap();
                heap.check(b"map");
            }
            if has_ended {
                assert!(stores > 10, "{name} has few stores");
                break;
            }
        }
        assert_eq!(states[0], old, "{name}");
        assert!(states.len() <= 4, "{name}: {} states", states.len());
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_death_while_a_map_is_made_leaves_no_block() {
    let folder = Folder::new();
    let options = MapOptions { shards: Some(1), ..MapOptions::default() };
    for stores in 0.. {
        let path = folder.path("map");
        let mut heap = Process::open(&path);
        heap.with(|heap| heap.malloc(16).and_then(|address| heap.free(address))).unwrap();
        let has_ended = dying_before(stores, || Map::open(&mut heap, b"map", &options).unwrap()).is_some();
        drop(heap);
        let mut heap = Process::open(&path);
        heap.check(b"map");
        let mut map = Map::open(&mut heap, b"map", &options).unwrap();
        set(&mut map, &mut heap, b"key", b"value").unwrap();
        heap.check(b"map");
        drop((map, heap));
        fs::remove_file(path).unwrap();
        if has_ended {
            break;
        }
    }
}
