//! Sums to the scratchpad.

use std::sync::Arc;

use super::TlmmParams;
use super::acts::MORE_BITS;
use crate::glue::{FifoParams, sync_fifo};
use crate::rtl::{Expr, MemStyle, Module, RtlError, bits_for, cat, clog2, lit, mux, uint};
use crate::scratchpad::ADDR_BITS;

/// Ports: `clk`, `rst`; pulse `start` while idle, with `dst`, `dst_stride`, `more` stable until `done`; `in_valid`, `in_data`
/// (Q B sums as the core gives them), `in_last`; `hold` as that of the core, whose row tiles come up to `latency`
/// after it; write port; pulse `done`.
pub(super) fn results(p: &TlmmParams, latency: u32) -> Result<Arc<Module>, RtlError> {
    let (q, l, batch) = (p.rows, p.lanes, p.batch);
    let a = p.core_params().acc_bits();
    // A line of each vector: whole words and whole row tiles.
    let line = q.max(l);
    let (parts, words) = (line / q, line / l);
    let depth = u64::from(2 * latency + 8).next_power_of_two();
    let mut m = Module::new("tlmm_results").doc(format!(
        "Sums of row tiles to i32 vectors: {parts} row tiles make {words} words of each of {batch} vectors.\n\
         Words of all vectors are written side by side; {depth} row tiles wait at most."
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while idle");
    let dst = m.input("dst", uint(ADDR_BITS), "first word of vector 0; stable");
    let dst_stride = m.input(
        "dst_stride",
        uint(ADDR_BITS),
        "from vector to vector; stable",
    );
    let more = m.input("more", uint(MORE_BITS), "vectors minus one; stable");
    let in_valid = m.input("in_valid", uint(1), "a row tile");
    let in_data = m.input("in_data", uint(a * q * batch), "its sums, vector 0 low");
    let in_last = m.input("in_last", uint(1), "last of the instruction");
    let hold = m.output("hold", uint(1), "no more row tiles, but those on their way");
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "word");
    let wr_data = m.output("wr_data", uint(32 * l), "");
    let done = m.output("done", uint(1), "pulse: all sums are visible");

    m.section("Row tiles wait");
    let entry = m.wire("entry", cat([&in_last, &in_data]));
    let pop = m.wire_decl("pop", uint(1));
    let waiting = m.instance(
        "u_waiting",
        &sync_fifo(&FifoParams {
            width: a * q * batch + 1,
            depth,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &in_valid),
            ("in_data", &entry),
            ("out_ready", &pop),
        ],
    );
    m.unused(waiting.get("in_ready"));
    m.assert(
        "row_tile_has_room",
        &clk,
        !&in_valid | waiting.get("in_ready"),
    );
    let level = waiting.get("level");
    // One comes before the register of `hold` has seen it.
    let limit = depth - u64::from(latency) - 3;
    let held = m.delay("held", &clk, None, level.ge(lit(limit, level.width())));
    m.assign(&hold, &held);
    let head = waiting.get("out_data");
    let head_last = head.bit(a * q * batch);

    m.section("Lines: row tiles until the words of all vectors are whole; rows that miss are 0");
    let full = m.reg_init("full", uint(1), 0);
    let full_last = m.reg("full_last", uint(1));
    let out_valid = m.reg_init("out_valid", uint(1), 0);
    let out_last = m.reg("out_last", uint(1));
    let written = m.wire_decl("written", uint(1));
    let moves = m.wire("moves", &full & (!&out_valid | &written));
    let popped = m.wire("popped", waiting.get("out_valid") & (!&full | &moves));
    m.assign(&pop, !&full | &moves);
    let pw = clog2(parts.into());
    let part = m.reg_init("part", uint(pw), 0);
    let complete = m.wire("complete", &head_last | part.is(u64::from(parts) - 1));
    let gathered: Vec<Expr> = (0..parts)
        .map(|j| m.reg(&format!("row_tile{j}"), uint(a * q * batch)))
        .collect();
    let out: Vec<Expr> = (0..parts)
        .map(|j| {
            m.delay(
                &format!("line{j}"),
                &clk,
                Some(&moves),
                &gathered[j as usize],
            )
        })
        .collect();
    m.clocked(&clk, |b| {
        for (j, row) in (0..).zip(&gathered) {
            let mine = b.when(&popped & part.is(j), |b| {
                b.set(row, head.bits(a * q * batch - 1, 0));
            });
            if j > 0 {
                mine.elif(&popped & part.is(0), |b| {
                    b.set(row, lit(0, 1).extend(a * q * batch));
                });
            }
        }
        b.when(&popped, |b| {
            b.set(&part, mux(&complete, lit(0, pw), part.plus(1)));
            b.set(&full_last, &head_last);
        });
        b.set(&full, (&popped & &complete) | (&full & !&moves));
        b.set(&out_valid, &moves | (&out_valid & !&written));
        b.when(&moves, |b| {
            b.set(&out_last, &full_last);
        });
    });

    m.section("Words: those of all vectors at one place, then the next place");
    let vector = m.reg("vector", uint(MORE_BITS));
    let ww = clog2(words.into());
    let word = m.reg("word", uint(ww));
    let row_addr = m.reg("row_addr", uint(ADDR_BITS));
    m.note(&row_addr, "of vector 0");
    let addr = m.reg("addr", uint(ADDR_BITS));
    let accept = m.wire("accept", &out_valid & &wr_ready);
    let last_vector = m.wire("last_vector", vector.eq(&more));
    let last_word = m.wire("last_word", word.is(u64::from(words) - 1));
    m.assign(&written, &accept & &last_vector & &last_word);
    let next_row = m.wire("next_row", row_addr.plus(1));
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&row_addr, &dst);
            b.set(&addr, &dst);
            b.set(&vector, lit(0, MORE_BITS));
            b.set(&word, lit(0, ww));
        })
        .elif(&accept, |b| {
            b.when(&last_vector, |b| {
                b.set(&row_addr, &next_row);
                b.set(&addr, &next_row);
                b.set(&vector, lit(0, MORE_BITS));
                b.set(&word, mux(&last_word, lit(0, ww), word.plus(1)));
            })
            .otherwise(|b| {
                b.set(&addr, &addr + &dst_stride);
                b.set(&vector, vector.plus(1));
            });
        });
        b.set(&done_q, &written & &out_last);
    });
    let sum = |v: u32, w: u32| -> Expr {
        let lanes: Vec<Expr> = (0..l)
            .map(|i| {
                let row = w * l + i;
                let at = v * q + row % q;
                out[(row / q) as usize].element(at, a)
            })
            .collect();
        cat(lanes.iter().rev())
    };
    let vb = bits_for(u64::from(batch) - 1).max(1);
    let place = m.wire("place", cat([&word, &vector.bits(vb - 1, 0)]));
    let arms: Vec<(u64, Expr)> = (0..words)
        .flat_map(|w| (0..batch).map(move |v| (w, v)))
        .map(|(w, v)| (u64::from(w) << vb | u64::from(v), sum(v, w)))
        .collect();
    let chosen = m.case("chosen", &place, arms, sum(0, 0));
    m.assign(&wr_valid, &out_valid);
    m.assign(&wr_addr, &addr);
    let lanes: Vec<Expr> = (0..l)
        .map(|i| {
            let sum = m.wire(&format!("sum{i}"), chosen.element(i, a).signed());
            sum.extend(32).unsigned()
        })
        .collect();
    m.assign(&wr_data, cat(lanes.iter().rev()));
    m.assign(&done, &done_q);
    m.finish()
}
