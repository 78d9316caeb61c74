//! Stream glue shared by all units: FIFO, register slice, width changes, arbitration.

mod chain;
mod fifo;
mod gearbox;
mod rr_arbiter;
mod skid;

pub use chain::{ceil_shift, delays, valids};
pub use fifo::{FifoParams, sync_fifo};
pub use gearbox::{End, GearboxParams, gearbox};
pub use rr_arbiter::{ArbiterParams, rr_arbiter};
pub use skid::{SkidParams, skid};
