//! Stream glue shared by all units: FIFO, register slice, width changes, arbitration; stages of pipelines.

mod chain;
mod fifo;
mod gearbox;
mod pipeline;
mod rr_arbiter;
mod skid;

pub use chain::{ceil_shift, delay_line, delays, valid_line, valids};
pub use fifo::{FifoParams, sync_fifo};
pub use gearbox::{End, GearboxParams, gearbox};
pub use pipeline::Pipeline;
pub use rr_arbiter::{ArbiterParams, rr_arbiter};
pub use skid::{SkidParams, skid};
