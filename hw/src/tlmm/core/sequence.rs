//! The order of things: which step of the walk, which weight word.
//!
//! Three logic levels between registers, each carry cell of four bits being one: counters go up from zero, so that nothing
//! stands between carry chain and register, and what a comparison finds is registered one count earlier.

use std::sync::Arc;

use super::walk::{Step, walk};
use super::{Code, CoreParams, stage::STEER_BITS};
use crate::rtl::{Expr, Module, RtlError, all, bits_for, cat, clog2, lit, mux, one, uint, zero};

/// States.
const IDLE: u64 = 0;
const WAIT: u64 = 1;
const FILL: u64 = 2;
const ROWS: u64 = 3;

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

/// x + 1 without a carry chain: bit i is that of x, flipped when all below it are 1.
fn increment(x: &Expr) -> Expr {
    let high = (1..x.width()).map(|i| x.bit(i) ^ x.bits(i - 1, 0).reduce_and());
    let bits: Vec<Expr> = std::iter::once(!x.bit(0)).chain(high).collect();
    cat(bits.iter().rev())
}

/// Ports: `clk`, `rst`; `start`, `act_half`, `act_tiles`, `k_tiles`, `row_tiles`, `hold`, `w_valid`, `w_ready`, `w_last` as those of
/// the core; `fill`, `fill_code` in the slot itself, and one cycle later `addr`, `steer`, `take`, `row`, `first`, `last`, `final_row`.
pub(super) fn sequence(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let steps = walk(p.code);
    let (lead, slots) = lead_and_slots(&steps);
    // Steps of the walk that run before its first sum must be written, the builder's own registers included.
    let primed_at = lead + BUILD;
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
    let w_last = m.output("w_last", uint(1), "it is the last");
    let fill = m.output("fill", uint(1), "write the tables in this slot");
    let fill_code = m.output("fill_code", uint(5), "at this code");
    let addr = m.output("addr", uint(aw), "activation of the walk");
    let steer = m.output(
        "steer",
        uint(STEER_BITS),
        "enable, restart, subtract, double",
    );
    let take = m.output("take", uint(1), "weight word in this slot");
    let row = m.output("row", uint(rw), "name of its row tile");
    let first = m.output("first", uint(1), "of the first K tile");
    let last = m.output("last", uint(1), "of the last K tile");
    let final_row = m.output("final_row", uint(1), "the last row tile");

    m.section("Weight words");
    let state = m.reg_init("state", uint(2), IDLE);
    m.note(&state, "0 idle, 1 wait for tables, 2 fill tables, 3 rows");
    let begun = m.reg("begun", uint(rw));
    m.note(&begun, "row tiles with this one; names the accumulators");
    let row_end = m.reg("row_end", uint(1));
    m.note(&row_end, "this one is the last");
    let first_tile = m.reg("first_tile", uint(1));
    m.note(&first_tile, "the words' K tile is the first");
    let last_tile = m.reg("last_tile", uint(1));
    m.note(&last_tile, "it is the last: all tables are made");
    let may_take = m.wire("may_take", state.is(ROWS) & !(&last_tile & &hold));
    let taken = m.wire("taken", &may_take & &w_valid);
    let tile_end = m.wire("tile_end", &taken & &row_end);
    m.assign(&w_ready, &may_take);
    m.assign(&w_last, &last_tile & &row_end);

    m.section("Walk: one K tile ahead of the words");
    let end = primed_at + slots;
    let count_bits = bits_for(end - 1);
    let count = m.reg("count", uint(count_bits));
    m.note(&count, "steps of the walk that were begun");
    let build = m.reg("build", uint(kw));
    m.note(&build, "K tile of the walk");
    m.comment("Registered: what is compared has long been stable when it counts.");
    let build_last = m.delay("build_last", &clk, None, build.eq(&k_tiles));
    let build_first = m.reg("build_first", uint(1));
    let there = m.reg("there", uint(1));
    m.note(&there, "its activations are written");
    let primed = m.reg("primed", uint(1));
    m.note(
        &primed,
        "the next step is the first one in which tables are written",
    );
    let full = m.reg("full", uint(1));
    m.note(&full, "the next step is the last one");
    let filling = m.wire("filling", state.is(FILL));
    let ahead = [&state.ne(lit(IDLE, 2)), &!&primed, &!&last_tile, &there];
    let ahead = m.wire("ahead", all(ahead));
    let enable = m.wire("enable", &filling | &ahead);
    let fill_end = m.wire("fill_end", &filling & &full);
    let restart = m.wire("restart", &start | &fill_end);
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
    let next_code = m.case(
        "next_code",
        &count,
        (primed_at - 1..end - 1).filter_map(|c| {
            let code = step(c + 1, BUILD)?.code?;
            Some((c, lit(code | 1 << 5, 6)))
        }),
        lit(0, 6),
    );
    let code = m.reg("code", uint(6));
    m.note(&code, "write, code: of the step whose sum is there");

    m.section("Control");
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&state, lit(WAIT, 2));
        })
        .elif(state.is(WAIT) & &primed, |b| {
            b.set(&state, lit(FILL, 2));
        })
        .elif(&fill_end, |b| {
            b.set(&state, lit(ROWS, 2));
        })
        .elif(&tile_end, |b| {
            b.set(
                &state,
                mux(
                    &last_tile,
                    lit(IDLE, 2),
                    mux(&primed, lit(FILL, 2), lit(WAIT, 2)),
                ),
            );
        });
        b.when(&filling & !&full, |b| {
            b.set(&begun, lit(0, rw));
        })
        .elif(&taken | &fill_end, |b| {
            b.set(&begun, increment(&begun));
        });
        b.when(&taken | &filling, |b| {
            b.set(&row_end, begun.eq(&row_tiles));
        });
        b.when(&start, |b| {
            b.set(&build, lit(0, kw));
            b.set(&build_first, one());
            b.set(&last_tile, zero());
        })
        .elif(&fill_end, |b| {
            b.set(&build, increment(&build));
            b.set(&build_first, zero());
            b.set(&first_tile, &build_first);
            b.set(&last_tile, &build_last);
        });
        b.when(&restart, |b| {
            b.set(&count, lit(0, count_bits));
            b.set(&code, lit(0, 6));
            for flag in [&primed, &full, &there] {
                b.set(flag, zero());
            }
        })
        .otherwise(|b| {
            b.set(&there, act_tiles.gt(build.extend(kw + 1)));
            b.when(&enable, |b| {
                b.set(&count, increment(&count));
                b.set(&code, &next_code);
                b.set(&primed, &primed | count.is(primed_at - 1));
                b.set(&full, count.is(end - 2));
            });
        });
    });

    m.section("To the look-ups");
    let word = m.wire("word", cat([&act_half, &build, &element]));
    let steer_now = m.wire("steer_now", cat([&operation, &enable]));
    m.assign(&fill, &filling & code.bit(5));
    m.assign(&fill_code, code.bits(4, 0));
    let take_q = m.reg_init("take_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&take_q, &taken);
    });
    m.assign(&take, &take_q);
    let delayed: Vec<(&Expr, &str, Expr)> = vec![
        (&addr, "addr_q", word),
        (&steer, "steer_q", steer_now),
        (&row, "row_q", begun.clone()),
        (&first, "first_q", first_tile.clone()),
        (&last, "last_q", last_tile.clone()),
        (&final_row, "final_row_q", row_end.clone()),
    ];
    for (port, name, value) in delayed {
        let reg = m.delay(name, &clk, None, value);
        m.assign(port, reg);
    }
    m.finish()
}
