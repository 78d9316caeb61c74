//! Eight groups of one vector: activations, table builders, look-ups, and their place in the chain of sums.

use std::sync::Arc;

use super::CoreParams;
use super::lookup::{ENTRY_BITS, adder, builder, lanes, quad};
use crate::rtl::{Expr, MemStyle, Module, RtlError, cat, uint};
use crate::vendor::Simd;

/// Groups of a stage.
pub(super) const STAGE_GROUPS: u32 = 8;

/// What steers one half of a stage: enable, address of the activation memory, restart, subtract, double.
pub(super) const STEER_BITS: u32 = 4;

/// Where a stage stands in its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// No stage before it.
    pub first: bool,
    /// Its sums leave the cascade.
    pub to_fabric: bool,
}

/// Ports: `clk`; `act_we`, `act_addr`, `act_data` (8 activations); for each half h of four groups, half 1 one cycle later:
/// `write<h>`, `codes<h>` (4 Q codes, row outermost), `addr<h>`, `steer<h>` (enable, restart, subtract, double, from bit 0);
/// `pcin<k>` unless it is first in its chain, and `sum<k>` for each pair of rows: the cascade, or to fabric.
pub(super) fn stage(p: &CoreParams, at: Place) -> Result<Arc<Module>, RtlError> {
    let name = match (at.first, at.to_fabric) {
        (false, false) => "tlmm_stage",
        (true, false) => "tlmm_stage_first",
        (false, true) => "tlmm_stage_last",
        (true, true) => "tlmm_stage_only",
    };
    let mut m = Module::new(name).doc(format!(
        "Eight groups of one vector times {} rows, in two halves of four groups; half 1 comes one cycle\n\
         behind half 0. The sums join the chain of DSP48E2 (two lanes of 24 bits each) 5 cycles behind half 0.",
        p.rows
    ));
    let (rows, addr_bits) = (p.rows, p.act_addr_bits());
    let clk = m.clock("clk");
    let act_we = m.input("act_we", uint(1), "write of the activation memory");
    let act_addr = m.input("act_addr", uint(addr_bits), "half, word");
    let act_data = m.input("act_data", uint(8 * STAGE_GROUPS), "element of each group");
    let halves: Vec<[Expr; 4]> = (0..2)
        .map(|h| {
            [
                m.input(&format!("write{h}"), uint(1), "write the tables"),
                m.input(&format!("codes{h}"), uint(20 * rows), "codes, row by row"),
                m.input(
                    &format!("addr{h}"),
                    uint(addr_bits),
                    "activation of the walk",
                ),
                m.input(
                    &format!("steer{h}"),
                    uint(STEER_BITS),
                    "enable, restart, subtract, double",
                ),
            ]
        })
        .collect();
    let before: Option<Vec<Expr>> = (!at.first).then(|| {
        (0..rows / 2)
            .map(|k| m.input(&format!("pcin{k}"), uint(48), "sums of the stages before"))
            .collect()
    });
    let after: Vec<Expr> = (0..rows / 2)
        .map(|k| m.output(&format!("sum{k}"), uint(48), "with this stage's"))
        .collect();

    m.section("Tables: an activation of each group a step");
    let walker = builder()?;
    let mut entries = Vec::new();
    for (h, [_, _, addr, steer]) in halves.iter().enumerate() {
        let mem = m.ram(
            &format!("acts{h}"),
            32,
            1 << addr_bits,
            MemStyle::Block,
            "activations of four groups",
        );
        let data = act_data.bits(32 * h as u32 + 31, 32 * h as u32);
        m.write(&mem, &clk, &act_we, &act_addr, &data, None);
        let enable = steer.bit(0);
        let act = m.read_sync(&format!("act{h}"), &mem, &clk, &enable, addr);
        let (restart, subtract, double) = (steer.bit(1), steer.bit(2), steer.bit(3));
        let inputs = [
            ("enable", &enable),
            ("acts", &act),
            ("restart", &restart),
            ("subtract", &subtract),
            ("double", &double),
        ];
        let u = m.instance(&format!("u_builder{h}"), &walker, &clk, &inputs);
        entries.push(u.get("entries"));
    }

    m.section("Look-ups and sums");
    let block = quad()?;
    for r in 0..rows / 4 {
        let sums: Vec<Expr> = (0..2)
            .map(|q| {
                let side = |h: usize| {
                    let codes: Vec<Expr> = (0..2)
                        .flat_map(|g| (0..4).map(move |row| (g, row)))
                        .map(|(g, row)| halves[h][1].element((4 * r + row) * 4 + 2 * q + g, 5))
                        .collect();
                    let at = 2 * q * ENTRY_BITS;
                    let entries = entries[h].bits(at + 2 * ENTRY_BITS - 1, at);
                    (cat(codes.iter().rev()), entries)
                };
                let ((codes0, entries0), (codes1, entries1)) = (side(0), side(1));
                let inputs = [
                    ("write0", &halves[0][0]),
                    ("codes0", &codes0),
                    ("entries0", &entries0),
                    ("write1", &halves[1][0]),
                    ("codes1", &codes1),
                    ("entries1", &entries1),
                ];
                m.instance(&format!("u_quad{r}_{q}"), &block, &clk, &inputs)
                    .get("sums")
            })
            .collect();
        for pair in 0..2 {
            let k = (2 * r + pair) as usize;
            let terms: Vec<Expr> = (0..2)
                .map(|q| {
                    let two: Vec<Expr> =
                        (0..2).map(|l| sums[q].element(2 * pair + l, 12)).collect();
                    lanes(&mut m, &format!("rows{k}_{q}"), &two, Simd::Two24)
                })
                .collect();
            let pcin = before.as_ref().map(|b| &b[k]);
            let name = format!("u_chain{k}");
            let (p, pcout) = adder(
                &mut m,
                &name,
                &clk.clk,
                Simd::Two24,
                (&terms[0], &terms[1]),
                pcin,
            );
            let (used, unused) = if at.to_fabric { (p, pcout) } else { (pcout, p) };
            m.unused(unused);
            m.assign(&after[k], used);
        }
    }
    m.finish()
}
