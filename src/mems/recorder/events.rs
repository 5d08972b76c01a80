//! What calls record: each when its work is done, under the heap's lock.
//!
//! Costs: nothing in a heap that does not record but a look at whether it does; else that of `Log::push_malloc` or `Log::push_free`.

use crate::error::Error;
use crate::heap::FIRST_ADDRESS;
use crate::mems::{Mems, Stack};
use crate::recording::Event;

impl Mems {
    /// Records what has happened.
    #[cold]
    #[inline(never)]
    fn record(&mut self, event: Event<'_>) {
        self.end_resting_front();
        if let Some(recorder) = &mut self.recorder
            && recorder.push(event)
        {
            self.end_failed_recording();
        }
    }

    /// Ends the front of this thread, if there is one, which rests.
    fn end_resting_front(&mut self) {
        if self.recorder.as_ref().is_some_and(|recorder| recorder.fronts_rest) {
            self.end_front();
            let fronts_rest = self.heap.has_fronts();
            if let Some(recorder) = &mut self.recorder {
                recorder.fronts_rest = fronts_rest;
            }
        }
    }

    /// Calls take their usual ways again. The call that stops the recording returns why.
    #[cold]
    fn end_failed_recording(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.fronts_rest = false;
        }
        self.wake_fronts();
        self.settle_ways();
    }

    /// Records that the heap has grown since the last malloc, if it has. (What a call that fails has appended is gone by now.)
    #[inline]
    fn record_growth(&mut self) {
        let mapped = self.heap.mapped();
        if self.recorder.as_ref().is_some_and(|recorder| recorder.mapped != mapped) {
            self.record_new_blocks(mapped);
        }
    }

    #[cold]
    fn record_new_blocks(&mut self, mapped: u64) {
        let Some(recorder) = &mut self.recorder else { return };
        let before = std::mem::replace(&mut recorder.mapped, mapped);
        if mapped > before {
            self.record(Event::Grow { address: FIRST_ADDRESS + before, bytes: mapped - before });
        }
    }

    /// Records that a block was made, or that there is no room for one.
    pub(crate) fn record_malloc(&mut self, made: &Result<u64, Error>, size: u64, alignment: u64) {
        match made {
            Ok(address) => self.record_made(*address, size, alignment),
            Err(error) => self.record_refusal(error, size, alignment),
        }
    }

    /// Records that a block was made, and before it, that the heap has grown, if it has.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
    fn record_made(&mut self, address: u64, size: u64, alignment: u64) {
        let mapped = self.heap.mapped();
        let Some(recorder) = &mut self.recorder else { return };
        if recorder.mapped == mapped
            && let Some(thread) = recorder.quick_thread()
            && recorder.log.push_malloc(address, size, alignment, thread)
        {
            return;
        }
        self.record_growth();
        self.record(Event::Malloc { address, size, alignment });
    }

    /// Records that there is no room for a block. If blocks wait in quarantine, they leave it, and the request is tried once more.
    #[cold]
    fn record_refusal(&mut self, error: &Error, size: u64, alignment: u64) {
        self.end_resting_front();
        let is_refused = error.is_no_room() && self.hidden.is_quarantine_empty();
        let Some(recorder) = &mut self.recorder else { return };
        if !is_refused {
            if let Some(other) = &mut recorder.refused {
                other.is_of_last_failure = false;
            }
        } else if recorder.set_refused(size, alignment) {
            self.end_failed_recording();
        }
    }

    /// Takes back that the call that has just failed was refused, if it was: it begins anew.
    #[cfg(feature = "node")]
    pub(crate) fn forget_refusal(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.refused.take_if(|refused| refused.is_of_last_failure);
        }
    }

    /// Records that a batch was refused, as one request for the sum of its sizes.
    pub(crate) fn record_refused_batch(&mut self, refused: &Result<(), Error>, sizes: &[u64]) {
        let whole = sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size));
        if let Err(refused) = refused {
            self.record_malloc(&Err(refused.clone()), whole, 1);
        }
    }

    /// Takes note that main blocks have been given back, whose growth was not recorded.
    pub(crate) fn record_shrinking(&mut self) {
        let mapped = self.heap.mapped();
        if let Some(recorder) = &mut self.recorder {
            recorder.mapped = recorder.mapped.min(mapped);
        }
    }

    /// Records that a block was freed.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
    pub(crate) fn record_free(&mut self, address: u64) {
        let Some(recorder) = &mut self.recorder else { return };
        if !recorder.quick_thread().is_some_and(|thread| recorder.log.push_free(address, thread)) {
            self.record(Event::Free { address });
        }
    }

    /// Records where the call was that the last event is about.
    pub(crate) fn record_stack(&mut self, stack: &Stack) {
        if let Some(recorder) = &mut self.recorder
            && recorder.flags.stacks
        {
            let number = recorder.sites.number(stack);
            recorder.log.set_last_stack(number);
        }
    }

    /// Whether stacks of calls are recorded.
    pub(crate) fn records_stacks(&self) -> bool {
        self.is_recording() && self.recorder.as_ref().is_some_and(|recorder| recorder.flags.stacks)
    }

    /// Records that a block has another size, in its place.
    pub(crate) fn record_resize(&mut self, address: u64, size: u64, alignment: u64) {
        // In place, into a new main block as well.
        self.record_growth();
        self.record(Event::Realloc { from: address, to: address, size, alignment });
    }

    /// Records that free pages are given back to the system from now on.
    pub(crate) fn record_trim(&mut self) {
        self.record(Event::Trim { bytes: 0 });
    }

    /// Records a mark.
    ///
    /// # Errors
    /// [`Error::NotRecording`].
    pub fn mark_recording(&mut self, text: &str) -> Result<(), Error> {
        // If the disk has failed, the call that stops the recording returns why.
        if self.recorder.is_none() {
            return Err(Error::NotRecording);
        }
        self.record(Event::Mark(text));
        Ok(())
    }
}
