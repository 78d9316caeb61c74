//! `vec_max` and `vec_sum`: the reductions that ride along.

use std::sync::Arc;

use super::SUM_SLOTS;
use crate::num::{ADD_LATENCY, fp_add};
use crate::rtl::{Expr, MemStyle, Module, RtlError, cat, clog2, lit, mux, one, repeat, uint, zero};

/// Bits of the counter of combining cycles.
pub(super) const STEP_BITS: u32 = 6;

/// Name of a module for so many lanes.
pub(super) fn named(name: &str, lanes: u32) -> String {
    format!("{name}_l{lanes}")
}

/// The greatest result, or the greatest magnitude.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_max(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(named("vec_max", lanes)).doc(format!(
        "Greatest of the numbers of all beats and live lanes since clear, or their greatest magnitude.\n\
         After the stream, combine shifts the lanes together: {} cycles to the result.",
        lanes - 1
    ));
    let clk = m.clock("clk");
    let clear = m.input("clear", uint(1), "begin");
    let absolute = m.input("absolute", uint(1), "of magnitudes; stands still");
    let beat = m.input("beat", uint(1), "y is valid");
    let live = m.input("live", uint(lanes), "lanes that count");
    let y = m.input("y", uint(32 * lanes), "fp32 results, canonical");
    let combine = m.input("combine", uint(1), "join the lanes; no beat comes any more");
    let result = m.output("result", uint(32), "fp32");

    m.section("Keys: unsigned numbers in the order of the floats");
    m.comment("8388608 is the key of the most negative number, 2147483648 that of zero.");
    let start = m.wire(
        "start",
        mux(&absolute, lit(1 << 31, 32), lit(0x0080_0000, 32)),
    );
    let best: Vec<Expr> = (0..lanes)
        .map(|l| m.reg(&format!("best_{l}"), uint(32)))
        .collect();
    for l in 0..lanes {
        let float = m.wire(&format!("y_{l}"), y.element(l, 32));
        let sign = m.wire(&format!("sign_{l}"), float.bit(31) & !&absolute);
        let own = cat([&!&sign, &(float.bits(30, 0) ^ repeat(31, &sign))]);
        let next = best
            .get(l as usize + 1)
            .cloned()
            .unwrap_or_else(|| lit(0, 32));
        let best_l = &best[l as usize];
        if l == 0 {
            let offered = m.wire("offered", mux(&combine, &next, own));
            let better = m.wire("better_0", best_l.lt(&offered));
            m.clocked(&clk, |b| {
                b.when(&clear, |b| {
                    b.set(best_l, &start);
                })
                .elif(&better & (&combine | (&beat & live.bit(0))), |b| {
                    b.set(best_l, &offered);
                });
            });
        } else {
            let own = m.wire(&format!("key_{l}"), own);
            let better = m.wire(&format!("better_{l}"), best_l.lt(&own));
            m.clocked(&clk, |b| {
                b.when(&clear, |b| {
                    b.set(best_l, &start);
                })
                .elif(&combine, |b| {
                    b.set(best_l, &next);
                })
                .elif(better & &beat & live.bit(l), |b| {
                    b.set(best_l, &own);
                });
            });
        }
    }
    let top = &best[0];
    let positive = top.bit(31);
    m.assign(
        &result,
        cat([&!&positive, &(top.bits(30, 0) ^ repeat(31, !&positive))]),
    );
    m.finish()
}

/// Enabled cycles from reading a partial sum until the new one can be read: operand registers, adder, memory.
pub(super) const SUM_LOOP: u32 = 1 + ADD_LATENCY + 1;
// A slot comes round again no earlier than its sum is back.
const _: () = assert!(SUM_LOOP <= SUM_SLOTS as u32);

/// One addition of the combining tree: what is read in which cycle.
struct Step {
    cycle: u32,
    a: u32,
    b: u32,
    /// 0: slots are joined; k: lanes l and l + L / 2^k.
    level: u32,
}

/// The additions in their order and the cycle in which the sum can be read.
fn schedule(lanes: u32) -> (Vec<Step>, u32) {
    let mut steps = Vec::new();
    let mut ready = [0u32; SUM_SLOTS];
    let mut cycle = 0;
    let mut half = SUM_SLOTS as u32 / 2;
    let mut push = |cycle: &mut u32, a: u32, b: u32, level: u32| {
        *cycle = (*cycle).max(ready[a as usize]).max(ready[b as usize]);
        steps.push(Step {
            cycle: *cycle,
            a,
            b,
            level,
        });
        ready[a as usize] = *cycle + SUM_LOOP;
        *cycle += 1;
        ready[0]
    };
    let mut end = 0;
    while half > 0 {
        for slot in 0..half {
            end = push(&mut cycle, slot, slot + half, 0);
        }
        half /= 2;
    }
    for level in 1..=lanes.trailing_zeros() {
        end = push(&mut cycle, 0, 0, level);
    }
    (steps, end)
}

/// Value of the combining counter with which `sum` of [`vec_sum`] is right.
pub(super) fn sum_cycles(lanes: u32) -> u32 {
    schedule(lanes).1 + 1
}

/// Sums in the pinned order.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_sum(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let (steps, end) = schedule(lanes);
    let slot_bits = clog2(SUM_SLOTS as u64);
    let width = 32 * lanes;
    let mut m = Module::new(named("vec_sum", lanes)).doc(format!(
        "Sum of the terms of all beats and live lanes since clear: word w is added to partial sum w mod {SUM_SLOTS}\n\
         of its lane; after the stream combine counts step up, the partial sums are joined by halves, then\n\
         the lanes. The sum stands from step {} on.",
        end + 1
    ));
    let clk = m.clock_reset("clk", "rst");
    let en = m.input("en", uint(1), "clock enable");
    let clear = m.input("clear", uint(1), "begin; no beat in this cycle");
    let beat = m.input("beat", uint(1), "terms are valid");
    let live = m.input("live", uint(lanes), "lanes that count");
    let terms = m.input("terms", uint(width), "fp32");
    let combine = m.input("combine", uint(1), "join; no beat comes any more");
    let step = m.input("step", uint(STEP_BITS), "cycles since combine began");
    let sum = m.output("sum", uint(32), "fp32");

    m.section("What is added: terms as they come, then the tree, a table of the cycles that add");
    let levels = lanes.trailing_zeros();
    let level_bits = clog2(u64::from(levels) + 1);
    let row = |s: &Step| {
        let fields = [
            lit(s.level.into(), level_bits),
            lit(s.b.into(), slot_bits),
            lit(s.a.into(), slot_bits),
            one(),
        ];
        (u64::from(s.cycle), cat(&fields))
    };
    let row_bits = level_bits + 2 * slot_bits + 1;
    let plan = m.case("plan", &step, steps.iter().map(row), lit(0, row_bits));
    let slot = m.reg("slot", uint(slot_bits));
    m.note(&slot, "partial sums of the next beat");
    let filled = m.reg("filled", uint(SUM_SLOTS as u32));
    m.note(&filled, "partial sums that exist; the others read as 0");
    let from_a = m.wire("from_a", mux(&combine, plan.bits(slot_bits, 1), &slot));
    let from_b = m.wire("from_b", plan.bits(2 * slot_bits, slot_bits + 1));
    let level = m.wire("level", plan.bits(row_bits - 1, 2 * slot_bits + 1));
    let start = m.wire("start", mux(&combine, plan.bit(0), &beat));
    let mask = (0..SUM_SLOTS as u64).map(|k| slot.is(k)).rev();
    let mask: Vec<Expr> = mask.collect();
    let mask = m.wire("slot_mask", cat(&mask));
    m.clocked(&clk, |b| {
        b.when(&clear, |b| {
            b.set(&slot, lit(0, slot_bits));
            b.set(&filled, lit(0, SUM_SLOTS as u32));
        })
        .elif(&en & &beat, |b| {
            b.set(&slot, slot.plus(1));
            b.set(&filled, &filled | &mask);
        });
    });

    m.section("Partial sums, all lanes in one word");
    let mem = m.ram(
        "partial",
        width,
        SUM_SLOTS as u64,
        MemStyle::Distributed,
        "",
    );
    let word_a = m.read_async(&mem, &from_a) & repeat(width, filled.part(&from_a, 1));
    let word_b = m.read_async(&mem, &from_b) & repeat(width, filled.part(&from_b, 1));
    let word_a = m.wire("word_a", word_a);
    let word_b = m.wire("word_b", word_b);
    let mut tags = vec![(start, from_a)];
    for k in 1..SUM_LOOP {
        let before = tags.last().cloned();
        let (valid, place) = before.unwrap_or((zero(), lit(0, slot_bits)));
        let started = m.reg_init(&format!("start_{k}"), uint(1), 0);
        m.clocked(&clk, |b| {
            b.when(&en, |b| {
                b.set(&started, &valid);
            });
        });
        let place = m.delay(&format!("place_{k}"), &clk, Some(&en), place);
        tags.push((started, place));
    }

    m.section("Adders");
    let add = fp_add()?;
    let mut sums = Vec::new();
    for l in 0..lanes {
        let term = terms.element(l, 32) & repeat(32, live.bit(l));
        let joined = (1..=levels).filter_map(|k| {
            let partner = l + (lanes >> k);
            (l < lanes >> k).then(|| (u64::from(k), word_a.element(partner, 32)))
        });
        let joined: Vec<_> = joined.collect();
        let own_b = word_b.element(l, 32);
        let partner = match joined.is_empty() {
            true => own_b,
            false => m.case(&format!("partner_{l}"), &level, joined, own_b),
        };
        let a = m.delay(&format!("a_{l}"), &clk, Some(&en), word_a.element(l, 32));
        let b = m.delay(
            &format!("b_{l}"),
            &clk,
            Some(&en),
            mux(&combine, partner, term),
        );
        let adder = m.instance(
            &format!("u_add_{l}"),
            &add,
            &clk,
            &[("en", &en), ("a", &a), ("b", &b)],
        );
        sums.push(adder.get("y"));
    }
    let total = m.wire("sums", cat(sums.iter().rev()));
    if let Some((valid, place)) = tags.last() {
        m.write(&mem, &clk, valid & &en, place, &total, None);
    }
    let sum_q = m.delay("sum_q", &clk, Some(&combine), word_a.bits(31, 0));
    m.assign(&sum, &sum_q);
    m.finish()
}
