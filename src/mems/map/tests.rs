//! Maps against a model, in memory and in a file; limits, leases and tables.

use super::layout::{Kind, TEXT_KEY};
use super::{Got, Lease, Leased, Map, MapOptions, New, Room, Taken};
use crate::error::Error;
use crate::mems::access::Access;
use crate::mems::file::{FileOptions, Opened};
use crate::mems::{Mems, Options};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that is removed with all that is in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let name = u128::from_be_bytes(crate::memory::file::new_uuid().expect("random numbers"));
        let path = std::env::temp_dir().join(format!("mems-map-{name:032x}"));
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// A process that has a file open, or a heap in memory. Dropping it is a death: nothing is closed, and the system's locks end.
pub(super) struct Process(pub Mems);

impl Process {
    pub fn open(path: &Path) -> Self {
        let options = FileOptions { lock_timeout: Duration::from_secs(60), ..FileOptions::default() };
        let opened = Opened::new(path, &options).unwrap();
        Self(Mems::in_file(&opened, &options).unwrap())
    }

    pub fn in_memory() -> Self {
        Self(Mems::new(Options::default()))
    }

    /// Checks that a map is sound, and that the heap has no other blocks.
    pub fn check(&mut self, name: &[u8]) {
        let (problems, blocks, live) = self
            .with(|heap| {
                let maps = heap.map_names();
                let address = maps.iter().find(|(known, _)| known == name).map(|&(_, address)| address);
                let audit = address.map(|address| heap.audit_map(address, true)).unwrap_or_default();
                heap.verify()?;
                Ok((audit.problems, audit.blocks, heap.stats().live_blocks))
            })
            .unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(blocks, live, "blocks are lost or left over");
    }
}

impl Access for Process {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        self.0.enter_file()?;
        let done = step(&mut self.0);
        self.0.leave_file();
        done
    }

    fn look<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        step(&mut self.0)
    }
}

pub(super) fn get(map: &mut Map, process: &mut Process, key: &[u8]) -> Option<Vec<u8>> {
    let mut room = vec![0; 1 << 16];
    match map.get(process, key, Room::new(&mut room), Taken::Used).unwrap() {
        Got::Missing => None,
        Got::Found(length, _) => Some(room[..length].to_vec()),
    }
}

pub(super) fn set(map: &mut Map, process: &mut Process, key: &[u8], value: &[u8]) -> Result<bool, Error> {
    map.set(process, &New { key, value, flags: TEXT_KEY, expiry: 0 })
}

pub(super) fn all(map: &mut Map, process: &mut Process) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut all = HashMap::new();
    for number in 0..map.shard_count() {
        for one in map.list(process, number, true).unwrap() {
            assert!(all.insert(one.key, one.value).is_none(), "a key is there twice");
        }
    }
    all
}

pub(super) fn value(seed: u16, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u16 ^ seed) as u8).collect()
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Set(u8, u16, usize),
    Delete(u8),
    Add(u8, i8),
    Swap(u8, bool, u16),
    Clear,
    Other,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..200_u8, any::<u16>(), 0..300_usize).prop_map(|(key, seed, length)| Step::Set(key, seed, length)),
        3 => (0..200_u8).prop_map(Step::Delete),
        2 => (200..210_u8, any::<i8>()).prop_map(|(key, by)| Step::Add(key, by)),
        2 => (0..200_u8, any::<bool>(), any::<u16>()).prop_map(|(key, right, seed)| Step::Swap(key, right, seed)),
        1 => Just(Step::Other),
    ];
    prop::collection::vec(prop_oneof![200 => step, 1 => Just(Step::Clear)], 1..400)
}

/// Runs steps by turns in all processes, and in a model.
pub(super) fn run(processes: &mut [Process], steps: &[Step]) {
    let options = MapOptions { shards: Some(2), checksums: true, ..MapOptions::default() };
    let mut maps: Vec<_> = processes.iter_mut().map(|heap| Map::open(heap, b"map", &options).unwrap()).collect();
    let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut at = 0;
    for step in steps {
        let (map, heap) = (&mut maps[at], &mut processes[at]);
        match step {
            Step::Set(key, seed, length) => {
                let (key, value) = (key.to_string().into_bytes(), value(*seed, *length));
                assert!(!set(map, heap, &key, &value).unwrap());
                model.insert(key, value);
            }
            Step::Delete(key) => {
                let key = key.to_string().into_bytes();
                assert_eq!(map.delete(heap, &key).unwrap(), model.remove(&key).is_some());
            }
            Step::Add(key, by) => {
                let key = key.to_string().into_bytes();
                let before = model.get(&key).map_or(0, |bytes| i64::from_le_bytes(bytes[..].try_into().unwrap()));
                assert_eq!(map.increment(heap, &key, i64::from(*by), 0, 0).unwrap().0, before + i64::from(*by));
                model.insert(key, (before + i64::from(*by)).to_le_bytes().to_vec());
            }
            Step::Swap(key, is_right, seed) => {
                let key = key.to_string().into_bytes();
                let expected = if *is_right { model.get(&key).cloned() } else { Some(b"never".to_vec()) };
                let new = New { key: &key, value: &value(*seed, 40), flags: 0, expiry: 0 };
                let done = map.compare_and_set(heap, expected.as_deref(), &new).unwrap();
                assert_eq!(done.is_some(), *is_right);
                if *is_right {
                    model.insert(key.clone(), value(*seed, 40));
                }
            }
            Step::Clear => {
                for number in 0..map.shard_count() {
                    while map.clear_some(heap, number).unwrap() {}
                }
                model.clear();
            }
            Step::Other => at = (at + 1) % processes.len(),
        }
        let (map, heap) = (&mut maps[at], &mut processes[at]);
        for key in [0, 7, 99].map(|key: u8| key.to_string().into_bytes()) {
            assert_eq!(get(map, heap, &key), model.get(&key).cloned());
        }
    }
    for (map, heap) in maps.iter_mut().zip(processes) {
        assert_eq!(all(map, heap), model);
        assert_eq!(map.stats(heap).unwrap().entries, model.len() as u64);
        heap.check(b"map");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_map_in_memory_is_as_the_model(steps in steps()) {
        run(&mut [Process::in_memory()], &steps);
    }

    #[test]
    fn a_map_in_a_file_is_as_the_model(steps in steps()) {
        let folder = Folder::new();
        let path = folder.path("map");
        run(&mut [Process::open(&path), Process::open(&path)], &steps);
    }
}

#[test]
fn limits_hold_and_what_is_read_stays() {
    for mut heap in [Process::in_memory(), Process::open(&Folder::new().path("map"))] {
        let limit = 40_000;
        let options = MapOptions { shards: Some(1), most_bytes: Some(limit), ..MapOptions::default() };
        let mut map = Map::open(&mut heap, b"map", &options).unwrap();
        for number in 0..1000_u32 {
            set(&mut map, &mut heap, &number.to_le_bytes(), &value(1, 200)).unwrap();
            assert!(map.stats(&mut heap).unwrap().bytes <= limit);
            assert!(get(&mut map, &mut heap, &0_u32.to_le_bytes()).is_some(), "{number}: what is read all the time");
            heap.check(b"map");
        }
        let stats = map.stats(&mut heap).unwrap();
        assert!(stats.entries > 100 && stats.evictions > 800, "{stats:?}");
        let refused = set(&mut map, &mut heap, b"large", &vec![0; 50_000]);
        assert!(matches!(refused, Err(Error::Map(_))));
        assert_eq!(map.stats(&mut heap).unwrap().entries, stats.entries);
        // The one that is there makes room for the one that takes its place.
        let large = |byte| vec![byte; 35_000];
        set(&mut map, &mut heap, b"large", &large(1)).unwrap();
        set(&mut map, &mut heap, b"large", &large(2)).unwrap();
        assert_eq!(get(&mut map, &mut heap, b"large"), Some(large(2)));
        heap.check(b"map");
    }
}

#[test]
fn what_has_expired_is_not_found_and_goes_when_the_hand_is_there() {
    let mut heap = Process::in_memory();
    let options = MapOptions { shards: Some(0), most_entries: Some(10), ..MapOptions::default() };
    let mut map = Map::open(&mut heap, b"map", &options).unwrap();
    map.set(&mut heap, &New { key: b"old", value: b"value", flags: 0, expiry: 1 }).unwrap();
    assert_eq!(get(&mut map, &mut heap, b"old"), None);
    assert!(all(&mut map, &mut heap).is_empty());
    // The hand goes round more than once.
    for key in 0..100_u8 {
        set(&mut map, &mut heap, &[key], b"value").unwrap();
    }
    let stats = map.stats(&mut heap).unwrap();
    assert_eq!((stats.entries, stats.evictions, stats.expirations), (10, 90, 1));
    heap.check(b"map");
}

/// The lease of a key, which the caller gets.
fn granted(map: &mut Map, heap: &mut Process, key: &[u8], token: u64, milliseconds: u64) -> Lease {
    match map.lease(heap, key, 0, token, milliseconds).unwrap() {
        Leased::Granted(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_made_with_a_lease_is_set_unless_the_key_has_changed_since() {
    let folder = Folder::new();
    let path = folder.path("map");
    let (mut first, mut second) = (Process::open(&path), Process::open(&path));
    let [mut here, mut there] =
        [&mut first, &mut second].map(|heap| Map::open(heap, b"map", &MapOptions::default()).unwrap());
    let made = |value| New { key: b"key", value, flags: 0, expiry: 0 };
    let long = 600_000;
    let lease = granted(&mut here, &mut first, b"key", 1, long);
    assert!(here.set_leased(&mut first, lease, &made(b"made")).unwrap());
    assert!(!here.set_leased(&mut first, lease, &made(b"twice")).unwrap(), "there is a value");
    there.delete(&mut second, b"key").unwrap();
    assert!(!here.set_leased(&mut first, lease, &made(b"late")).unwrap(), "it has been removed");
    let other = granted(&mut there, &mut second, b"key", 1, 0);
    assert!(!here.set_leased(&mut first, lease, &made(b"late")).unwrap(), "another was asked for since");
    // What is over is taken over: both have begun after the last change.
    let taken_over = granted(&mut here, &mut first, b"key", 2, long);
    assert!(there.set_leased(&mut second, other, &made(b"first")).unwrap());
    assert!(!here.set_leased(&mut first, taken_over, &made(b"second")).unwrap());
    assert_eq!(get(&mut here, &mut first, b"key"), Some(b"first".to_vec()));
    first.check(b"map");
}

#[test]
fn a_lease_is_one_processs_until_it_gives_it_back_or_dies() {
    let folder = Folder::new();
    let path = folder.path("map");
    let (mut first, mut second) = (Process::open(&path), Process::open(&path));
    let [mut here, mut there] =
        [&mut first, &mut second].map(|heap| Map::open(heap, b"map", &MapOptions::default()).unwrap());
    let long = 600_000;
    granted(&mut here, &mut first, b"key", 1, long);
    assert!(matches!(there.lease(&mut second, b"key", 0, 1, long).unwrap(), Leased::Held { .. }));
    assert_eq!(get(&mut there, &mut second, b"key"), None);
    assert!(all(&mut there, &mut second).is_empty());
    assert!(!there.give_back(&mut second, b"key", 1).unwrap(), "it is another process's");
    assert!(!here.give_back(&mut first, b"key", 2).unwrap(), "it is another call's");
    assert!(here.give_back(&mut first, b"key", 1).unwrap());
    granted(&mut there, &mut second, b"key", 1, long);
    drop((there, second));
    granted(&mut here, &mut first, b"key", 3, long);
    assert!(set(&mut here, &mut first, b"key", b"value").unwrap(), "somebody may be waiting");
    assert_eq!(here.lease(&mut first, b"key", 0, 4, long).unwrap(), Leased::Value);
    granted(&mut here, &mut first, b"short", 5, 0);
    assert!(here.delete(&mut first, b"key").unwrap());
    assert_eq!(Kind::of(TEXT_KEY), Kind::Value);
    first.check(b"map");
}

#[test]
fn a_limit_that_tables_have_used_up_lets_entries_in_all_the_same() {
    for mut heap in [Process::in_memory(), Process::open(&Folder::new().path("map"))] {
        let limit = 24_000;
        let options = MapOptions { shards: Some(8), most_bytes: Some(limit), ..MapOptions::default() };
        let mut map = Map::open(&mut heap, b"map", &options).unwrap();
        for number in 0..2000_u32 {
            set(&mut map, &mut heap, &number.to_le_bytes(), b"value").unwrap();
            assert!(map.stats(&mut heap).unwrap().bytes <= limit);
        }
        // All but the map's own block can be one entry's.
        set(&mut map, &mut heap, b"large", &vec![1; 7000]).unwrap();
        heap.check(b"map");
    }
}

#[test]
fn a_map_that_is_cleared_has_no_tables() {
    let mut heap = Process::in_memory();
    let mut map = Map::open(&mut heap, b"map", &MapOptions { shards: Some(1), ..MapOptions::default() }).unwrap();
    let empty = map.stats(&mut heap).unwrap();
    for number in 0..3000_u32 {
        set(&mut map, &mut heap, &number.to_le_bytes(), b"value").unwrap();
    }
    for number in 0..map.shard_count() {
        while map.clear_some(&mut heap, number).unwrap() {}
    }
    let stats = map.stats(&mut heap).unwrap();
    assert_eq!((stats.entries, stats.bytes, stats.slots), (0, empty.bytes, 0));
    heap.check(b"map");
    set(&mut map, &mut heap, b"key", b"value").unwrap();
    assert_eq!(get(&mut map, &mut heap, b"key"), Some(b"value".to_vec()));
}
