//! Tables in registers: a half table of the signed sums of each group, made by adders when a K tile begins, read by
//! multiplexers, summed by a tree of adders. For any technology: nothing but operators and one kind of memory.
//!
//! Contract of [`RegisterCore::build`]: that of a core (`core`), for [`Code::G3`] and [`Code::Sherry`]. Beyond it:
//! * One weight word a cycle, also from one K tile to the next: the activations of the next one stand at the output of their
//!   memory, and its tables at the input of the registers. With fewer than [`RegisterCore::tile_cycles`] row tiles
//!   there are idle cycles between K tiles: an accumulator is written before it is read again.
//! * `w_ready` depends on `hold` and registers alone.
//!
//! When not to use it: registers and multiplexers of the tables are most of its cost, where distributed RAM has both in a
//! look-up table. It is for technologies without such RAM, and for comparison.
//!
//! | file | what |
//! |---|---|
//! | `table` | half table of a group |
//! | `row` | look-ups and sums of a row |

mod row;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::control::{self, Arithmetic, Now};
use super::select::levels;
use super::{Code, CoreParams, rules};
use crate::params::Technology;
use crate::rtl::{Clock, Expr, Instance, Module, ModuleBuilder, RtlError, cat};

/// Parameters of the core with tables in registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterCore {
    pub params: CoreParams,
    /// Chooses the memories; the arithmetic is the same for all.
    pub technology: Technology,
}

impl RegisterCore {
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
        if p.code == Code::TwoBit {
            faults.push(
                "tables hold groups of weights: the code is g3 or sherry, not two_bit".into(),
            );
        }
        for (name, value, high) in [
            ("groups T", p.groups, 128),
            ("rows Q", p.rows, 64),
            ("batch B", p.batch, 16),
            // Both halves of the activations fit a memory of 2^14 words.
            ("max_k_tiles", p.max_k_tiles, 1 << 13),
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
        rules::check("tlmm_register", self.faults())?;
        let p = &self.params;
        let m = Module::new("tlmm_register").doc(format!(
            "Ternary matrix core, tables in registers: {} groups of {} weights times {} rows times {} vectors a cycle.\n\
             k_tiles * row_tiles weight words a product, one a cycle; each K tile takes at least {} cycles.\n\
             Sums leave {} cycles behind the words of the last K tile, without back-pressure.",
            p.groups,
            p.group(),
            p.rows,
            p.batch,
            self.tile_cycles(),
            self.latency()
        ));
        control::core(m, self)
    }
}

impl Arithmetic for RegisterCore {
    fn params(&self) -> &CoreParams {
        &self.params
    }

    fn technology(&self) -> Technology {
        self.technology
    }

    /// Codes are registered, then looked up.
    fn stages(&self) -> u32 {
        2
    }

    fn row_latency(&self) -> u32 {
        2 + levels(self.params.groups)
    }

    /// Tables of all groups, those of vector 0 low.
    fn tile(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        loads: &[Expr],
        acts: &Expr,
    ) -> Result<Expr, RtlError> {
        let p = &self.params;
        let (group, lanes) = (p.group(), p.act_lanes);
        let table = table::table(p.code)?;
        let next: Vec<Expr> = (0..p.batch * p.groups)
            .map(|t| {
                let (block, lane) = (t / lanes, t % lanes);
                let of: Vec<Expr> = (0..group)
                    .map(|e| acts.element((block * group + e) * lanes + lane, 8))
                    .collect();
                let of = cat(of.iter().rev());
                let name = format!("u_table{t}");
                m.instance(&name, &table, clk, &[("acts", &of)])
                    .get("entries")
            })
            .collect();
        Ok(m.delay("tables", clk, Some(&loads[1]), cat(next.iter().rev())))
    }

    fn totals(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        now: &Now<'_>,
    ) -> Result<Vec<Expr>, RtlError> {
        let p = &self.params;
        let (row, accumulate) = (row::row(p)?, row::accumulate(p)?);
        m.unused(now.first);
        let terms = |made: &Instance, v: u32| {
            let sum = made.get("sums").element(v, row::sum_bits(p.groups));
            [("sum", sum.signed()), ("plus", made.get("plus"))]
        };
        let modules = (&row, "tables", &accumulate);
        Ok(control::totals(m, clk, (p, now), modules, terms))
    }
}
