//! The regions of a heap: which mapping is behind which virtual addresses.
//!
//! A region is one long mapping with a run of virtual addresses; main blocks are carved from its front in whole pages.
//! Usually there is one region, and physical = base + (virtual - 1000). A block that does not fit the rest of the last
//! region starts a new one: its virtual addresses follow on, its physical ones are elsewhere. So a main block is always
//! physically contiguous, and the number of system calls and of mappings does not grow with the number of blocks.
//!
//! Invariants: regions are in order of address and their carved parts tile the main chain; a region is never empty.
//!
//! Costs: `physical` O(1) with one region, O(log r) with r; `find_room` O(1) plus system calls where it needs a region
//! (each at least as long as all before it, up to the length that the heap likes, so r stays small).

use super::budget::budget;
use super::mapping::{ALIGNMENT, Mapping};
use super::span::Span;
use super::system;
use std::sync::Arc;
#[cfg(feature = "c-abi")]
use std::sync::atomic::{AtomicU64, Ordering};

/// Reservations are multiples of this: a multiple of the page size, and of Windows' granularity, everywhere.
const GRANULE: usize = 64 << 10;

#[derive(Debug)]
struct Region {
    /// First virtual address.
    start: u64,
    /// Bytes carved for main blocks so far.
    used: u64,
    mapping: Arc<Mapping>,
}

impl Region {
    fn end(&self) -> u64 {
        self.start + self.used
    }

    fn rest(&self) -> u64 {
        self.mapping.bytes() as u64 - self.used
    }
}

/// Why there is no room for a main block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The largest main block, in bytes, that there would be room for.
    pub available: u64,
    /// If there are too many mappings: the most that heaps may have.
    pub most_mappings: Option<usize>,
}

/// Room for one main block, found and not yet taken.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    /// The new region's mapping; `None`: the room is in the last region.
    region: Option<Arc<Mapping>>,
}

impl Room {
    /// Bytes of the region that it begins; 0 if it begins none.
    #[must_use]
    pub fn region_bytes(&self) -> usize {
        self.region.as_ref().map_or(0, |mapping| mapping.bytes())
    }

    /// Whether it begins a region: what is carved there has no physical neighbour before it.
    #[must_use]
    pub const fn begins_region(&self) -> bool {
        self.region.is_some()
    }
}

/// All regions of a heap.
#[derive(Debug)]
pub struct Regions {
    first: u64,
    /// Bytes to reserve for a region, unless fewer suit the system better; 0: as many as suit the system.
    reservation: usize,
    /// The most bytes that will ever be carved.
    most: u64,
    /// Whether children made by `fork` do not get the regions.
    dont_fork: bool,
    list: Vec<Region>,
    #[cfg(feature = "c-abi")]
    epoch: Epoch,
}

/// A number that changes when something that was carved is no longer the heap's: for those who keep mappings and read them without asking
/// the heap.
#[cfg(feature = "c-abi")]
#[derive(Debug, Clone, Default)]
pub struct Epoch(Arc<AtomicU64>);

#[cfg(feature = "c-abi")]
impl Epoch {
    /// The number of this moment.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Regions {
    /// No region yet; the first virtual address will be `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self::with_reservation(first, 0)
    }

    /// No region yet; the first virtual address will be `first`, and regions have `bytes` (more where one main block needs
    /// more, fewer if that suits the system: Windows charges all of a region when it is made).
    #[must_use]
    pub fn with_reservation(first: u64, bytes: usize) -> Self {
        Self {
            first,
            reservation: bytes,
            most: u64::MAX,
            dont_fork: false,
            list: Vec::new(),
            #[cfg(feature = "c-abi")]
            epoch: Epoch::default(),
        }
    }

    /// Limits the regions to `bytes` in sum: no more is reserved.
    #[must_use]
    pub fn with_most(self, bytes: u64) -> Self {
        Self { most: bytes, ..self }
    }

    /// Chooses whether children made by `fork` get no memory of the regions.
    #[must_use]
    pub fn with_dont_fork(self, dont_fork: bool) -> Self {
        Self { dont_fork, ..self }
    }

    /// The virtual address after the last carved byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.list.last().map_or(self.first, Region::end)
    }

    /// Number of regions.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Bytes of the first region, if there is one.
    #[must_use]
    pub fn first_bytes(&self) -> Option<usize> {
        self.list.first().map(|region| region.mapping.bytes())
    }

    /// The virtual address after the first region's last carved byte, if there is a second region; else [`u64::MAX`].
    #[must_use]
    pub fn end_of_first(&self) -> u64 {
        match &self.list[..] {
            [first, _, ..] => first.end(),
            _ => u64::MAX,
        }
    }

    /// Whether `bytes` more can be carved right after the last.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.list.last().is_some_and(|last| last.rest() >= bytes)
    }

    /// Finds room for a main block of `bytes` (whole pages). Nothing has changed before [`Regions::carve`].
    ///
    /// # Errors
    /// [`Refused`], with the largest main block that there would be room for.
    pub fn find_room(&mut self, bytes: u64) -> Result<Room, Refused> {
        if self.has_room(bytes) {
            return Ok(Room { bytes, region: None });
        }
        self.list.try_reserve(1).map_err(|_| Refused { available: 0, most_mappings: None })?;
        if let most @ Some(_) = budget().mappings_used_up() {
            return Err(Refused { available: self.list.last().map_or(0, Region::rest), most_mappings: most });
        }
        let refused = || Refused { available: self.available(bytes), most_mappings: None };
        let mapping = self.reserve(bytes).ok_or_else(refused)?;
        Ok(Room { bytes, region: Some(Arc::new(mapping)) })
    }

    /// Takes room for a main block at [`Regions::end`]. It must be the room found last: room that was found before
    /// another block was carved may be elsewhere.
    ///
    /// # Panics
    /// If the room is no longer there.
    pub fn carve(&mut self, room: Room) {
        let start = self.end();
        match (room.region, self.list.last_mut()) {
            (Some(mapping), _) => self.list.push(Region { start, used: room.bytes, mapping }),
            (None, Some(last)) if last.rest() >= room.bytes => last.used += room.bytes,
            (None, _) => panic!("the room was found in another state of the regions"),
        }
    }

    /// Appends a mapping of `bytes`, all of which are carved, as the last region. Returns `false` without memory for that.
    #[must_use]
    pub fn append(&mut self, mapping: Arc<Mapping>, bytes: u64) -> bool {
        if self.list.try_reserve(1).is_err() {
            return false;
        }
        self.list.push(Region { start: self.end(), used: bytes, mapping });
        true
    }

    /// Takes back the `bytes` that were carved last; a region that is empty then is given back to the system.
    ///
    /// # Panics
    /// If the last region has fewer carved.
    pub fn uncarve(&mut self, bytes: u64) {
        let last = self.list.last_mut().filter(|last| last.used >= bytes).expect("these bytes were carved last");
        last.used -= bytes;
        if last.used == 0 {
            self.list.pop();
        }
        #[cfg(feature = "c-abi")]
        self.epoch.end();
    }

    /// What changes when something that was carved is no longer the heap's.
    #[cfg(feature = "c-abi")]
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch.clone()
    }

    /// The physical address of a virtual one. It must have been carved, or the result means nothing.
    ///
    /// # Panics
    /// If there is no region.
    #[must_use]
    #[inline]
    pub fn physical(&self, address: u64) -> usize {
        let (region, offset) = self.region(address);
        region.mapping.base() as usize + offset
    }

    /// The mapping behind a virtual address, and the offset in it.
    ///
    /// # Panics
    /// If there is no region.
    #[must_use]
    pub fn locate(&self, address: u64) -> (Arc<Mapping>, usize) {
        let (region, offset) = self.region(address);
        (Arc::clone(&region.mapping), offset)
    }

    /// The serial number of the mapping behind a virtual address, the offset in the mapping, and how many of its bytes are carved.
    /// The mapping is not held.
    ///
    /// # Panics
    /// If there is no region.
    #[must_use]
    #[inline]
    pub fn place(&self, address: u64) -> (u64, usize, u64) {
        let (region, offset) = self.region(address);
        (region.mapping.serial(), offset, region.used)
    }

    /// Sets bytes, which must lie in one main block.
    ///
    /// # Panics
    /// If there is no region, or the range is not inside one.
    pub fn fill(&self, start: u64, byte: u8, bytes: u64) {
        self.span(start, bytes).fill(byte);
    }

    /// Copies bytes out of one main block.
    ///
    /// # Panics
    /// If there is no region, or the range is not inside one.
    pub fn read(&self, start: u64, to: &mut [u8]) {
        // SAFETY: a mutable slice is valid for writes, and nobody else has it.
        unsafe { self.span(start, to.len() as u64).read(to.as_mut_ptr()) };
    }

    /// Copies bytes from one main block to the same or another.
    ///
    /// # Panics
    /// If there is no region, or a range is not inside one.
    pub fn copy(&self, to: u64, from: u64, bytes: u64) {
        let bytes = usize::try_from(bytes).expect("a main block's size fits usize");
        let [to, from] = [to, from].map(|start| {
            let (region, offset) = self.region(start);
            assert!(offset <= region.mapping.bytes() && bytes <= region.mapping.bytes() - offset);
            region.mapping.base().wrapping_add(offset)
        });
        // SAFETY: both ranges lie in mappings that the regions keep, readable and writable, and are reached by raw pointers only.
        unsafe { to.copy_from(from, bytes) };
    }

    fn span(&self, start: u64, bytes: u64) -> Span {
        let (mapping, offset) = self.locate(start);
        Span::new(mapping, offset, usize::try_from(bytes).expect("a main block's size fits usize"))
    }

    /// Locks the first part of a room, as much as the main block takes, in memory. It is left out of core dumps if the system
    /// can.
    ///
    /// # Errors
    /// The limit of the process, if it has one, where the system refuses.
    pub fn lock(&self, room: &Room) -> Result<(), Option<u64>> {
        let (mapping, offset) = match (&room.region, self.list.last()) {
            (Some(mapping), _) => (mapping, 0),
            (None, Some(last)) => (&last.mapping, usize::try_from(last.used).unwrap_or(usize::MAX)),
            (None, None) => return Ok(()),
        };
        mapping.lock(offset, usize::try_from(room.bytes).unwrap_or(usize::MAX))
    }

    /// Gives the system's whole pages within a range of virtual addresses back to it: they read as zeros from then on.
    /// The range must lie within one main block and be free. Returns the bytes given back. O(1) and a system call.
    ///
    /// # Panics
    /// If there is no region, or the range is not inside one.
    #[must_use]
    pub fn decommit(&self, start: u64, bytes: u64) -> u64 {
        let (region, offset) = self.region(start);
        let bytes = usize::try_from(bytes).expect("a main block's size fits usize");
        region.mapping.decommit(offset..offset + bytes) as u64
    }

    /// The carved part of each region.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let carved =
            |region: &Region| Span::new(Arc::clone(&region.mapping), 0, usize::try_from(region.used).unwrap_or(0));
        self.list.iter().map(carved).collect()
    }

    /// Checks that the regions tile the virtual addresses and that none is overdrawn or empty.
    ///
    /// # Errors
    /// A description of the first region that breaks an invariant.
    pub fn verify(&self) -> Result<(), String> {
        let mut end = self.first;
        for region in &self.list {
            if region.start != end {
                return Err(format!("a region starts at {}, not at {end}", region.start));
            }
            if region.used == 0 || region.used > region.mapping.bytes() as u64 {
                return Err(format!(
                    "the region at {end} has {} of {} bytes in use",
                    region.used,
                    region.mapping.bytes()
                ));
            }
            end = region.end();
        }
        Ok(())
    }

    /// Gives all memory back. A mapping that a buffer still holds is emptied at once, gives up the address space that no
    /// buffer reaches, and is unmapped with the last buffer.
    pub fn release(self) {
        #[cfg(feature = "c-abi")]
        self.epoch.end();
        for region in self.list {
            // If a buffer is collected between this check and the drop, the only cost are needless system calls.
            if Arc::strong_count(&region.mapping) > 1 {
                let used = usize::try_from(region.used).unwrap_or(usize::MAX);
                region.mapping.empty(used);
                region.mapping.shrink(used);
            }
        }
    }

    /// Drops the regions in a child of `fork` that has none of their memory: nothing is given back or touched.
    #[cfg(feature = "c-abi")]
    pub(crate) fn forget(&self) {
        self.epoch.end();
        for region in &self.list {
            region.mapping.forget();
        }
    }

    #[inline]
    fn region(&self, address: u64) -> (&Region, usize) {
        let after = match &self.list[..] {
            [_] => 1,
            regions => regions.partition_point(|region| region.start <= address),
        };
        let region = &self.list[after - 1];
        debug_assert!((region.start..region.end()).contains(&address));
        let offset = usize::try_from(address - region.start).expect("a mapping's offsets fit usize");
        (region, offset)
    }

    /// The length that the next region should have.
    fn wanted(&self) -> usize {
        let own = self.list.iter().map(|region| region.mapping.bytes()).sum();
        let liked = system::region_bytes(own);
        let liked = if self.reservation == 0 { liked } else { liked.min(self.reservation) };
        // At least as much as all regions so far, so that a heap that grows large has few regions.
        let length = liked.min(budget().share().max(own));
        // No heap needs more than it may have; a granule is for what a main block's pages are rounded up to.
        let left = usize::try_from(self.most.saturating_sub(self.end() - self.first)).unwrap_or(usize::MAX);
        length.min(left).max(1).checked_next_multiple_of(GRANULE).unwrap_or(length)
    }

    /// Maps a region with room for `bytes`: as long as it should be, else half of that, and so on.
    fn reserve(&self, bytes: u64) -> Option<Mapping> {
        let needed = usize::try_from(bytes).ok()?.checked_next_multiple_of(GRANULE)?;
        let halves = std::iter::successors(Some(self.wanted()), |bytes| Some(bytes / 2 / GRANULE * GRANULE));
        let shorter = halves.take_while(|&bytes| bytes > needed);
        shorter.chain([needed]).find_map(|bytes| self.map(bytes))
    }

    /// Maps `bytes`, unless that would leave the process less than its headroom.
    fn map(&self, bytes: usize) -> Option<Mapping> {
        // Offsets from the heap's first address are to be multiples of the same powers of two as physical addresses.
        let phase = (self.end() - self.first) % ALIGNMENT as u64;
        let phase = usize::try_from(phase).expect("below the alignment");
        can_map(bytes).then(|| Mapping::reserve(bytes, phase, self.dont_fork).ok()).flatten()
    }

    /// The largest main block below `refused` bytes that could be carved, by bisection. Only for error messages.
    fn available(&self, refused: u64) -> u64 {
        let (mut granted, mut refused) = (0, usize::try_from(refused).unwrap_or(usize::MAX).div_ceil(GRANULE));
        while refused - granted > 1 {
            let middle = granted + (refused - granted) / 2;
            if can_map(middle * GRANULE) {
                granted = middle;
            } else {
                refused = middle;
            }
        }
        ((granted * GRANULE) as u64).max(self.list.last().map_or(0, Region::rest))
    }
}

/// Whether `bytes` can be mapped beside the headroom.
pub(super) fn can_map(bytes: usize) -> bool {
    let all = Mapping::needed(bytes).and_then(|bytes| bytes.checked_add(budget().headroom()));
    all.is_some_and(system::grants)
}
