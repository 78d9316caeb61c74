//! The order of things: which step of the walk, which weight word.

use std::sync::Arc;

use super::walk::{Step, walk};
use super::words::{IDLE, words};
use super::{Code, CoreParams, stage::STEER_BITS};
use crate::rtl::{Module, RtlError, bits_for, cat, clog2, lit, uint, zero};

/// Cycles from the step of the walk that reads an activation to its sum: memory, operand register, sum.
const BUILD: u64 = 3;

/// Steps of the walk before its first sum is a table entry, and from there to its end.
fn lead_and_slots(steps: &[Step]) -> (u64, u64) {
    let lead = steps.iter().position(|s| s.code.is_some()).unwrap_or(0) as u64;
    (lead, steps.len() as u64 - lead)
}

/// Cycles in which the tables of a K tile are written.
pub(super) fn fill_slots(code: Code) -> u64 {
    lead_and_slots(&walk(code)).1
}

/// Cycles from the start of a product to the first table entry.
pub(super) fn first_fill(code: Code) -> u64 {
    lead_and_slots(&walk(code)).0 + BUILD
}

/// Ports: `clk`, `rst`; `start`, `act_half`, `act_tiles`, `k_tiles`, `row_tiles`, `hold`, `w_valid`, `w_ready` as those of
/// the core; `fill`, `fill_code` in the slot itself, and one cycle later `addr`, `steer`, `take`, `row`, `first`, `last`, `final_row`.
pub(super) fn sequence(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let steps = walk(p.code);
    let (_, slots) = lead_and_slots(&steps);
    // Steps of the walk that run before its first sum must be written, the builder's own registers included.
    let primed_at = first_fill(p.code);
    let mut m = Module::new("tlmm_sequence").doc(format!(
        "Tables and weight words in turn. A table is full, so that it is read or written: {slots} cycles for a K tile\n\
         in which no word is taken. The walk's way to its first sum and the builder's registers hide behind\n\
         the words of the K tile before."
    ));
    let rw = clog2(p.max_row_tiles.into());
    let kw = p.tile_bits();
    let aw = p.act_addr_bits();
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while not busy");
    let act_half = m.input("act_half", uint(1), "half of the activation memory");
    let act_tiles = m.input("act_tiles", uint(kw + 1), "K tiles of it that are written");
    let k_tiles = m.input("k_tiles", uint(kw), "K tiles minus one");
    let row_tiles = m.input("row_tiles", uint(rw), "row tiles minus one");
    let hold = m.input("hold", uint(1), "no word of the last K tile");
    let w_valid = m.input("w_valid", uint(1), "weight word");
    let w_ready = m.output("w_ready", uint(1), "");
    let fill = m.output("fill", uint(1), "write the tables in this slot");
    let fill_code = m.output("fill_code", uint(5), "at this code");
    let addr = m.output("addr", uint(aw), "activation of the walk");
    let steer = m.output(
        "steer",
        uint(STEER_BITS),
        "enable, restart, subtract, double",
    );
    let take = m.output("take", uint(1), "weight word in this slot");
    let row = m.output("row", uint(rw), "row tiles that come after it");
    let first = m.output("first", uint(1), "of the first K tile");
    let last = m.output("last", uint(1), "of the last K tile");
    let final_row = m.output("final_row", uint(1), "the last row tile");

    m.section("Weight words. Comparisons are registered: what they compare has long been stable when it counts");
    let words = words(&mut m, &clk, p, &k_tiles, &hold, &w_valid);
    m.assign(&w_ready, &words.may_take);

    m.section("Walk: one K tile ahead of the words");
    let end = primed_at + slots;
    let count_bits = bits_for(end);
    let count = m.reg_init("count", uint(count_bits), 0);
    m.note(&count, "steps of the walk that were begun");
    let build = m.reg("build", uint(kw));
    m.note(&build, "K tile of the walk");
    let build_last = m.delay("build_last", &clk, None, build.eq(&k_tiles));
    let built = m.reg("built", uint(1));
    m.note(&built, "the last K tile's tables are made");
    let there = m.reg_init("there", uint(1), 0);
    m.note(&there, "its activations are written");
    let primed = m.wire("primed", count.ge(lit(primed_at, count_bits)));
    let filling = m.wire("filling", words.filling());
    let ahead = m.wire(
        "ahead",
        words.state.ne(lit(IDLE, 2)) & !&primed & !&built & &there,
    );
    let enable = m.wire("enable", &filling | &ahead);
    let fill_end = m.wire("fill_end", &filling & count.is(end - 1));
    let step = |at: u64, shift: u64| -> Option<Step> {
        let k = at.checked_sub(shift)?;
        steps.get(k as usize).copied()
    };
    let element = m.case(
        "element",
        &count,
        (0..end).filter_map(|c| step(c, 0).map(|s| (c, lit(s.element.into(), 2)))),
        lit(0, 2),
    );
    m.note(&element, "of the step that begins");
    let operation = m.case(
        "operation",
        &count,
        (0..end).filter_map(|c| {
            let s = step(c, 1)?;
            let bits = u64::from(c == 1) | u64::from(s.subtract) << 1 | u64::from(s.double) << 2;
            Some((c, lit(bits, 3)))
        }),
        lit(0, 3),
    );
    m.note(
        &operation,
        "restart, subtract, double: of the step before, whose activation is read",
    );
    let code = m.case(
        "code",
        &count,
        (primed_at..end).filter_map(|c| {
            let code = step(c, BUILD)?.code?;
            Some((c, lit(code | 1 << 5, 6)))
        }),
        lit(0, 6),
    );
    m.note(&code, "write, code: of the step whose sum is there");

    m.section("Control");
    m.clocked(&clk, |b| {
        words.advance(b, &start, &primed, &fill_end);
        words.count_rows(b, &filling, &row_tiles);
        b.when(&start, |b| {
            b.set(&build, lit(0, kw));
            b.set(&built, zero());
        })
        .elif(&fill_end, |b| {
            b.set(&build, build.plus(1));
            b.set(&built, &build_last);
        });
        b.when(&start | &fill_end, |b| {
            b.set(&count, lit(0, count_bits));
            b.set(&there, zero());
        })
        .otherwise(|b| {
            b.set(&there, act_tiles.gt(build.extend(kw + 1)));
            b.when(&enable, |b| {
                b.set(&count, count.plus(1));
            });
        });
    });

    m.section("To the look-ups");
    let word = m.wire("word", cat([&act_half, &build, &element]));
    let steer_now = m.wire("steer_now", cat([&operation, &enable]));
    m.assign(&fill, &filling & code.bit(5));
    m.assign(&fill_code, code.bits(4, 0));
    for (port, name, value) in [(&addr, "addr_q", word), (&steer, "steer_q", steer_now)] {
        let reg = m.delay(name, &clk, None, value);
        m.assign(port, reg);
    }
    words.leave(&mut m, &clk, &take, [&row, &first, &last, &final_row]);
    m.finish()
}
