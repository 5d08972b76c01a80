//! Maxima: the largest holes of many places, in rows, and above the rows a row of their maxima, the *tops*.
//!
//! First fit asks one question at every level of the tree: which is the first of these that is at least this large? A [`Level`]
//! finds it with one comparison of a row where the first row has it, two or three elsewhere.

use super::row::Row;
use std::collections::TryReserveError;

/// Where a level keeps its rows: an array of a power of two of them, or a vector.
pub(in crate::heap) trait Rows {
    /// What a level keeps.
    type Row: Row;
    /// All rows.
    fn all(&self) -> &[Self::Row];
    /// The row of a number; in an array the number is taken modulo the array's length, so that no check is left.
    fn row(&mut self, number: usize) -> &mut Self::Row;
}

impl<R: Row, const N: usize> Rows for [R; N] {
    type Row = R;

    #[inline]
    fn all(&self) -> &[R] {
        self
    }

    #[inline]
    fn row(&mut self, number: usize) -> &mut R {
        &mut self[number % N]
    }
}

impl<R: Row> Rows for Vec<R> {
    type Row = R;

    fn all(&self) -> &[R] {
        self
    }

    fn row(&mut self, number: usize) -> &mut R {
        &mut self[number]
    }
}

/// One level of the tree of maxima: entries in rows, and a top for each row.
///
/// Invariant: a top is never below its row's largest entry. It is raised at once, and lowered by [`Level::tighten`] and by
/// searches that found nothing under it. Numbers of entries count through all rows.
#[derive(Debug)]
pub(in crate::heap) struct Level<S, T> {
    rows: S,
    tops: T,
}

impl<R: Row, const N: usize, T: Row, const M: usize> Level<[R; N], [T; M]> {
    /// A level of zeros.
    pub const EMPTY: Self = Self { rows: [R::EMPTY; N], tops: [T::EMPTY; M] };
}

/// What an entry of a level's rows is.
type SizeIn<S> = <<S as Rows>::Row as Row>::Size;

impl<S: Rows, T: Rows> Level<S, T>
where
    T::Row: Row<Size = SizeIn<S>>,
{
    /// Entries in a row.
    const LANES: usize = S::Row::LANES;

    /// The entry of a number.
    #[inline]
    pub fn get(&self, number: usize) -> SizeIn<S> {
        let rows = self.rows.all();
        rows[number / Self::LANES % rows.len()].get(number % Self::LANES)
    }

    /// The top of a row.
    #[inline]
    pub fn top(&self, row: usize) -> SizeIn<S> {
        let tops = self.tops.all();
        tops[row / T::Row::LANES % tops.len()].get(row % T::Row::LANES)
    }

    #[inline]
    fn set_top(&mut self, row: usize, size: SizeIn<S>) {
        self.tops.row(row / T::Row::LANES).set(row % T::Row::LANES, size);
    }

    /// Sets an entry to a size that is not larger than before.
    #[inline]
    pub fn lower(&mut self, number: usize, size: SizeIn<S>) {
        self.rows.row(number / Self::LANES).set(number % Self::LANES, size);
    }

    /// Raises an entry to `size` if it is lower. Returns whether the top of its row had to be raised.
    #[inline(always)]
    pub fn raise(&mut self, number: usize, size: SizeIn<S>) -> bool {
        let number_of_row = number / Self::LANES;
        let row = self.rows.row(number_of_row);
        if row.get(number % Self::LANES) < size {
            row.set(number % Self::LANES, size);
        }
        let grown = self.top(number_of_row) < size;
        if grown {
            self.set_top(number_of_row, size);
        }
        grown
    }

    /// Makes the top of a row exact.
    #[inline]
    pub fn tighten(&mut self, row: usize) {
        let size = self.rows.row(row).max();
        self.set_top(row, size);
    }

    /// An upper bound of all entries: the largest top.
    #[inline]
    pub fn max(&self) -> SizeIn<S> {
        let tops = self.tops.all().iter().map(Row::max);
        tops.max().unwrap_or(<S::Row as Row>::EMPTY.get(0))
    }

    /// The number of the first entry of at least `least`, from the number `from` on.
    #[inline(always)]
    pub fn first_from(&mut self, from: usize, least: SizeIn<S>) -> Option<usize> {
        self.search_from(from, least, Ok)
    }

    /// The number of the first entry of at least `least`.
    #[inline]
    pub fn first(&mut self, least: SizeIn<S>) -> Option<usize> {
        self.search_rows(0, least, &mut Ok)
    }

    /// What `look` finds first in an entry of at least `least`, from the number `from` on. Where `look` finds nothing, it
    /// returns what the entry is lowered to.
    #[inline(always)]
    pub fn search_from<F>(
        &mut self,
        from: usize,
        least: SizeIn<S>,
        mut look: impl FnMut(usize) -> Result<F, SizeIn<S>>,
    ) -> Option<F> {
        let row = from / Self::LANES;
        let entries = self.rows.row(row).at_least(least) & (!0 << (from % Self::LANES));
        if let Some(found) = self.search_row(row, entries, &mut look) {
            return Some(found);
        }
        if from.is_multiple_of(Self::LANES) {
            self.tighten(row);
        }
        self.search_rows(row + 1, least, &mut look)
    }

    /// [`Level::search_from`] in the rows from a number on that have a top of at least `least`.
    #[inline]
    fn search_rows<F>(
        &mut self,
        first: usize,
        least: SizeIn<S>,
        look: &mut impl FnMut(usize) -> Result<F, SizeIn<S>>,
    ) -> Option<F> {
        let lanes = T::Row::LANES;
        let mut mask = !0_u32 << (first % lanes);
        for group in first / lanes..self.tops.all().len() {
            let mut rows = self.tops.row(group).at_least(least) & mask;
            while rows != 0 {
                let row = group * lanes + rows.trailing_zeros() as usize;
                let entries = self.rows.row(row).at_least(least);
                if let Some(found) = self.search_row(row, entries, look) {
                    return Some(found);
                }
                self.tighten(row);
                rows &= rows - 1;
            }
            mask = !0;
        }
        None
    }

    /// Looks into some of the entries of a row, a bit each.
    #[inline(always)]
    fn search_row<F>(
        &mut self,
        row: usize,
        mut entries: u32,
        look: &mut impl FnMut(usize) -> Result<F, SizeIn<S>>,
    ) -> Option<F> {
        while entries != 0 {
            let number = row * Self::LANES + entries.trailing_zeros() as usize;
            match look(number) {
                Ok(found) => return Some(found),
                Err(size) => self.lower(number, size),
            }
            entries &= entries - 1;
        }
        None
    }

    /// Makes the tops wrong.
    #[cfg(test)]
    pub fn break_tops(&mut self) {
        *self.tops.row(0) = <T::Row as Row>::EMPTY;
    }
}

impl<R: Row, T: Row> Level<Vec<R>, Vec<T>> {
    /// A level without entries.
    pub const fn new() -> Self {
        Self { rows: Vec::new(), tops: Vec::new() }
    }

    /// Makes room for the entries below `len`, zeros.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then that can be seen.
    pub fn reserve(&mut self, len: usize) -> Result<(), TryReserveError> {
        let rows = len.div_ceil(R::LANES);
        lengthen(&mut self.tops, rows.div_ceil(T::LANES), T::EMPTY)?;
        lengthen(&mut self.rows, rows, R::EMPTY)
    }

    /// Bytes of storage.
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<R>() + self.tops.capacity() * size_of::<T>()
    }
}

/// Makes a vector at least `len` long.
fn lengthen<T: Clone>(vector: &mut Vec<T>, len: usize, value: T) -> Result<(), TryReserveError> {
    let missing = len.saturating_sub(vector.len());
    vector.try_reserve(missing)?;
    vector.resize(vector.len() + missing, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::segments::row::BroadRow;
    use crate::heap::segments::row::NarrowRow;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_level_is_an_array(
            sizes in prop::collection::vec(any::<u16>(), 128),
            (from, least) in (0..128_usize, 1..=u16::MAX),
        ) {
            let mut level = Level::<[NarrowRow<4>; 4], [NarrowRow<2>; 1]>::EMPTY;
            let mut growing = Level::<Vec<BroadRow>, Vec<BroadRow>>::new();
            growing.reserve(128).unwrap();
            for (number, &size) in sizes.iter().enumerate() {
                level.raise(number, size);
                growing.raise(number, size.into());
            }
            let first = |from: usize| (from..128).find(|&number| sizes[number] >= least);
            prop_assert_eq!(level.first_from(from, least), first(from));
            prop_assert_eq!(growing.first_from(from, least.into()), first(from));
            prop_assert_eq!(level.first(least), first(0));
            prop_assert_eq!(Some(level.max()), sizes.iter().copied().max());
            // Entries that prove lower than they say are lowered, and tops with them.
            let found = growing.search_from(from, least.into(), |number| if number >= 64 { Ok(number) } else { Err(0) });
            prop_assert_eq!(found, first(from.max(64)));
            for (number, &size) in sizes.iter().enumerate().take(64).skip(from) {
                prop_assert_eq!(growing.get(number), if size >= least { 0 } else { size.into() });
            }
        }
    }
}
