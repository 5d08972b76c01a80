//! How much bookkeeping MeMS keeps for each live block, on heaps that random churn has brought to a steady state; one line
//! of JSON for each. `MEMS_BENCH=quick` leaves the large ones out.

use mems_bench::contenders::{Allocator, Mems};
use mems_bench::workload::{Churn, churns};

pub fn run() {
    for churn in churns() {
        let mut heap = Churn::<Mems>::new(churn.live, churn.sizes);
        let stats = heap.allocator().stats().expect("MeMS has statistics");
        println!(
            r#"{{"workload": "{}", "blocks": {}, "live": {}, "mapped": {}, "metadata": {}}}"#,
            churn.name, stats.live_blocks, stats.live, stats.mapped, stats.metadata
        );
    }
}
