//! Training of small recurrent networks on a CSV log.

pub mod atomic;
pub mod baseline;
pub mod data;
pub mod metrics;

pub mod device;
