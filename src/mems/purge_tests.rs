//! Which pages are given back, and when.

use super::*;

/// A free of `block` that left `hole`; offsets in bytes.
fn freed(block: Range<u64>, hole: Range<u64>) -> Freed {
    let at = |range: Range<u64>| FIRST_ADDRESS + range.start..FIRST_ADDRESS + range.end;
    Freed { block: at(block), hole: at(hole) }
}

/// Notes frees in a small heap and returns the runs, in pages.
fn runs(frees: &[(Range<u64>, Range<u64>)]) -> Vec<(u64, u64)> {
    let mut dirty = DirtyPages::default();
    for (block, hole) in frees {
        assert!(!dirty.note(&freed(block.clone(), hole.clone()), 0), "not so soon");
    }
    let page = |address: u64| (address - FIRST_ADDRESS) / PAGE;
    dirty.take().into_iter().map(|run| (page(run.start), page(run.end))).collect()
}

#[test]
fn only_the_pages_that_a_free_completes_are_noted() {
    assert_eq!(runs(&[(100..200, 0..4095)]), []);
    assert_eq!(runs(&[(100..200, 0..4096)]), [(0, 1)]);
    assert_eq!(runs(&[(4000..4200, 0..3 * PAGE)]), [(0, 2)], "the third page was free before");
    assert_eq!(runs(&[(PAGE..2 * PAGE, 1..9 * PAGE)]), [(1, 2)]);
    assert_eq!(runs(&[(5000..6000, 5000..9 * PAGE)]), [], "its page holds another block");
}

#[test]
fn runs_are_merged_and_sorted() {
    let block = |page: u64| (page * PAGE..(page + 1) * PAGE, page * PAGE..(page + 1) * PAGE);
    assert_eq!(runs(&[block(7), block(3), block(4), block(2), block(3), block(6)]), [(2, 5), (6, 8)]);
    assert_eq!(runs(&[block(7), block(7), block(7)]), [(7, 8)]);
}

#[test]
fn what_is_used_again_is_waited_for() {
    let large = 16 * LEAST;
    let block = freed(0..large, 0..large);
    let (start, end) = (block.block.start, block.block.end);
    let mut dirty = DirtyPages::default();
    let other = freed(2 * large..3 * large, 2 * large..3 * large);
    assert!(dirty.note(&block, large));
    give_back(&mut dirty);
    dirty.note_use(start, start + LEAST - 1);
    dirty.note_use(start + 4 * large, end + 4 * large);
    assert_eq!(dirty.patience, 0, "small blocks and other pages change nothing at once");
    dirty.note_use(start, end);
    assert!((0..9).all(|_| !dirty.note(&block, large)), "the same pages again and again");
    assert!(dirty.note(&other, large), "twice the block is too much");
    give_back(&mut dirty);
    assert!((0..9).all(|_| !dirty.note(&block, large)), "it was in vain");
    assert!(dirty.note(&freed(0..MOST_PATIENCE, 0..MOST_PATIENCE), large), "and there is an end to it");
    give_back(&mut dirty);
    dirty.forget();
    assert!(dirty.patience > 0 && dirty.given_back[0].is_empty(), "what a program asks for teaches nothing");
}

/// Gives back what is noted.
fn give_back(dirty: &mut DirtyPages) {
    dirty.fall_due();
    dirty.take_due();
}

#[test]
fn runs_have_bytes_in_common() {
    assert_eq!(common(&[0..4, 6..9], &[1..2, 3..7, 8..20]), 1 + 1 + 1 + 1);
    let runs = [0..4, 6..9];
    assert_eq!((common(&[], &runs), common(&runs, &runs), common(&runs, &[4..6, 9..12])), (0, 7, 0));
}

#[test]
fn few_pages_that_come_and_go_make_no_heap_patient() {
    let mut dirty = DirtyPages::default();
    let churn = |dirty: &mut DirtyPages| {
        for page in (0..512 * 400).map(|step| step % 512 * 2) {
            let pages = page * PAGE..(page + 1) * PAGE;
            if dirty.note(&freed(pages.clone(), pages), 0) {
                give_back(dirty);
            }
        }
    };
    churn(&mut dirty);
    churn(&mut dirty);
    assert!(dirty.patience.max(dirty.bytes) <= 2 * 512 * PAGE, "{} {}", dirty.patience, dirty.bytes);
}

#[test]
fn where_small_blocks_come_and_go_more_pages_wait() {
    let mut dirty = DirtyPages::default();
    let mut until_due = |from: u64| {
        let mut due = |page: u64| dirty.note(&freed(page * PAGE..(page + 1) * PAGE, page * PAGE..(page + 1) * PAGE), 0);
        let pages = (from..).step_by(2).position(&mut due).expect("there is an end") as u64 + 1;
        give_back(&mut dirty);
        pages * PAGE
    };
    assert_eq!(until_due(0), LEAST);
    assert_eq!([until_due(0), until_due(0), until_due(0)], [LEAST, 2 * LEAST, 4 * LEAST], "used and freed again");
    let mut others = (30..).map(|bits| 1 << bits);
    let mut until_due_elsewhere = || until_due(others.next().expect("there are more"));
    assert_eq!([(); 2].map(|()| until_due_elsewhere()), [4 * LEAST; 2], "no more runs than these are noted");
    assert_eq!([(); 2].map(|()| until_due_elsewhere()), [2 * LEAST, LEAST], "less and less, where they are others");
}

#[test]
fn it_is_time_when_they_are_much_or_many() {
    let mut dirty = DirtyPages::default();
    let mut free = |page: u64, mapped| dirty.note(&freed(page * PAGE..(page + 1) * PAGE, 0..1 << 40), mapped);
    let pages = LEAST / PAGE;
    assert!((0..pages - 1).all(|page| !free(page, 0)));
    assert!(free(pages - 1, 0));
    assert!(!free(pages, 17 * LEAST), "a sixteenth of a larger heap is more");
    let mut dirty = DirtyPages::default();
    let mut free = |page: u64| dirty.note(&freed(page * PAGE..(page + 1) * PAGE, 0..1 << 40), 1 << 40);
    assert!((1..RUNS as u64).all(|page| !free(2 * page)));
    assert!(free(2 * RUNS as u64));
}
