//! Stream glue shared by all units: FIFO, skid buffer, width changes, arbitration.

mod fifo;
mod gearbox;

pub use fifo::{FifoParams, sync_fifo};
pub use gearbox::{End, GearboxParams, gearbox};
