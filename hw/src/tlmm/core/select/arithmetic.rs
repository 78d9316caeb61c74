//! What stands between the walk and the accumulators: activations in use, rows, adders.

use super::super::control::{self, Arithmetic, Now};
use super::{CoreParams, SelectCore, Technology, chain, compress};
use crate::rtl::{
    Clock, Expr, Instance, ModuleBuilder, RtlError, bits_for, cat, lit, repeat, zero,
};

impl Arithmetic for SelectCore {
    fn params(&self) -> &CoreParams {
        &self.params
    }

    fn technology(&self) -> Technology {
        self.technology
    }

    fn stages(&self) -> u32 {
        SelectCore::stages(self)
    }

    fn row_latency(&self) -> u32 {
        SelectCore::row_latency(self)
    }

    /// The activation of a product of stage s is loaded with `loads[s]`.
    fn tile(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        loads: &[Expr],
        acts: &Expr,
    ) -> Result<Expr, RtlError> {
        let (t, b) = (self.params.groups, self.params.batch);
        let mut parts = vec![zero(); (t * b) as usize];
        for (s, load) in loads.iter().enumerate() {
            let groups: Vec<u32> = (0..t)
                .filter(|&g| self.stage_of_group(g) == s as u32)
                .collect();
            if groups.is_empty() {
                continue;
            }
            let places: Vec<u32> = (0..b)
                .flat_map(|v| groups.iter().map(move |g| v * t + g))
                .collect();
            let now: Vec<Expr> = places.iter().map(|&at| acts.element(at, 8)).collect();
            let reg = m.delay(&format!("tile_{s}"), clk, Some(load), cat(now.iter().rev()));
            for (i, &at) in (0..).zip(&places) {
                parts[at as usize] = reg.element(i, 8);
            }
        }
        Ok(m.wire("tile", cat(parts.iter().rev())))
    }

    fn totals(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        now: &Now<'_>,
    ) -> Result<Vec<Expr>, RtlError> {
        let p = &self.params;
        if self.technology == Technology::Asic {
            let base = begin(m, self, clk, now);
            let (row, accumulate) = (compress::row(self)?, compress::accumulate(self)?);
            let terms = |made: &Instance, v: u32| {
                let bits = compress::part_bits(p.groups);
                let parts = made.get("parts").element(v, bits);
                [("base", base.clone()), ("parts", parts)]
            };
            let modules = (&row, "acts", &accumulate);
            return Ok(control::totals(m, clk, (p, now), modules, terms));
        }
        let (row, accumulate) = (chain::row(self)?, chain::accumulate(self)?);
        let terms = |made: &Instance, v: u32| {
            let sum = made.get("sums").element(v, chain::sum_bits(p.groups));
            [("sum", sum.signed()), ("plus", made.get("plus"))]
        };
        let modules = (&row, "acts", &accumulate);
        Ok(control::totals(m, clk, (p, now), modules, terms))
    }
}

/// What the accumulators of a carry-save core begin with: the first K tile takes off, for all of them, what
/// complemented sign bits add.
fn begin(m: &mut ModuleBuilder, c: &SelectCore, clk: &Clock, now: &Now<'_>) -> Expr {
    let a = c.params.acc_bits();
    let tile = 128 * u64::from(c.params.groups);
    let kb = now.k_tiles.width();
    let tiles = m.wire("tiles", now.k_tiles.extend(kb + 1) + lit(1, kb + 1));
    let width = kb + 1 + bits_for(tile);
    let excess = m.wire("excess", &tiles * lit(tile, bits_for(tile)));
    let low = if width >= a {
        excess.truncate(a)
    } else {
        excess.extend(a)
    };
    if width > a {
        m.unused(excess.bits(width - 1, a));
    }
    let less = m.delay("less", clk, Some(now.start), lit(0, a) - low);
    m.delay("base", clk, None, repeat(a, now.first) & &less)
}
