//! Recovery: what the next owner of the lock does after a death.
//!
//! The intent says which operation was under way, and the bits whether it has committed. Committed: it is finished. Not committed: it
//! has never been. Everything derived of the few granules that the intent names is computed again, and the counters follow from those
//! before the operation.
//!
//! Each store here leaves the intent as it is, until the last: the process that recovers may die too, and the next begins anew.
//!
//! Costs: O(1), some microseconds.

use super::Ledger;
use super::extent::{Extent, granule};
use super::intent::{Intent, Note};

impl Ledger {
    /// Finishes or undoes the operation that was under way, if there was one. All extents must be known that are published.
    pub fn recover(&self) {
        if self.try_recover().is_err() {
            let _rebuilt = self.rebuild();
        }
    }

    /// [`Ledger::recover`], unless the intent is damaged.
    ///
    /// # Errors
    /// What the intent says, if no operation can have had it. Nothing has changed then.
    pub fn try_recover(&self) -> Result<(), String> {
        match self.header.intent() {
            Ok(None) => Ok(()),
            Ok(Some((Intent::Append { extent }, _))) => {
                self.recover_append(extent);
                Ok(())
            }
            Ok(Some((Intent::Rebuild, _))) => {
                let _rebuilt = self.rebuild();
                Ok(())
            }
            Ok(Some((intent, note))) => self
                .recover_blocks(intent, note)
                .ok_or_else(|| format!("the operation that is said to be under way cannot be: {intent:?}")),
            Err(kind) => Err(format!("an operation of the unknown kind {kind} is said to be under way")),
        }
    }

    /// An extent is there if it has been published.
    fn recover_append(&self, number: u64) {
        match usize::try_from(number) {
            Ok(number) if number < self.header.extent_count() && number < self.extents.len() => {
                self.finish_append(number);
            }
            _ => self.header.withdraw(),
        }
    }

    /// Recovers an operation on a block. `None`: the intent makes no sense.
    fn recover_blocks(&self, intent: Intent, note: Option<Note>) -> Option<()> {
        let (Intent::Take { start, .. }
        | Intent::Release { start, .. }
        | Intent::Resize { start, .. }
        | Intent::Retire { start, .. }
        | Intent::Settle { start, .. }
        | Intent::Shorten { start, .. }) = intent
        else {
            return None;
        };
        let (number, extent) = self.find(start)?;
        let local = |unit: u64| unit.checked_sub(extent.first).filter(|&unit| unit <= extent.units);
        let start = local(start)?;
        let has_committed;
        match intent {
            Intent::Take { last, hole_start, hole_end, .. } => {
                let (last, hole_start, hole_end) = (local(last)?, local(hole_start)?, local(hole_end)?);
                check(hole_start <= start && start <= last && last < hole_end)?;
                has_committed = extent.is_start(start);
                if has_committed {
                    self.put_note(note);
                } else {
                    extent.put_end(last, false);
                }
                self.mend(number, [start, last], [hole_start, last + 1]);
            }
            Intent::Release { last, hole_start, hole_end, .. } => {
                let (last, hole_start, hole_end) = (local(last)?, local(hole_start)?, local(hole_end)?);
                check(hole_start <= start && start <= last && last < hole_end)?;
                has_committed = !extent.is_start(start);
                if has_committed {
                    self.put_note(note);
                    extent.put_end(last, false);
                }
                self.mend(number, [start, last], [hole_start, last + 1]);
            }
            Intent::Resize { last, to, hole_end, .. } => {
                let (last, to, hole_end) = (local(last)?, local(to)?, local(hole_end)?);
                check(start <= last && start <= to && last != to && last < hole_end && to < hole_end)?;
                has_committed = if to > last { !extent.is_end(last) } else { extent.is_end(to) };
                extent.put_end(if has_committed { last } else { to }, false);
                self.mend(number, [last, to], [last + 1, to + 1]);
            }
            Intent::Retire { last, .. } => {
                check(start <= local(last)? && extent.is_start(start))?;
                has_committed = extent.is_waiting(start);
                if has_committed {
                    self.put_note(note);
                }
            }
            Intent::Settle { last, hole_start, hole_end, .. } => {
                let (last, hole_start, hole_end) = (local(last)?, local(hole_start)?, local(hole_end)?);
                check(hole_start <= start && start <= last && last < hole_end)?;
                has_committed = !extent.is_start(start);
                if has_committed {
                    extent.put_end(last, false);
                    extent.put_waiting(start, false);
                }
                self.mend(number, [start, last], [hole_start, last + 1]);
            }
            Intent::Shorten { last, to, .. } => {
                let (last, to) = (local(last)?, local(to)?);
                check(start <= to && to < last && last < extent.units)?;
                has_committed = extent.is_end(to);
                extent.put_waiting(to + 1, has_committed);
                if has_committed {
                    extent.put_start(to + 1, true);
                }
                self.mend(number, [to, to + 1], [to + 1, last + 1]);
            }
            Intent::Append { .. } | Intent::Rebuild => return None,
        }
        if has_committed {
            self.finish(intent);
        } else {
            self.header.withdraw();
        }
        Some(())
    }

    /// Computes again what is derived of some granules: the occupancy of those that hold the units of `bits`, then the entries of
    /// those in which holes start or have started. A unit may be the extent's end.
    fn mend(&self, number: usize, bits: [u64; 2], holes: [u64; 2]) {
        let extent: &Extent = &self.extents[number];
        let inside = |unit: &u64| *unit < extent.units;
        for unit in bits.iter().copied().filter(inside) {
            extent.mend_occupancy(granule(unit));
        }
        for unit in holes.iter().copied().filter(inside) {
            extent.mend_rows(granule(unit));
        }
        self.header.mend_largest(number, extent.largest());
    }
}

/// `None` if an intent breaks a rule.
fn check(holds: bool) -> Option<()> {
    holds.then_some(())
}
