//! Leases: one makes the value of a key that has none, and others wait for it.
//!
//! A lease is an entry of its own kind in the place of the value: it says which process has it, with a token that says which of its threads
//! and calls, and when it ends. The value that is set replaces it. A lease whose process is dead, or whose time is over, is taken over.
//!
//! What was made with a lease is set only in the place of that lease, or of one that others have taken over from it. If the key has been set or
//! removed meanwhile, there is a value, or nothing, or a lease of another origin: what was made may be of before that, and is not kept.
//!
//! Costs: those of a set; a system call to ask whether the holder's process lives.

use super::find::Entry;
use super::layout::{Kind, shard};
use super::read::has_expired;
use super::write::{New, Spot};
use super::{Map, now};
use crate::error::Error;
use crate::heap::ledger::lock::Owner;
use crate::heap::ledger::word;
use crate::mems::Mems;
use crate::mems::access::Access;

/// A lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The word of the process that has it, and a token that no other lease of the process has.
    own: [u64; 2],
    /// The words of the lease that it was taken over from, through all the others; else its own.
    origin: [u64; 2],
}

impl Lease {
    /// Bytes of its entry's value.
    pub(super) const BYTES: usize = 32;

    /// The lease's token.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript has leases"))]
    pub const fn token(&self) -> u64 {
        self.own[1]
    }

    /// The lease that an entry is. `None`: the entry is another, or damaged.
    fn of(entry: Entry) -> Option<Self> {
        let words = if entry.kind() == Kind::Lease { entry.four() } else { None };
        words.map(|[owner, token, first, second]| Self { own: [owner, token], origin: [first, second] })
    }

    /// The value of its entry.
    fn bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.own.into_iter().chain(self.origin)) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// What asking for a lease has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leased {
    /// There is a value.
    Value,
    /// The caller has the lease.
    Granted(Lease),
    /// Another has it. When the word of four bytes at this address is no longer `seen`, something has changed.
    Held { word: u64, seen: u32 },
}

impl Map {
    /// Asks for the right to make the value of a key, for `milliseconds`.
    ///
    /// # Errors
    /// The errors of [`Map::set`].
    pub fn lease(
        &mut self,
        heap: &mut impl Access,
        key: &[u8],
        text_key: u32,
        token: u64,
        milliseconds: u64,
    ) -> Result<Leased, Error> {
        heap.with(|heap| {
            loop {
                heap.check_writable()?;
                self.learn_for_change(heap)?;
                let mut left = None;
                if let Some(spot) = self.spot(heap, key)?
                    && let Some((_, _, entry)) = spot.entry()
                {
                    if spot.value().is_some() {
                        return Ok(Leased::Value);
                    }
                    left = Lease::of(entry);
                    if left.is_some_and(|lease| !has_expired(entry) && !heap.is_owner_dead(lease.own[0])) {
                        let seen = (word(&spot.shard[shard::VERSION]) & 0xffff_ffff) as u32;
                        let word = self.shard_address(spot.number, shard::VERSION);
                        return Ok(Leased::Held { word, seen });
                    }
                }
                let own = [heap.owner_word(), token];
                let lease = Lease { own, origin: left.map_or(own, |left| left.origin) };
                let new = New {
                    key,
                    value: &lease.bytes(),
                    flags: Kind::Lease as u32 | text_key,
                    expiry: now().saturating_add(milliseconds).max(1),
                };
                // If the lock was released meanwhile, another may have set or removed the value, or have got the lease.
                let is_same = |spot: &Spot| {
                    spot.value().is_none() && spot.entry().and_then(|(_, _, entry)| Lease::of(entry)) == left
                };
                if self.put(heap, &new, is_same)?.is_some() {
                    return Ok(Leased::Granted(lease));
                }
            }
        })
    }

    /// Sets the value of a key that the caller has made with a lease: if nobody has set or removed one since. Returns whether it has.
    ///
    /// # Errors
    /// The errors of [`Map::set`].
    pub fn set_leased(&mut self, heap: &mut impl Access, lease: Lease, new: &New) -> Result<bool, Error> {
        let is_left = |spot: &Spot| {
            let found = spot.entry().and_then(|(_, _, entry)| Lease::of(entry));
            found.is_some_and(|found| found.origin == lease.origin)
        };
        heap.with(|heap| Ok(self.put(heap, new, is_left)?.is_some()))
    }

    /// Gives a lease back without a value, if the caller still has it. Returns whether it had.
    ///
    /// # Errors
    /// The errors of [`Map::delete`].
    pub fn give_back(&mut self, heap: &mut impl Access, key: &[u8], token: u64) -> Result<bool, Error> {
        heap.with(|heap| {
            heap.check_writable()?;
            self.learn_for_change(heap)?;
            let own = [heap.owner_word(), token];
            let Some(spot) = self.spot(heap, key)? else { return Ok(false) };
            match spot.entry() {
                Some((at, address, entry)) if Lease::of(entry).is_some_and(|lease| lease.own == own) => {
                    self.remove(heap, &spot, at, address, entry)?;
                    Ok(true)
                }
                _ => Ok(false),
            }
        })
    }
}

impl Mems {
    /// The word that says which process has a lease; 0 in a heap in memory.
    fn owner_word(&self) -> u64 {
        self.file().map_or(0, |file| file.owner().map_or(0, Owner::word))
    }

    /// Whether the process that a word says is gone.
    fn is_owner_dead(&self, word: u64) -> bool {
        match (self.file(), Owner::of_word(word)) {
            (Ok(file), Some(owner)) => !file.is_alive(owner),
            (Ok(_), None) => true,
            (Err(_), _) => false,
        }
    }
}
