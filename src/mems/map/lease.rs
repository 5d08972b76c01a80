//! Leases: one makes the value of a key that has none, and others wait for it.
//!
//! A lease is an entry of its own kind in the place of the value: it says which process has it, with a token that says which of its threads
//! and calls, and when it ends. The value that is set replaces it. A lease whose process is dead, or whose time is over, is taken over.
//!
//! Costs: those of a set; a system call to ask whether the holder's process lives.

use super::layout::{Kind, shard};
use super::read::has_expired;
use super::write::{New, Spot};
use super::{Map, now};
use crate::error::Error;
use crate::heap::ledger::lock::Owner;
use crate::heap::ledger::word;
use crate::mems::Mems;
use crate::mems::access::Access;

/// What asking for a lease has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leased {
    /// There is a value.
    Value,
    /// The caller has the lease.
    Granted,
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
                let mut held = None;
                if let Some(spot) = self.spot(heap, key)?
                    && let Some((_, _, entry)) = spot.entry()
                {
                    if spot.value().is_some() {
                        return Ok(Leased::Value);
                    }
                    if entry.kind() == Kind::Lease && !has_expired(entry) {
                        let pair = entry.pair();
                        if pair.is_some_and(|[owner, _]| !heap.is_owner_dead(owner)) {
                            let seen = (word(&spot.shard[shard::VERSION]) & 0xffff_ffff) as u32;
                            let word = self.shard_address(spot.number, shard::VERSION);
                            return Ok(Leased::Held { word, seen });
                        }
                        held = pair;
                    }
                }
                let mut value = [0; 16];
                value[..8].copy_from_slice(&heap.owner_word().to_le_bytes());
                value[8..].copy_from_slice(&token.to_le_bytes());
                let new = New {
                    key,
                    value: &value,
                    flags: Kind::Lease as u32 | text_key,
                    expiry: now().saturating_add(milliseconds).max(1),
                };
                // If the lock was released meanwhile, another may have set the value, or have got the lease.
                let is_free = |spot: &Spot| match spot.entry() {
                    None => true,
                    Some((_, _, entry)) if entry.kind() == Kind::Lease => has_expired(entry) || entry.pair() == held,
                    Some(_) => spot.value().is_none(),
                };
                if self.put(heap, &new, is_free)?.is_some() {
                    return Ok(Leased::Granted);
                }
            }
        })
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
                Some((at, address, entry)) if entry.kind() == Kind::Lease && entry.pair() == Some(own) => {
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
