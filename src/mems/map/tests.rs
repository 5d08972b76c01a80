//! Maps against a model, in memory and in a file; with a death at every store of every change; and with damage.

use super::layout::{ADDRESS, Kind, TEXT_KEY, is_entry, shard, table_of};
use super::{Got, Leased, Map, MapOptions, New, Room, Taken};
use crate::error::Error;
use crate::heap::ledger::death::{dying_before, watched};
use crate::heap::ledger::word;
use crate::mems::access::Access;
use crate::mems::file::{FileOptions, Opened, repair, verify};
use crate::mems::{Mems, Options};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A folder that is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = u128::from_be_bytes(crate::memory::file::new_uuid().expect("random numbers"));
        let path = std::env::temp_dir().join(format!("mems-map-{name:032x}"));
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// A process that has a file open, or a heap in memory. Dropping it is a death: nothing is closed, and the system's locks end.
struct Process(Mems);

impl Process {
    fn open(path: &Path) -> Self {
        let options = FileOptions { lock_timeout: Duration::from_secs(60), ..FileOptions::default() };
        let opened = Opened::new(path, &options).unwrap();
        Self(Mems::in_file(&opened, &options).unwrap())
    }

    fn in_memory() -> Self {
        Self(Mems::new(Options::default()))
    }

    /// Checks that a map is sound, and that the heap has no other blocks.
    fn check(&mut self, name: &[u8]) {
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

fn get(map: &mut Map, process: &mut Process, key: &[u8]) -> Option<Vec<u8>> {
    let mut room = vec![0; 1 << 16];
    match map.get(process, key, Room::new(&mut room), Taken::Used).unwrap() {
        Got::Missing => None,
        Got::Found(length, _) => Some(room[..length].to_vec()),
    }
}

fn set(map: &mut Map, process: &mut Process, key: &[u8], value: &[u8]) -> Result<bool, Error> {
    map.set(process, &New { key, value, flags: TEXT_KEY, expiry: 0 })
}

fn all(map: &mut Map, process: &mut Process) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut all = HashMap::new();
    for number in 0..map.shard_count() {
        for one in map.list(process, number, true).unwrap() {
            assert!(all.insert(one.key, one.value).is_none(), "a key is there twice");
        }
    }
    all
}

fn value(seed: u16, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u16 ^ seed) as u8).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, u16, usize),
    Delete(u8),
    Add(u8, i8),
    Swap(u8, bool, u16),
    Clear,
    Other,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
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
fn run(processes: &mut [Process], steps: &[Step]) {
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
                assert_eq!(map.increment(heap, &key, i64::from(*by), 0, 0).unwrap(), before + i64::from(*by));
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

/// A map before a change, and the change.
struct Scene {
    name: &'static str,
    limits: (u64, u64),
    before: fn(&mut Map, &mut Process),
    change: fn(&mut Map, &mut Process),
}

fn nothing(_: &mut Map, _: &mut Process) {}

fn some(map: &mut Map, heap: &mut Process) {
    for key in 0..5_u8 {
        set(map, heap, &[key], &value(u16::from(key), 100)).unwrap();
    }
}

const SCENES: &[Scene] = &[
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
            assert_eq!(map.lease(heap, b"key", 0, 7, 60_000).unwrap(), Leased::Granted);
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
    fn options(&self) -> MapOptions {
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

/// What readers without a lock can have found in a map of one shard since its version went up the last time.
struct Reader {
    heap: Process,
    map: Map,
    version: u64,
    found: BTreeSet<u64>,
}

impl Reader {
    fn new(path: &Path, options: &MapOptions) -> Self {
        let mut heap = Process::open(path);
        let map = Map::open(&mut heap, b"map", options).unwrap();
        Self { heap, map, version: 0, found: BTreeSet::new() }
    }

    /// Looks at the map, and checks that no block that can have been found is free, as readers would not notice.
    fn look(&mut self) {
        let memory = &self.map.memory;
        let shard = memory.words(self.map.shard_address(0, 0), shard::WORDS).unwrap();
        let version = word(&shard[shard::VERSION]);
        if version != self.version {
            self.version = version;
            self.found.clear();
        }
        if let Some((address, slots)) = table_of(word(&shard[shard::TABLE])) {
            self.found.insert(address);
            let table = memory.words(address, 1 << slots).unwrap();
            self.found.extend(table.iter().map(word).filter(|&slot| is_entry(slot)).map(|slot| slot & ADDRESS));
        }
        // This process does not learn of new extents.
        for &address in self.found.iter().filter(|&&address| !memory.is_beyond(address)) {
            assert!(self.heap.0.owns(address), "the block at {address} is free, and the version is still {version}");
        }
    }
}

#[test]
fn the_version_goes_up_before_a_block_is_freed_that_a_reader_may_have_found() {
    let folder = Folder::new();
    let (path, copy) = (folder.path("before"), folder.path("copy"));
    for scene @ Scene { name, before, change, .. } in SCENES {
        let options = scene.options();
        let mut heap = Process::open(&path);
        before(&mut Map::open(&mut heap, b"map", &options).unwrap(), &mut heap);
        drop(heap);
        // The change as it is, and with a death before each of its stores, after which another process continues.
        for stores in 0.. {
            fs::copy(&path, &copy).unwrap();
            let mut heap = Process::open(&copy);
            let mut map = Map::open(&mut heap, b"map", &options).unwrap();
            let reader = Rc::new(RefCell::new(Reader::new(&copy, &options)));
            let watch = || {
                let reader = Rc::clone(&reader);
                move || reader.borrow_mut().look()
            };
            let has_ended = watched(watch(), || dying_before(stores, || change(&mut map, &mut heap)).is_some());
            // As a panic leaves it: the next process need not wait for the lock, and recovers all the same.
            heap.0.leave_file();
            drop((map, heap));
            let mut next = Process::open(&copy);
            watched(watch(), || next.with(|_| Ok(()))).unwrap();
            reader.borrow_mut().look();
            if has_ended {
                assert!(stores > 10, "{name} has few stores");
                break;
            }
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_value_whose_block_becomes_another_while_it_is_copied_is_read_again() {
    let folder = Folder::new();
    let path = folder.path("map");
    let (mut first, mut second) = (Process::open(&path), Process::open(&path));
    let options = MapOptions { shards: Some(0), ..MapOptions::default() };
    let [mut here, mut there] = [&mut first, &mut second].map(|heap| Map::open(heap, b"map", &options).unwrap());
    set(&mut here, &mut first, b"key", &value(1, 100)).unwrap();
    let mut copies = Vec::new();
    let read = here.read(&mut first, b"key", Taken::Used, |entry| {
        if copies.is_empty() {
            // The block that the reader has found becomes that of another entry.
            set(&mut there, &mut second, b"key", &value(2, 100)).unwrap();
            set(&mut there, &mut second, b"yek", &value(3, 100)).unwrap();
        }
        let mut room = vec![0; 100];
        entry.read_value(Room::new(&mut room));
        copies.push(room.clone());
        room
    });
    assert_eq!(read.unwrap(), Some(value(2, 100)));
    assert_eq!(copies, [value(3, 100), value(2, 100)]);
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

#[test]
fn a_lease_is_one_processs_until_it_gives_it_back_or_dies() {
    let folder = Folder::new();
    let path = folder.path("map");
    let (mut first, mut second) = (Process::open(&path), Process::open(&path));
    let [mut here, mut there] =
        [&mut first, &mut second].map(|heap| Map::open(heap, b"map", &MapOptions::default()).unwrap());
    let long = 600_000;
    assert_eq!(here.lease(&mut first, b"key", 0, 1, long).unwrap(), Leased::Granted);
    assert!(matches!(there.lease(&mut second, b"key", 0, 1, long).unwrap(), Leased::Held { .. }));
    assert_eq!(get(&mut there, &mut second, b"key"), None);
    assert!(all(&mut there, &mut second).is_empty());
    assert!(!there.give_back(&mut second, b"key", 1).unwrap(), "it is another process's");
    assert!(!here.give_back(&mut first, b"key", 2).unwrap(), "it is another call's");
    assert!(here.give_back(&mut first, b"key", 1).unwrap());
    assert_eq!(there.lease(&mut second, b"key", 0, 1, long).unwrap(), Leased::Granted);
    drop((there, second));
    assert_eq!(here.lease(&mut first, b"key", 0, 3, long).unwrap(), Leased::Granted, "its holder has died");
    assert!(set(&mut here, &mut first, b"key", b"value").unwrap(), "somebody may be waiting");
    assert_eq!(here.lease(&mut first, b"key", 0, 4, long).unwrap(), Leased::Value);
    assert_eq!(here.lease(&mut first, b"short", 0, 5, 0).unwrap(), Leased::Granted);
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

/// A reader to whom, whenever it has learnt of an extent, an entry is moved to the next.
struct Late<'test> {
    reader: &'test mut Process,
    writer: &'test mut Process,
    map: &'test mut Map,
    moves: u8,
}

impl Access for Late<'_> {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        self.reader.with(step)
    }

    fn look<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let done = self.reader.look(step);
        if self.moves > 0 {
            self.moves -= 1;
            set(self.map, self.writer, b"key", &vec![self.moves; 2 << 20]).unwrap();
        }
        done
    }
}

#[test]
fn a_reader_finds_what_others_have_put_where_it_has_mapped_nothing_yet() {
    let folder = Folder::new();
    let path = folder.path("map");
    let (mut writer, mut reader) = (Process::open(&path), Process::open(&path));
    let options = MapOptions { shards: Some(0), ..MapOptions::default() };
    let [mut here, mut there] = [&mut writer, &mut reader].map(|heap| Map::open(heap, b"map", &options).unwrap());
    set(&mut here, &mut writer, b"key", b"old").unwrap();
    assert_eq!(get(&mut there, &mut reader, b"key"), Some(b"old".to_vec()));
    set(&mut here, &mut writer, b"key", &vec![9; 2 << 20]).unwrap();
    let mut late = Late { reader: &mut reader, writer: &mut writer, map: &mut here, moves: 2 };
    let mut room = vec![0; 4 << 20];
    let got = there.get(&mut late, b"key", Room::new(&mut room), Taken::Used).unwrap();
    assert_eq!(got, Got::Found(2 << 20, TEXT_KEY));
    assert_eq!(room[0], 0);
    late.moves = 2;
    let listed = there.list(&mut late, 0, false).unwrap();
    assert_eq!(listed.len(), 1);
}
