//! Stream glue shared by all units: FIFO, skid buffer, width changes, arbitration.

mod fifo;

pub use fifo::{FifoParams, sync_fifo};
