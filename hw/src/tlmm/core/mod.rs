//! tlmm_core: the arithmetic of the ternary engine without its way to memory. Several architectures keep one contract, so
//! that each technology gets the one that is smallest there and everything around it stays the same.
//!
//! Contract
//! * A product is `k_tiles` x `row_tiles` *weight words*, K tile outermost. A weight word holds the codes of Q rows and T
//!   groups: code of group t of row q at bits `C (q T + t)`, C = [`CoreParams::code_bits`]. One word a cycle is taken.
//! * Activations: B vectors of int8. A word of the activation memory holds element j of A = [`CoreParams::act_lanes`]
//!   neighbouring groups of one vector, group t at byte t mod A; bit `b T / A + t / A` of `act_we` writes that of vector b.
//!   Its address is, from the top, one of two halves, the K tile, and j in [`CoreParams::element_bits`]. A product
//!   reads the half `act_half`, while the other may be written; one block is written at a time; `act_tiles` tells how many K tiles of all vectors are.
//! * Sums: Q B values of A bits, that of row q and vector b at `A (b Q + q)`, one row tile after the other while the words of the
//!   last K tile pass. They come without back-pressure: the consumer raises `hold` in time, and keeps room for
//!   [`CoreParams::latency`] row tiles after it has.
//! * Exact: every int8 activation, -128 included; sums are of the whole K, A = [`CoreParams::acc_bits`] bits.
//!
//! Ports (all widths in bits)
//!
//! | port | | |
//! |---|---|---|
//! | `clk`, `rst` | in | |
//! | `act_we`, `act_addr`, `act_data` | in | write of the activation memory: B T / A enables, address [`CoreParams::act_addr_bits`], data 8 A |
//! | `start` | in | pulse while `idle`: a product begins; those below are stable until it ends, but `act_tiles`, `hold` |
//! | `act_half` | in | half of the activation memory that is read |
//! | `act_tiles` | in | K tiles of that half that are written; grows while the product runs |
//! | `k_tiles`, `row_tiles` | in | sizes minus one |
//! | `idle` | out | no product is under way; sums of the last one have left |
//! | `w_valid`, `w_ready`, `w_data` | sink | weight words |
//! | `w_last` | out | the word that is asked for is the product's last; counts while `w_ready` |
//! | `hold` | in | take no word of the last K tile |
//! | `sum_valid`, `sum_data`, `sum_last` | out | finished row tiles; `sum_last` with the final one |

mod control;
mod fabric;
mod lookup;
mod register;
mod rules;
mod select;
mod sequence;
mod stage;
mod table;
#[cfg(test)]
mod tests;
mod walk;

/// What a code of C bits stands for.
pub use crate::params::WeightFormat as Code;
pub use crate::params::{Reduction, Technology};
pub use fabric::fabric_core;
pub use register::RegisterCore;
pub use select::SelectCore;
pub use table::table_core;

use std::sync::Arc;

use crate::glue::delays;
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, bits_for, clog2, uint};

/// Parameters of a core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoreParams {
    pub code: Code,
    /// Groups in parallel T.
    pub groups: u32,
    /// Output rows in parallel Q.
    pub rows: u32,
    /// Activation vectors that one weight word serves, B.
    pub batch: u32,
    /// Activations that are written at a time, A: divides T; a multiple of 8 for tables.
    pub act_lanes: u32,
    /// Longest K in K tiles.
    pub max_k_tiles: u32,
    /// Row tiles that the accumulators hold; a power of two.
    pub max_row_tiles: u32,
}

impl CoreParams {
    /// Weights of a group, G.
    pub const fn group(&self) -> u32 {
        self.code.group()
    }

    /// Bits of a code, C.
    pub const fn code_bits(&self) -> u32 {
        self.code.index_bits()
    }

    /// Activations of a K tile, T G.
    pub const fn tile_k(&self) -> u32 {
        self.groups * self.group()
    }

    /// Bits of a weight word.
    pub const fn word_bits(&self) -> u32 {
        self.code_bits() * self.groups * self.rows
    }

    /// Bits of a sum, A: the longest K times the largest magnitude, 128, with a sign.
    pub const fn acc_bits(&self) -> u32 {
        bits_for(128 * self.max_k_tiles as u64 * self.tile_k() as u64) + 1
    }

    /// Bits of the element in an address of the activation memory.
    pub const fn element_bits(&self) -> u32 {
        match self.code {
            Code::G3 | Code::Sherry => 2,
            Code::TwoBit => 0,
        }
    }

    /// Bits of the number of a K tile.
    pub const fn tile_bits(&self) -> u32 {
        clog2(self.max_k_tiles as u64)
    }

    /// Bits of an address of the activation memory.
    pub const fn act_addr_bits(&self) -> u32 {
        1 + self.tile_bits() + self.element_bits()
    }

    /// Blocks of A groups in all vectors: the enables of `act_we`.
    pub const fn act_blocks(&self) -> u32 {
        self.batch * self.groups / self.act_lanes
    }

    /// Ternary products a cycle: T Q B G.
    pub const fn macs(&self) -> u32 {
        self.tile_k() * self.rows * self.batch
    }
}

/// A core of one of the architectures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Core {
    /// Full tables in distributed RAM of UltraScale+.
    Distributed(CoreParams, Reduction),
    Registers(RegisterCore),
    Select(SelectCore),
}

impl Core {
    pub fn params(&self) -> &CoreParams {
        match self {
            Core::Distributed(params, _) => params,
            Core::Registers(core) => &core.params,
            Core::Select(core) => &core.params,
        }
    }

    /// The module.
    ///
    /// # Errors
    /// Parameters that break a rule, each with the nearest legal value.
    pub fn build(&self) -> Result<Arc<Module>, RtlError> {
        match self {
            Core::Distributed(params, Reduction::Dsp) => table_core(params),
            Core::Distributed(params, Reduction::Fabric) => fabric_core(params),
            Core::Registers(core) => core.build(),
            Core::Select(core) => core.build(),
        }
    }

    /// Row tiles whose sums can still come after `hold` was raised.
    pub fn latency(&self) -> u32 {
        match self {
            Core::Distributed(params, Reduction::Dsp) => table::latency(params),
            Core::Distributed(params, Reduction::Fabric) => fabric::latency(params),
            Core::Registers(core) => core.latency(),
            Core::Select(core) => core.latency(),
        }
    }

    /// Cycles of a product in steady state, when weights and activations are there in time.
    pub fn cycles(&self, k_tiles: u64, row_tiles: u64) -> u64 {
        let least = match self {
            Core::Distributed(params, Reduction::Dsp) => {
                return table::product_cycles(params, k_tiles, row_tiles);
            }
            Core::Distributed(params, Reduction::Fabric) => {
                return fabric::product_cycles(params, k_tiles, row_tiles);
            }
            Core::Registers(core) => core.tile_cycles(),
            Core::Select(core) => core.tile_cycles(),
        };
        k_tiles * row_tiles.max(least.into())
    }

    /// Share of the products of a cycle that a K x N product uses in steady state: what fills K and row tiles, and cycles
    /// without a weight word, are loss. `tb/tests/tlmm_core.rs` holds it against simulation.
    pub fn utilisation(&self, k: u64, n: u64) -> f64 {
        let p = self.params();
        let cycles = self.cycles(k.div_ceil(p.tile_k().into()), n.div_ceil(p.rows.into()));
        (k * n) as f64 / (cycles * u64::from(p.tile_k() * p.rows)) as f64
    }
}

/// The ports of a core, as nets of its module.
struct Ports {
    clk: Clock,
    act_we: Expr,
    act_addr: Expr,
    act_data: Expr,
    start: Expr,
    act_half: Expr,
    act_tiles: Expr,
    k_tiles: Expr,
    row_tiles: Expr,
    hold: Expr,
    idle: Expr,
    w_valid: Expr,
    w_ready: Expr,
    w_data: Expr,
    w_last: Expr,
    sum_valid: Expr,
    sum_data: Expr,
    sum_last: Expr,
}

fn ports(m: &mut ModuleBuilder, p: &CoreParams) -> Ports {
    let aw = p.act_addr_bits();
    let (kw, rw) = (p.tile_bits(), clog2(p.max_row_tiles.into()));
    let clk = m.clock_reset("clk", "rst");
    let sum_bits = p.acc_bits() * p.rows * p.batch;
    Ports {
        clk,
        act_we: m.input(
            "act_we",
            uint(p.act_blocks()),
            "write of the activation memory, vector 0 low",
        ),
        act_addr: m.input("act_addr", uint(aw), "half, K tile, element"),
        act_data: m.input(
            "act_data",
            uint(8 * p.act_lanes),
            "an element of neighbouring groups",
        ),
        start: m.input("start", uint(1), "pulse while idle: a product begins"),
        act_half: m.input("act_half", uint(1), "half of the activation memory; stable"),
        act_tiles: m.input(
            "act_tiles",
            uint(kw + 1),
            "K tiles of it that are written; grows",
        ),
        k_tiles: m.input("k_tiles", uint(kw), "K tiles minus one; stable"),
        row_tiles: m.input("row_tiles", uint(rw), "row tiles minus one; stable"),
        hold: m.input("hold", uint(1), "take no word of the last K tile"),
        idle: m.output("idle", uint(1), "no product is under way"),
        w_valid: m.input("w_valid", uint(1), "weight word"),
        w_ready: m.output("w_ready", uint(1), ""),
        w_data: m.input(
            "w_data",
            uint(p.word_bits()),
            "codes of row 0 (group 0 low), of row 1, ..",
        ),
        w_last: m.output("w_last", uint(1), "the word that is asked for is the last"),
        sum_valid: m.output("sum_valid", uint(1), "sums of a row tile"),
        sum_data: m.output(
            "sum_data",
            uint(sum_bits),
            "sums of vector 0 (row 0 low), of vector 1, ..",
        ),
        sum_last: m.output("sum_last", uint(1), "of the last row tile"),
    }
}

/// [`delays`] that stay flip-flops: a shift register would cost look-up tables, which are what is scarce here.
fn flip_flops(m: &mut ModuleBuilder, clk: &Clock, name: &str, value: &Expr, n: u32) -> Vec<Expr> {
    let all = delays(m, clk, name, value, n);
    all[1..].iter().for_each(|reg| m.flip_flop(reg));
    all
}
