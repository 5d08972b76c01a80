//! Whether the engine is sound: runs of pages, spans, the slots that wait, states and padding must agree. O(n).

use super::classes::CLASS;
use super::spans::Counted;
use super::states::State;
use super::{Segregated, bytes};
use crate::heap::PAGE;
use crate::heap::ensure::ensure;

/// Pages of a run that are looked at for states where none may be.
const STATES_CHECKED: u64 = 16;

impl Segregated {
    /// Checks the whole engine; only what fronts cannot change meanwhile, unless all is still.
    pub(super) fn verify_all(&self, is_still: bool) -> Result<(), String> {
        self.runs.verify(|_, right| self.runs.is_border(right.start))?;
        let is_live = |start, class| self.states.get(start) == Some(State::Slot(class));
        let Counted { live: mut blocks, cached, pages } = self.spans.verify(is_live)?;
        for (class, &cached) in cached.iter().enumerate().filter(|_| is_still) {
            self.verify_waiting(class, cached)?;
        }
        let (mut page, mut in_spans, mut states, mut padding) = (0, 0, 0, 0);
        while page < self.runs.end() {
            let run = self.runs.segment_at(page);
            let (start, mut end) = bytes((run.start, run.end));
            if let Some(span) = self.spans.at(start) {
                ensure!(!run.is_hole && span.range() == (start..end), "the span at {start} is no run of pages");
                in_spans += run.end - run.start;
            } else {
                let is_block = self.states.get(start) == Some(State::Pages);
                ensure!(is_block != run.is_hole, "the run of pages at {start} is neither a block nor free, or both");
                blocks += u64::from(is_block);
                end = end.min(start + STATES_CHECKED * PAGE);
            }
            for (start, state) in self.states.iter(start..end) {
                states += 1;
                padding += self.states.padding(start, state);
            }
            page = run.end;
        }
        ensure!(in_spans == pages, "spans have {pages} pages, {in_spans} of them are runs");
        if !is_still {
            return Ok(());
        }
        ensure!(states == blocks, "{states} live blocks have states, {blocks} are there");
        let counted = self.padding_counted();
        ensure!(i64::try_from(padding) == Ok(counted), "{padding} bytes of padding, {counted} counted");
        Ok(())
    }

    /// Checks that the slots of a class in caches and in fronts are those that have been taken and are not live, `expected` in
    /// number.
    fn verify_waiting(&self, class: usize, expected: usize) -> Result<(), String> {
        let mut slots: Vec<_> = self.caches.slots(class).collect();
        for front in self.fronts.iter() {
            slots.extend(front.slots(class)?);
        }
        slots.sort_unstable();
        slots.dedup();
        ensure!(slots.len() == expected, "{expected} slots of class {class} have been taken, {} wait", slots.len());
        for slot in slots {
            let size = CLASS[class].size;
            let at = self.spans.at(slot).map(|span| (span.class().size, span.slot_at(slot)));
            let is_taken = at.is_some_and(|(of, found)| of == size && found.start == slot && !found.is_hole);
            ensure!(is_taken, "what waits at {slot} is no slot of class {class} that was taken");
            ensure!(self.states.get(slot).is_none(), "the slot at {slot} waits, and is live");
        }
        Ok(())
    }
}
