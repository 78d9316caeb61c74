//! Stream glue shared by all units: FIFO, skid buffer, width changes, arbitration.

mod chain;
mod fifo;
mod gearbox;

pub use chain::{ceil_shift, delays, valids};
pub use fifo::{FifoParams, sync_fifo};
pub use gearbox::{End, GearboxParams, gearbox};
