//! AXI agents for test benches: a memory that answers an AXI4 master, and an AXI4-Lite master for registers.
//!
//! Both are used as the streams of [`crate::stream`]: in every cycle `drive`, then [`crate::sim::Sim::tick`], then `sample`.
//! What they do at random comes from seeds.

mod lite;
mod memory;

pub use lite::{LiteMaster, LiteResponse};
pub use memory::{AxiConfig, AxiMemory, AxiStats};

use thiserror::Error;

/// A breach of the AXI protocol by the design.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cycle {cycle}: {port}: {what}")]
pub struct AxiError {
    pub cycle: u64,
    /// Port and channel, such as `m_axi_0 AR`.
    pub port: String,
    pub what: String,
}

/// Small generator (xorshift) for decisions in every cycle.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        // Spreads small seeds over all bits; never 0.
        Dice(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    fn percent(&mut self, percent: u32) -> bool {
        percent > 0 && self.next() % 100 < percent
    }

    fn between(&mut self, low: u32, high: u32) -> u32 {
        match high.saturating_sub(low) {
            0 => low,
            span => low + self.next() % (span + 1),
        }
    }
}
