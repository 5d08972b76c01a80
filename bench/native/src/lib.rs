//! MeMS and its peers behind one interface, and the workloads they are compared on.

pub mod clock;
pub mod contenders;
mod quick;
pub mod workload;
