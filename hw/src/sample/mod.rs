//! sample: the k largest logits, and a draw from them with a seeded generator.
//!
//! | module | what |
//! |---|---|
//! | `sample` | sequencing of `topk`, `seed`, `draw`; generator; readers and writer |
//! | `topk_k<n>` | the kept candidates in order, one offer a cycle |
//!
//! Ports of `sample`: sink `op` (256 bits), `done`, `fault_valid`, `fault_cause`, `fault_info`; read port `rd_req_valid`,
//! `rd_req_ready`, `rd_req_addr`, `rd_rsp_valid`, `rd_rsp_data`; write port `wr_valid`, `wr_ready`, `wr_addr`, `wr_data`.
//!
//! One instruction at a time. `topk` takes a logit a cycle and then writes both vectors, an element a cycle; places that
//! no logit has filled hold the smallest number and index 0. `seed` takes 4 cycles. `draw` reads the weights twice: for
//! their sum and, beside the indices, for the running sum; a weight a cycle.
//! k = 0 or k above `sample_k`: fault OPERAND with k, for `topk` and `draw`; a `topk` of 65536 words or more: fault OPERAND
//! with n. After a fault no instruction is taken until reset.

pub mod golden;
mod rtl;
#[cfg(test)]
mod tests;
mod topk;

pub use rtl::sample;

use crate::params::MachineParams;
use crate::rtl::RtlError;

/// Parameters of [`sample`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleParams {
    /// Lanes of a scratchpad word; a power of two, 2 to 16.
    pub lanes: u32,
    /// Largest k; 1 to 256.
    pub capacity: u32,
}

impl From<&MachineParams> for SampleParams {
    fn from(p: &MachineParams) -> SampleParams {
        SampleParams {
            lanes: p.vec_lanes,
            capacity: p.sample_k,
        }
    }
}

impl SampleParams {
    fn check(&self) -> Result<(), RtlError> {
        let lanes = self.lanes.is_power_of_two() && (2..=16).contains(&self.lanes);
        if lanes && (1..=256).contains(&self.capacity) {
            return Ok(());
        }
        Err(RtlError {
            module: "sample".into(),
            faults: vec![format!(
                "{} lanes, k up to {}: must be 2, 4, 8 or 16 lanes and 1 to 256",
                self.lanes, self.capacity
            )],
        })
    }
}
