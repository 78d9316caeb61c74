//! Select-and-add: a two-bit weight picks +a, -a or 0 of an activation, and an adder takes it. No tables: what a weight
//! costs is one adder cell a bit, into which the choice is folded where the technology allows it.
//!
//! Contract of [`SelectCore::build`]: that of a core (`core`), for [`Code::TwoBit`]. Beyond it:
//! * One weight word a cycle while activations are there. With fewer than [`SelectCore::tile_cycles`] row tiles there are
//!   idle cycles between K tiles: an accumulator is read, added to and written back before it is read again, so nothing
//!   is forwarded, and a chain's activations change one after the other.
//! * `w_data` goes into the trees of [`Technology::Asic`] without a register: a source gives it from a register.
//! * `w_ready` depends on `hold` and registers alone.
//! * [`Technology::Generic`], which [`Technology::XilinxUscale`] is too: operators and inferred memories.
//!   [`Technology::Ecp5`]: carry cells with the choice folded in, block RAM with its output register.
//!   [`Technology::Asic`]: carry-save trees of full adders, few registers.
//!
//! | file | what |
//! |---|---|
//! | `arithmetic` | activations in use, rows and accumulators, between the parts of `core::control` |
//! | `chain` | rows as short chains of adders and a tree ([`Technology::Generic`], [`Technology::Ecp5`]) |
//! | `carry`, `block_ram` | ECP5: adders as carry cells, block RAM with its output register |
//! | `compress` | rows as carry-save trees ([`Technology::Asic`]) |

mod arithmetic;
pub(super) mod block_ram;
mod carry;
mod chain;
mod compress;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::control::Arithmetic;
use super::{Code, CoreParams, control, rules};
use crate::params::Technology;
use crate::rtl::{Module, RtlError};

/// Parameters of the select-and-add core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectCore {
    pub params: CoreParams,
    pub technology: Technology,
    /// Longest chain of products before the tree; not used by [`Technology::Asic`].
    pub chain: u32,
    /// Products of a chain between two registers: more of them save registers and cost speed.
    pub per_stage: u32,
}

impl SelectCore {
    /// The core with the chain lengths that measured best.
    pub fn new(params: CoreParams, technology: Technology) -> SelectCore {
        SelectCore {
            params,
            technology,
            chain: 4,
            per_stage: 1,
        }
    }

    /// Register stages of a chain: product i of a chain is added `stage(i)` cycles after its word is taken, and the
    /// tile register of its activation changes as much later.
    pub(super) fn stages(&self) -> u32 {
        match self.technology {
            Technology::Asic => 1,
            _ => {
                let longest = self.chains().map(|c| c.len() as u32).max();
                self.stage(longest.unwrap_or(1) - 1) + 1
            }
        }
    }

    /// Stage of product `i` of a chain. Codes are registered first, stage 0: whether a K tile ends is known late, and
    /// its activations have all places of a tile to reach.
    pub(super) const fn stage(&self, i: u32) -> u32 {
        1 + i / self.per_stage
    }

    /// Stage of group `t`.
    pub(super) fn stage_of_group(&self, t: u32) -> u32 {
        match self.technology {
            Technology::Asic => 0,
            _ => {
                let inside = self.chains().find(|c| c.contains(&t));
                self.stage(inside.map_or(0, |c| t - c.start))
            }
        }
    }

    /// The groups of each chain: as many chains as needed, their lengths equal within one.
    pub(super) fn chains(&self) -> impl Iterator<Item = std::ops::Range<u32>> {
        let t = self.params.groups;
        let n = t.div_ceil(self.chain);
        (0..n).map(move |i| i * t / n..(i + 1) * t / n)
    }

    /// Cycles from a word to the sum of its row.
    pub(super) fn row_latency(&self) -> u32 {
        let rows = match self.technology {
            Technology::Asic => 1,
            _ => self.stages() + levels(self.chains().count() as u32),
        };
        rows.max(self.memory_latency())
    }

    /// Cycles of a K tile at least: the row tiles at which nothing is waited for.
    pub fn tile_cycles(&self) -> u32 {
        self.turnaround().max(self.stages())
    }

    /// Cycles from a word of the last K tile to its sums: at most so many row tiles come after `hold` has risen.
    pub fn latency(&self) -> u32 {
        self.row_latency() + 1
    }

    /// Rules that are broken, in words.
    fn faults(&self) -> Vec<String> {
        let p = &self.params;
        let mut faults = Vec::new();
        if p.code != Code::TwoBit {
            faults.push(format!(
                "select-and-add takes code TwoBit, not {:?}: a denser code is for a core with tables",
                p.code
            ));
        }
        for (name, value, high) in [
            ("groups T", p.groups, 256),
            ("rows Q", p.rows, 256),
            ("batch B", p.batch, 64),
            // Both halves of the activations fit a memory of 2^14 words; sums have at most 30 bits.
            ("max_k_tiles", p.max_k_tiles, 1 << 13),
            ("chain", self.chain, 32),
            ("per_stage", self.per_stage, 8),
        ] {
            faults.extend(rules::up_to(name, value, high));
        }
        faults.extend(rules::blocks(p));
        faults.extend(rules::row_tiles(p));
        faults
    }

    /// The module.
    ///
    /// # Errors
    /// Parameters that break a rule, each with the nearest legal value.
    pub fn build(&self) -> Result<Arc<Module>, RtlError> {
        rules::check("tlmm_select", self.faults())?;
        let p = &self.params;
        let m = Module::new("tlmm_select").doc(format!(
            "Ternary matrix core, select and add: {} weights of {} rows times {} activation vectors a cycle.\n\
             k_tiles * row_tiles weight words a product, one a cycle; each K tile takes at least {} cycles.\n\
             Sums leave {} cycles behind the words of the last K tile, without back-pressure.",
            p.groups,
            p.rows,
            p.batch,
            self.tile_cycles(),
            self.latency()
        ));
        control::core(m, self)
    }
}

/// Levels of a binary tree over `n` leaves.
pub(super) const fn levels(n: u32) -> u32 {
    n.next_power_of_two().trailing_zeros()
}
