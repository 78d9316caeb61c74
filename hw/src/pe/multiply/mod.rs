//! Operands of the rows, products, and their sums: everything between a beat and a result of each row.
//!
//! | file | what |
//! |---|---|
//! | `held` | memories of the operands |
//! | `chains` | a beat to the chains, and what their sums are to the rows |
//! | `sum` | sums of codes over beats or blocks |
//! | `floats` | sums of floats over beats, and their results |

mod chains;
mod floats;
mod held;
mod sum;

use std::sync::Arc;

use super::float::{ACCUMULATE_LATENCY, EXPONENT_BITS, NORMALISE_LATENCY, StreamParams};
use super::{PeMode, PeParams};
use crate::glue::{delay_line, valid_line};
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, clog2, lit, mux, uint};

/// What goes along with a beat: bits of the tag from `pe_walk`, low bit first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tag {
    /// The sum begins a result; a column is the last of its block.
    First,
    Lap,
    Axpy,
    /// The sum ends a result, which ends a word, and the instruction.
    Emit,
    WordEnd,
    Finish,
    /// The mode: activations are floats; the stream holds floats, or nibbles.
    Float,
    Halves,
    Nibbles,
    /// Half of the memories of operands.
    Half,
}

impl Tag {
    const BITS: u32 = Tag::Half as u32 + 1;

    /// The bit of `tags`.
    fn of(self, tags: &Expr) -> Expr {
        tags.bit(self as u32)
    }

    /// The bit of a result's tags, which begin at [`Tag::Emit`].
    fn of_result(self, tags: &Expr) -> Expr {
        tags.bit(self as u32 - Tag::Emit as u32)
    }
}

impl PeParams {
    /// What makes operands of beats, where there is more than int8.
    pub(super) fn stream(&self) -> StreamParams {
        StreamParams {
            bus_bits: self.bus_bits,
            kinds: self.modes.kinds(),
        }
    }

    /// Cycles from a beat's acceptance to its operands.
    fn operand_stage(&self) -> u32 {
        match self.modes.plain() {
            true => 1,
            false => self.stream().latency(),
        }
    }

    /// Cycles to the sums of the chains.
    fn chain_stage(&self) -> u32 {
        let chain = self.chain();
        self.operand_stage()
            + match self.shared_multipliers() {
                true => chain.latency(),
                false => chain.tree_latency(),
            }
    }

    /// Cycles to the sum of the beat of each row: chains of a pair are added, then pairs of a row.
    pub(super) fn sum_stage(&self) -> u32 {
        self.chain_stage()
            + match self.modes.plain() {
                true => self.chains() - 1,
                false => 2,
            }
    }

    /// Cycles to a result.
    pub(super) fn result_stage(&self) -> u32 {
        let float = ACCUMULATE_LATENCY + NORMALISE_LATENCY;
        self.sum_stage() + if self.modes.floats() { float } else { 1 }
    }

    /// Bits of a result: fp32, or a sum.
    pub(super) fn result_bits(&self) -> u32 {
        match self.modes.floats() {
            true => 32,
            false => self.sum_bits(),
        }
    }
}

/// Ports: `clk`, `rst`; the write port of the memories as `pe_load` has it, with `ld_`; a beat: `take`, `beat`, `addr`,
/// `tags`, `kind`; `results`, `store`, `word_end`, `last`.
pub(super) fn multiply(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("pe_multiply").doc(format!(
        "A beat times the operands of each row; sums over beats or blocks of them. Results {} cycles behind the beat that\n\
         ends them.",
        p.result_stage()
    ));
    let clk = m.clock_reset("clk", "rst");
    let mut load = Vec::new();
    let mut port = |m: &mut ModuleBuilder, name: &'static str, width: u32, doc: &str| {
        let port = m.input(&format!("ld_{name}"), uint(width), doc);
        load.push((name, port));
    };
    port(&mut m, "we", 1, "write operands");
    port(&mut m, "low", 1, "the lower code of lanes");
    port(&mut m, "high", 1, "the upper code of lanes");
    port(&mut m, "pair", p.pair_bits(), "of which two rows");
    port(&mut m, "addr", p.held_addr_bits(), "half, beat");
    port(
        &mut m,
        "data",
        p.lane_operand_bits() * p.macs(),
        "operands of all lanes",
    );
    if p.modes.floats() {
        port(&mut m, "parts", p.parts(), "of which lanes");
        port(&mut m, "top_we", 1, "write an exponent");
        port(&mut m, "top_sum", p.row_bits(), "of the row with this sum");
        port(
            &mut m,
            "top",
            EXPONENT_BITS + 1,
            "zero, exponent of the vector",
        );
    }
    let load = Load(load);
    let take = m.input("take", uint(1), "a beat is taken");
    let beat = m.input("beat", uint(p.bus_bits), "");
    let addr = m.input(
        "addr",
        uint(p.held_addr_bits()),
        "operands that meet it: half, beat",
    );
    let tag_bits = if p.modes.plain() {
        Tag::Float as u32
    } else {
        Tag::BITS
    };
    let tags = m.input("tags", uint(tag_bits), "what becomes of it");
    let kind = (p.stream().kinds.len() > 1).then(|| m.input("kind", uint(3), "what it holds"));
    let results_out = m.output(
        "results",
        uint(p.rows * p.result_bits()),
        "a result of each row",
    );
    let store_out = m.output("store", uint(1), "they are there");
    let word_end_out = m.output("word_end", uint(1), "they end a word");
    let last_out = m.output("last", uint(1), "and the instruction");

    let tags = Tags::new(&mut m, &clk, p, &take, &tags);
    let sums = chains::chains(&mut m, &clk, p, &load, (&beat, &addr, kind.as_ref()), &tags)?;

    m.section("Sums of codes");
    let axpy = m.wire("axpy", Tag::Axpy.of(&tags.sum));
    let first = m.wire("first", Tag::First.of(&tags.sum));
    let lap = m.wire("lap", Tag::Lap.of(&tags.sum));
    let column = m.reg_init("column", uint(clog2(p.max_axpy.into())), 0);
    m.clocked(&clk, |b| {
        b.when(&tags.sum_valid & &axpy, |b| {
            let next = mux(&lap, lit(0, column.width()), column.plus(1));
            b.set(&column, next);
        });
    });
    let module = sum::sum(p)?;
    let mut totals: Vec<Expr> = (0..)
        .zip(&sums.codes)
        .map(|(r, partial): (u32, &Expr)| {
            let inputs = [
                ("partial", partial),
                ("valid", &tags.sum_valid),
                ("first", &first),
                ("axpy", &axpy),
                ("column", &column),
            ];
            m.instance(&format!("u_sum{r}"), &module, &clk, &inputs)
                .get("total")
        })
        .collect();
    if p.modes.floats() {
        m.section("Sums of floats; those of codes wait for them");
        let floats = floats::results(&mut m, &clk, p, &load, &sums, &tags)?;
        let float = m.wire("float", Tag::Float.of_result(&tags.result));
        let later = p.result_stage() - p.sum_stage() - 1;
        for (r, (total, y)) in totals.iter_mut().zip(&floats).enumerate() {
            let code = m.wire(&format!("code{r}"), total.extend(32));
            let code = delay_line(&mut m, &clk, &format!("code_line{r}"), &code, later);
            *total = match y {
                Some(y) => mux(&float, y, code),
                None => code,
            };
        }
    }
    let totals: Vec<Expr> = totals.iter().map(Expr::unsigned).collect();
    m.assign(&results_out, cat(totals.iter().rev()));
    m.assign(
        &store_out,
        &tags.result_valid & &Tag::Emit.of_result(&tags.result),
    );
    m.assign(&word_end_out, Tag::WordEnd.of_result(&tags.result));
    m.assign(&last_out, Tag::Finish.of_result(&tags.result));
    m.finish()
}

/// The tags of the beat that is at a stage.
struct Tags {
    /// At the operands; of several modes alone.
    operands: Expr,
    /// A cycle before the sum; of several modes alone.
    before: Expr,
    sum: Expr,
    sum_valid: Expr,
    result: Expr,
    result_valid: Expr,
}

impl Tags {
    fn new(m: &mut ModuleBuilder, clk: &Clock, p: &PeParams, take: &Expr, tags: &Expr) -> Tags {
        let at = [
            p.operand_stage(),
            p.sum_stage() - 1,
            p.sum_stage(),
            p.result_stage(),
        ];
        // Of an array of codes no mode goes on to the sums.
        let most = if p.modes.floats() {
            Tag::Float
        } else {
            Tag::Finish
        };
        let mut later = |name: &str, value: &Expr, n: u32| {
            let line = delay_line(m, clk, &format!("{name}_line"), value, n);
            m.wire(name, line)
        };
        let [operands, before, sum] = if p.modes.plain() {
            let sum = later("sum_tags", tags, at[2]);
            [sum.clone(), sum.clone(), sum]
        } else {
            let operands = later("operand_tags", tags, at[0]);
            let before = later("chain_tags", &operands, at[1] - at[0]);
            let sum = later("sum_tags", &before.bits(most as u32, 0), 1);
            [operands, before, sum]
        };
        let kept = sum.bits(most as u32, Tag::Emit as u32);
        let result = later("result_tags", &kept, at[3] - at[2]);
        if !p.modes.plain() {
            m.unused(before.bits(Tag::Half as u32, most as u32 + 1));
        }
        let sum_valid = valid_line(m, clk, "sum_valid", take, at[2]);
        let sum_valid = m.wire("sum_is_valid", sum_valid);
        let result_valid = valid_line(m, clk, "result_valid", &sum_valid, at[3] - at[2]);
        Tags {
            operands,
            before,
            sum,
            sum_valid,
            result,
            result_valid,
        }
    }
}

/// The write port of the memories.
struct Load(Vec<(&'static str, Expr)>);

impl Load {
    fn get(&self, name: &str) -> Expr {
        let port = self.0.iter().find(|(n, _)| *n == name);
        port.map_or_else(|| lit(0, 1), |(_, e)| e.clone())
    }
}
