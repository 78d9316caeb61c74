//! Memories of operands, chains, and what their sums are to the rows.

use super::PeParams;
use super::array::{A_BITS, B_BITS, SUM_BITS, pe_chain, pe_skew};
use super::held::held;
use crate::glue::delays;
use crate::rtl::{Clock, Expr, Instance, ModuleBuilder, RtlError, cat, one, repeat};

impl PeParams {
    /// Cycles from a beat's acceptance to its sum: a register, the chain, and where there are two chains their sum.
    pub(super) const fn sum_stage(&self) -> u32 {
        1 + self.chain().latency() + self.chains() - 1
    }
}

/// Memories, chains, and the sums of a beat, one a row.
pub(super) fn chains(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    loads: &Instance,
    half: &Expr,
    addr: &Expr,
    beat: &Expr,
) -> Result<Vec<Expr>, RtlError> {
    let chain = p.chain();
    let lanes = chain.lanes;
    m.comment("Each two lanes read their codes when the chain takes them.");
    let late = delays(m, clk, "addr", addr, chain.skew(lanes - 1));
    let groups = (0..p.macs() / 2).map(|g| &late[chain.skew(2 * g % lanes) as usize]);
    let addrs = cat(groups.collect::<Vec<_>>().into_iter().rev());
    let addrs = m.wire("addrs", addrs);
    let beat = m.delay("beat", clk, None, beat);
    let skew = pe_skew(&chain)?;
    let mut skewed = Vec::new();
    for c in 0..p.chains() {
        let operands: Vec<Expr> = (0..lanes)
            .map(|k| {
                let byte = beat.element(c * lanes + k, 8);
                let sign = beat.bit(8 * (c * lanes + k) + 7);
                cat([&repeat(B_BITS - 8, sign), &byte])
            })
            .collect();
        let b = m.wire(&format!("operands{c}"), cat(operands.iter().rev()));
        let inputs = [("b", &b), ("bias", &one())];
        skewed.push(m.instance(&format!("u_skew{c}"), &skew, clk, &inputs));
    }
    let wr_addr = m.wire("codes_addr", cat([half, &loads.get("addr")]));
    let held = held(p)?;
    let module = pe_chain(&chain)?;
    let mut partials = Vec::new();
    for pair in 0..p.pairs() {
        let here = loads.get("we") & loads.get("pair").is(pair.into());
        let here = m.wire(&format!("load{pair}"), here);
        let low_we = m.wire(&format!("load_low{pair}"), &here & !loads.get("upper"));
        let codes = m.instance(
            &format!("u_held{pair}"),
            &held,
            clk,
            &[
                ("low_we", &low_we),
                ("high_we", &here),
                ("wr_addr", &wr_addr),
                ("low", &loads.get("low")),
                ("high", &loads.get("high")),
                ("addr", &addrs),
            ],
        );
        let a = codes.get("a");
        let width = A_BITS * lanes;
        let mut sums: [Vec<Expr>; 2] = [Vec::new(), Vec::new()];
        for c in 0..p.chains() {
            let name = format!("u_chain{pair}_{c}");
            let skewed = &skewed[c as usize];
            let sum = m.instance(
                &name,
                &module,
                clk,
                &[
                    ("a", &a.element(c, width)),
                    ("b", &skewed.get("b_skewed")),
                    ("bias", &skewed.get("bias_skewed")),
                ],
            );
            let sum = sum.get("sum");
            let low = cat([&!sum.bit(18), &sum.bits(17, 0)]).signed();
            sums[0].push(m.wire(&format!("low{pair}_{c}"), low));
            let high = sum.bits(37, 19).signed();
            sums[1].push(m.wire(&format!("high{pair}_{c}"), high));
            m.unused(sum.bits(SUM_BITS - 1, 38));
        }
        for (side, parts) in ["low", "high"].into_iter().zip(sums) {
            let bits = p.partial_bits();
            partials.push(match parts.as_slice() {
                [one] => one.clone(),
                parts => {
                    let sum = parts[0].extend(bits) + parts[1].extend(bits);
                    m.delay(&format!("{side}{pair}"), clk, None, sum)
                }
            });
        }
    }
    for spare in partials.drain(p.rows as usize..).collect::<Vec<_>>() {
        m.unused(spare.unsigned());
    }
    Ok(partials)
}
