//! How much bookkeeping MeMS keeps for each live block, on heaps that random churn has brought to a steady state; one line
//! of JSON for each. `MEMS_BENCH=quick` leaves the large ones out.

use mems_bench::contenders::{Allocator, Mems, Segregated};
use mems_bench::workload::{Churn, ChurnPlan, churns};

fn print<A: Allocator>(plan: ChurnPlan) {
    let mut heap = Churn::<A>::new(plan.live, plan.sizes);
    let stats = heap.allocator().stats().expect("MeMS has statistics");
    println!(
        r#"{{"name": "{}", "workload": "{}", "blocks": {}, "live": {}, "mapped": {}, "metadata": {}}}"#,
        A::NAME,
        plan.name,
        stats.live_blocks,
        stats.live,
        stats.mapped,
        stats.metadata
    );
}

pub fn run() {
    for plan in churns() {
        print::<Mems>(plan);
        print::<Mems<Segregated>>(plan);
    }
}
