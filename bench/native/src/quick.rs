//! The quick benchmark.

/// Whether to run only a part, in a short time: `MEMS_BENCH=quick`.
#[must_use]
pub fn is_quick() -> bool {
    std::env::var("MEMS_BENCH").is_ok_and(|value| value == "quick")
}
