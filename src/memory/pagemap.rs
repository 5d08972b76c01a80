//! Which pages may hold something. A page that was not written to since it was mapped or given back is zero, and this is known
//! without reading or writing it.
//!
//! Linux shows that for each page in `/proc/self/pagemap`: a page that is neither in memory nor in swap is zero. (`mincore`,
//! which does not distinguish a page in swap from an untouched one, is not enough.) Since Linux 6.7 the `PAGEMAP_SCAN` call
//! finds the next touched page, in microseconds for terabytes without any. On other systems all pages may hold something.
//!
//! Costs: some 20 us to open, so it is used only for much memory; then, for a gigabyte, 0.05 ms where it is untouched and 4 ms
//! where it is not (before Linux 6.7: 1 ms and 13 ms).

use std::ops::Range;

/// Asks the system about the pages of this process. A new one is made for each use, as a child of `fork` has other pages.
#[derive(Debug)]
pub(super) struct PageMap {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    map: Option<linux::Map>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl PageMap {
    /// The map of this process, which knows nothing where the system does not show it.
    pub fn open() -> Self {
        Self { map: linux::Map::open(true) }
    }

    /// A map that knows nothing, for memory in which a page that this process has not touched may hold something.
    pub const fn unknown() -> Self {
        Self { map: None }
    }

    /// Whether the system distinguishes untouched pages.
    pub fn knows(&self) -> bool {
        self.map.is_some()
    }

    /// The first run of pages in a range of addresses that may hold something, clipped to the range; an empty one at the range's
    /// end if there is none. A long run may be returned in parts.
    pub fn next_touched(&mut self, range: Range<usize>) -> Range<usize> {
        let found = match &mut self.map {
            Some(map) if !range.is_empty() => map.next_touched(&range),
            _ => return range,
        };
        // If nothing is known, all pages may hold something.
        found.unwrap_or(range)
    }

    /// Bytes of a range of addresses that are in memory; `None` where the system does not say so at once.
    pub fn present(&self, range: Range<usize>) -> Option<usize> {
        self.map.as_ref()?.present(range)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(clippy::unused_self, reason = "as on Linux, where the system knows something")]
impl PageMap {
    pub const fn open() -> Self {
        Self {}
    }

    pub const fn unknown() -> Self {
        Self {}
    }

    pub const fn knows(&self) -> bool {
        false
    }

    pub const fn next_touched(&mut self, range: Range<usize>) -> Range<usize> {
        range
    }

    pub const fn present(&self, _range: Range<usize>) -> Option<usize> {
        None
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::super::system::page_bytes;
    use std::fs::File;
    use std::ops::Range;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    /// Entries of the file that are read at once.
    const ENTRIES: usize = 1024;

    /// The bits of an entry that say that the page is in memory, and that it is in swap.
    const IN_MEMORY: u64 = 1 << 63;
    const IN_SWAP: u64 = 1 << 62;

    /// The categories of these pages in the `PAGEMAP_SCAN` call.
    const PAGE_IS_PRESENT: u64 = 1 << 3;
    const PAGE_IS_SWAPPED: u64 = 1 << 4;

    /// `_IOWR('f', 16, struct pm_scan_arg)`
    #[allow(clippy::cast_lossless, clippy::cast_possible_wrap, reason = "C libraries have several types for it")]
    const PAGEMAP_SCAN: libc::Ioctl = 0xc060_6610_u32 as libc::Ioctl;

    /// `struct page_region` of `linux/fs.h`: a run of pages.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, Default)]
    struct PageRegion {
        start: u64,
        end: u64,
        categories: u64,
    }

    /// `struct pm_scan_arg` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Debug, Default)]
    struct ScanArgument {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        vec: u64,
        vec_len: u64,
        max_pages: u64,
        category_inverted: u64,
        category_mask: u64,
        category_anyof_mask: u64,
        return_mask: u64,
    }

    #[derive(Debug)]
    pub struct Map {
        file: File,
        /// Whether the kernel has the call.
        scans: bool,
        /// What was read of the file last, and the address of the first page there.
        entries: Vec<u8>,
        first: usize,
    }

    impl Map {
        /// Opens the file. `scan`: whether the `PAGEMAP_SCAN` call is used, if the kernel has it.
        pub fn open(scan: bool) -> Option<Self> {
            let file = File::open("/proc/self/pagemap").ok()?;
            let mut map = Self { file, scans: false, entries: Vec::new(), first: 0 };
            // Nothing is looked at, but a kernel that does not know the call refuses.
            map.scans = scan && map.scan(&(0..0), PAGE_IS_PRESENT, &mut [PageRegion::default()]).is_some();
            if !map.scans {
                map.entries.try_reserve_exact(ENTRIES * 8).ok()?;
            }
            Some(map)
        }

        /// Finds the first runs of pages of any of these categories; returns their number and where the search has ended.
        fn scan(&self, range: &Range<usize>, any_of: u64, found: &mut [PageRegion]) -> Option<(usize, usize)> {
            let mut argument = ScanArgument {
                size: size_of::<ScanArgument>() as u64,
                start: range.start as u64,
                end: range.end as u64,
                vec: found.as_mut_ptr() as u64,
                vec_len: found.len() as u64,
                category_anyof_mask: any_of,
                return_mask: any_of,
                ..ScanArgument::default()
            };
            // SAFETY: the call reads the struct, whose size it is told, writes where it has come to there, and writes as many
            // regions as `found` has room for.
            let status = unsafe { libc::ioctl(self.file.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
            Some((usize::try_from(status).ok()?, usize::try_from(argument.walk_end).ok()?))
        }

        pub fn next_touched(&mut self, range: &Range<usize>) -> Option<Range<usize>> {
            let page = page_bytes();
            let start = range.start / page * page;
            let pages = start..range.end.next_multiple_of(page);
            let found = if self.scans {
                let mut region = [PageRegion::default()];
                match self.scan(&pages, PAGE_IS_PRESENT | PAGE_IS_SWAPPED, &mut region)?.0 {
                    0 => range.end..range.end,
                    _ => usize::try_from(region[0].start).ok()?..usize::try_from(region[0].end).ok()?,
                }
            } else {
                self.search(pages)?
            };
            Some(found.start.clamp(range.start, range.end)..found.end.min(range.end))
        }

        /// The first run of `pages` that may hold something, empty if there is none, by reading entry after entry.
        fn search(&mut self, pages: Range<usize>) -> Option<Range<usize>> {
            let page = page_bytes();
            let mut at = pages.start;
            while at < pages.end {
                self.read(at)?;
                let entries = self.entries[(at - self.first) / page * 8..].as_chunks().0;
                let touched = |entry: &[u8; 8]| u64::from_le_bytes(*entry) & (IN_MEMORY | IN_SWAP) != 0;
                if let Some(first) = entries.iter().position(touched) {
                    let length = entries[first..].iter().position(|entry| !touched(entry));
                    let start = at + first * page;
                    return Some(start..start + length.unwrap_or(entries.len() - first) * page);
                }
                at += entries.len() * page;
            }
            Some(pages.end..pages.end)
        }

        /// Reads entries, from that of the page at `at` on, unless they were read before.
        fn read(&mut self, at: usize) -> Option<()> {
            let page = page_bytes();
            if (self.first..self.first + self.entries.len() / 8 * page).contains(&at) {
                return Some(());
            }
            self.entries.resize(ENTRIES * 8, 0);
            let length = self.file.read_at(&mut self.entries, (at / page * 8) as u64).unwrap_or(0) / 8 * 8;
            self.entries.truncate(length);
            self.first = at;
            (length > 0).then_some(())
        }

        pub fn present(&self, range: Range<usize>) -> Option<usize> {
            let page = page_bytes();
            if !self.scans {
                return None;
            }
            let (mut at, end, mut bytes) = (range.start / page * page, range.end.next_multiple_of(page), 0);
            let mut found = [PageRegion::default(); 64];
            while at < end {
                let (count, next) = self.scan(&(at..end), PAGE_IS_PRESENT, &mut found)?;
                bytes +=
                    found[..count].iter().map(|run| usize::try_from(run.end - run.start).unwrap_or(0)).sum::<usize>();
                at = next.max(at + page);
            }
            Some(bytes.min(range.end - range.start))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::memory::Mapping;
        use std::sync::Arc;

        #[test]
        fn what_was_written_to_is_touched_and_nothing_else() {
            let (page, pages) = (page_bytes(), 5000);
            let mapping = Arc::new(Mapping::reserve(pages * page, 0, false).unwrap());
            let base = mapping.base() as usize;
            let written = [0..3, 7..8, 1020..1030, 2500..2501, 4998..5000];
            for run in &written {
                for number in run.clone() {
                    crate::memory::Span::new(Arc::clone(&mapping), number * page + 5, 1).fill(1);
                }
            }
            // Both ways: the kernel may have one only.
            for scan in [true, false] {
                let mut map = Map::open(scan).expect("Linux shows a process its own pages");
                let (mut at, end, mut found) = (base, base + pages * page, Vec::<Range<usize>>::new());
                while at < end {
                    let run = map.next_touched(&(at..end)).unwrap();
                    at = run.end;
                    let run = (run.start - base) / page..(run.end - base) / page;
                    match found.last_mut() {
                        _ if run.is_empty() => {}
                        Some(last) if last.end == run.start => last.end = run.end,
                        _ => found.push(run),
                    }
                }
                assert_eq!(found, written);
                let clipped = base + page / 2..base + page;
                assert_eq!(map.next_touched(&clipped), Some(clipped.clone()), "no more than was asked about");
                let between = base + 3 * page..base + 3 * page + 1;
                assert_eq!(map.next_touched(&between), Some(between.end..between.end));
                assert!(map.present(base..end).is_none_or(|bytes| bytes == 17 * page));
            }
        }
    }
}
