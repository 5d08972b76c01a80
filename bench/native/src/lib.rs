//! MeMS and its peers behind one interface, and the workloads they are compared on.

pub mod contenders;
mod quick;
pub mod workload;
