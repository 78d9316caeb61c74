//! tlmm: the ternary matrix engine. On UltraScale+ a group of G activations becomes a small table of its signed sums and a
//! weight is an index into it, so that G multiplications are one look-up (TeLLMe, papers.md 1.3; Sherry, papers.md 5.2).
//! Elsewhere each weight selects plus, minus or nothing of an activation. What is smallest where is measured
//! (`tritforge bench tlmm`); both are a core with one contract (`core`), and everything around it is the same.
//!
//! Contract of `gemv` (docs/machine.md, section 4)
//! * One packet of weights serves 1 + `more` vectors of K activations, vector v at `src + v src_stride`; its NT Q sums are
//!   written to `dst + v dst_stride`. Strides count words.
//! * Weights arrive as one packet in the order: K tile, row tile, q in 0..Q, t in 0..T. A *weight word* is the T Q
//!   indices of one row tile in one K tile; the core takes one a cycle. Which places of a K tile a group holds:
//!   [`golden::place`].
//! * A packet is a whole number of weight words, a partial final one being filled as [`golden::unpack`] says. Fewer words
//!   than ceil(K / TG) NT: STREAM_SHORT. More: dropped.
//! * K = 0, K > max_k, NT = 0, NT > max_row_tiles, more >= B: OPERAND, with the operand in the info register.
//! * Exact for all int8 activations, -128 included: table entries and sums are wide enough for the longest K.
//! * While one instruction computes, activations of the next one are fetched, unless it reads what the first one writes: then
//!   they wait until that is written, so that instructions act as if one came after the other.
//! * Cycles of a product: those of its core when weights and activations are there in time. Results leave during the pass over the
//!   last K tile, which (1 + more) Q / L > 1 stretches by as much.
//!
//! | module | what |
//! |---|---|
//! | `tlmm` | instructions: one that loads, one that computes |
//! | `tlmm_operands` | checks of an instruction, K tiles, the ranges it reads and writes |
//! | `tlmm_acts` | activations from the scratchpad to the core's memory, tail masked |
//! | `unpack_base3`, `unpack_dense` | beats of DRAM to weight words of the core's codes |
//! | `core::..` | the arithmetic |
//! | `tlmm_results` | sums to the scratchpad |

mod acts;
pub mod core;
pub mod golden;
mod operands;
pub mod pack;
mod results;
mod rtl;
#[cfg(test)]
mod tests;
mod unpack;

pub use rtl::tlmm;
pub use unpack::unpack;

use self::core::{Code, Core, CoreParams, RegisterCore, SelectCore};
use crate::params::{
    DramFormat, MachineParams, Reduction, Storage, Style, Technology, WeightFormat,
};
use crate::rtl::bits_for;
use crate::scratchpad::COUNT_BITS;

/// Bytes to which packets are padded.
pub const PACKET_ALIGN: usize = 64;

/// Parameters of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlmmParams {
    pub technology: Technology,
    pub style: Style,
    pub storage: Storage,
    pub reduction: Reduction,
    pub format: WeightFormat,
    pub dram: DramFormat,
    /// Groups in parallel T.
    pub groups: u32,
    /// Output rows in parallel Q.
    pub rows: u32,
    /// Activation vectors of a weight pass at most, B.
    pub batch: u32,
    /// Bits of a weight beat W.
    pub bus_bits: u32,
    /// Lanes L of a scratchpad word.
    pub lanes: u32,
    /// Row tiles that the accumulators hold.
    pub max_row_tiles: u32,
    /// Longest K.
    pub max_k: u32,
}

/// A rule that parameters break.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The parameter as configurations name it.
    pub parameter: &'static str,
    pub rule: String,
    /// What would be legal.
    pub legal: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.rule, self.legal)
    }
}

impl TlmmParams {
    pub fn new(p: &MachineParams) -> TlmmParams {
        TlmmParams {
            technology: p.technology,
            style: p.style,
            storage: p.storage,
            reduction: p.reduction,
            format: p.weight_format,
            dram: p.dram_format,
            groups: p.groups,
            rows: p.rows,
            batch: p.batch,
            bus_bits: p.bus_bits,
            lanes: p.vec_lanes,
            max_row_tiles: p.max_row_tiles,
            max_k: p.max_k,
        }
    }

    /// Activations of a K tile, T G.
    pub const fn tile_k(&self) -> u32 {
        self.groups * self.format.group()
    }

    /// Indices of a weight word, T Q.
    pub const fn word_indices(&self) -> u32 {
        self.groups * self.rows
    }

    /// Bytes that the base-3 decoder takes at a time: at least a beat, and whole groups of 3, which are 5 groups of weights.
    pub const fn base3_bytes(&self) -> u32 {
        3 * self.bus_bits.div_ceil(24)
    }

    /// The arithmetic.
    pub fn core(&self) -> Core {
        let (params, technology) = (self.core_params(), self.technology);
        match (self.style, self.storage) {
            (Style::Table, Storage::Distributed) => Core::Distributed(params, self.reduction),
            (Style::Table, Storage::Registers) => {
                Core::Registers(RegisterCore { params, technology })
            }
            (Style::Select, _) => Core::Select(SelectCore::new(params, technology)),
        }
    }

    /// Parameters of the core.
    pub fn core_params(&self) -> CoreParams {
        let (code, groups) = match self.style {
            Style::Select => (Code::TwoBit, self.tile_k()),
            Style::Table => (self.format, self.groups),
        };
        CoreParams {
            code,
            groups,
            rows: self.rows,
            batch: self.batch,
            // As many as a scratchpad word has, or what of them fits a K tile.
            act_lanes: gcd(4 * self.lanes, groups),
            max_k_tiles: self.max_k.div_ceil(self.tile_k()),
            max_row_tiles: self.max_row_tiles,
        }
    }

    /// Cycles of a product of `rows` x `cols` weights in steady state, when weights and activations are there in time.
    pub fn cycles(&self, rows: u64, cols: u64) -> u64 {
        let (k_tiles, row_tiles) = (
            cols.div_ceil(self.tile_k().into()),
            rows.div_ceil(self.rows.into()),
        );
        self.core().cycles(k_tiles, row_tiles)
    }

    /// Rules between the parameters that are broken. Those of the core itself come with its making.
    pub fn broken(&self) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut rule = |ok: bool, parameter: &'static str, rule: String, legal: String| {
            if !ok {
                broken.push(Broken {
                    parameter,
                    rule,
                    legal,
                });
            }
        };
        rule(
            self.dram.feeds().contains(&self.format),
            "dram_format",
            format!(
                "{:?} in DRAM cannot feed {:?} weights",
                self.dram, self.format
            ),
            format!("it feeds {:?}", self.dram.feeds()),
        );
        let distributed = self.style == Style::Table && self.storage == Storage::Distributed;
        rule(
            !distributed || self.technology == Technology::XilinxUscale,
            "storage",
            format!(
                "distributed tables are made of RAM32M16, which {} does not have",
                self.technology.word()
            ),
            "registers and style select work everywhere".into(),
        );
        rule(
            self.style == Style::Select || self.format != WeightFormat::TwoBit,
            "style",
            "a table of one weight is no table: two_bit weights are for style select".into(),
            "select, or weight_format g3 or sherry".into(),
        );
        let within = |v: u32, high: u32| (1..=high).contains(&v);
        let nearest = |v: u32, high: u32| format!("the nearest is {}", v.clamp(1, high));
        let most = 256 / self.format.group();
        rule(
            within(self.groups, most),
            "groups",
            format!("T = {} is not in 1..={most}", self.groups),
            nearest(self.groups, most),
        );
        let lanes = self.lanes.max(1);
        let fits = |q: u32| within(q, 32) && (q.is_multiple_of(lanes) || lanes.is_multiple_of(q));
        rule(
            fits(self.rows),
            "rows",
            format!(
                "Q = {} is not in 1..=32, or neither divides the {lanes} lanes of a scratchpad word nor is a multiple of them",
                self.rows
            ),
            near_legal(self.rows, 32, fits),
        );
        rule(
            within(self.batch, 16),
            "batch",
            format!("B = {} is not in 1..=16", self.batch),
            nearest(self.batch, 16),
        );
        rule(
            self.max_row_tiles.is_power_of_two() && self.max_row_tiles >= 2,
            "max_row_tiles",
            format!(
                "max_row_tiles = {} is not a power of two",
                self.max_row_tiles
            ),
            format!(
                "the nearest is {}",
                self.max_row_tiles
                    .checked_next_power_of_two()
                    .unwrap_or(2)
                    .max(2)
            ),
        );
        rule(
            within(self.max_k, (1 << 23) - 1),
            "max_k",
            format!("max_k = {} is not in 1..2^23", self.max_k),
            nearest(self.max_k, (1 << 23) - 1),
        );
        rule(
            u64::from(self.max_row_tiles) * u64::from(self.rows) < 1 << COUNT_BITS,
            "max_row_tiles",
            "more sums than a writer can count".into(),
            format!("at most {} rows in all", (1 << COUNT_BITS) - 1),
        );
        // What is out of range already is not told twice.
        let high = self.reduction.most_groups();
        let eights = |t: u32| self.reduction.takes_groups(t);
        rule(
            !distributed || !within(self.groups, most) || eights(self.groups),
            "groups",
            format!(
                "T = {}: tables are read and summed eight groups at a time, so T is a multiple of 8 up to {high}",
                self.groups
            ),
            near_legal(self.groups, high, eights),
        );
        let readers = |q: u32| self.reduction.takes_rows(q);
        rule(
            !distributed || !fits(self.rows) || readers(self.rows),
            "rows",
            format!("Q = {}: four rows share a table's readers", self.rows),
            near_legal(self.rows, 32, |q| fits(q) && readers(q)),
        );
        let tile = u64::from(self.tile_k().max(1));
        let longest = u64::from(self.max_k).next_multiple_of(tile);
        rule(
            !distributed || bits_for(128 * longest) < 24,
            "max_k",
            format!(
                "K = {}: sums of distributed tables have 24 bits",
                self.max_k
            ),
            "at most 65535, with style select more".into(),
        );
        broken
    }
}

/// The one or two legal values nearest to `v`, in words.
fn near_legal(v: u32, high: u32, legal: impl Fn(u32) -> bool) -> String {
    let below = (1..=v.min(high)).rev().find(|&v| legal(v));
    let above = (v.max(1)..=high).find(|&v| legal(v));
    match (below, above) {
        (Some(a), Some(b)) if a != b => format!("the nearest are {a} and {b}"),
        (Some(a), _) | (None, Some(a)) => format!("the nearest is {a}"),
        (None, None) => "no value is legal".into(),
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
