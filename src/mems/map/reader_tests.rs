//! Readers of a map while others change it.

use super::death_tests::{SCENES, Scene};
use super::layout::{ADDRESS, TEXT_KEY, is_entry, shard, table_of};
use super::tests::{Folder, Process, get, set, value};
use super::{Got, Map, MapOptions, Room, Taken};
use crate::error::Error;
use crate::heap::ledger::death::{dying_before, watched};
use crate::heap::ledger::word;
use crate::mems::Mems;
use crate::mems::access::Access;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::rc::Rc;

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
