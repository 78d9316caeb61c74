//! Banked on-chip memory between the units, and the two movers that are the only way to it.

mod golden;

pub use golden::{RangeFault, Scratchpad};
