//! The data path around the lookups: activations in, tables and accumulators, results out.

use std::sync::Arc;

use super::lookup::{ENTRY_BITS, entries, row, row_latency, table};
use super::{INDEX_BITS, TlmmParams};
use crate::glue::{End, FifoParams, GearboxParams, delays, gearbox, sync_fifo, valids};
use crate::rtl::{
    Expr, MemStyle, Module, RtlError, bits_for, cat, clog2, lit, mux, one, repeat, uint, zero,
};
use crate::scratchpad::{ADDR_BITS, CMD_BITS, vector_reader, vector_writer};

/// Results that may be on their way from the lookups to the writer: covers the pipeline at one word a cycle.
pub(super) const RESULTS: u64 = 16;

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u32 = 64;

/// Ports: `clk`, `rst`, `cmd_valid`, `cmd_data`, `k`, read port, source `out` (8 T G bits, last).
pub(super) fn activations(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let (word, bytes) = (32 * p.lanes, 4 * p.lanes);
    let mut m = Module::new("tlmm_acts").doc(format!(
        "Activations of an instruction as K tiles of {} codes; places past K are 0.",
        p.tile_k()
    ));
    let clk = m.clock_reset("clk", "rst");
    let cmd_valid = m.input("cmd_valid", uint(1), "pulse while idle");
    let cmd_data = m.input("cmd_data", uint(CMD_BITS), "base word, count of words");
    let shift = bytes.trailing_zeros();
    let kb = bits_for(p.max_k.into()).max(shift);
    let k = m.input("k", uint(kb), "activations; stable");
    let req_valid = m.output("req_valid", uint(1), "read port of the scratchpad");
    let req_ready = m.input("req_ready", uint(1), "");
    let req_addr = m.output("req_addr", uint(ADDR_BITS), "word");
    let rsp_valid = m.input("rsp_valid", uint(1), "");
    let rsp_data = m.input("rsp_data", uint(word), "");
    let out = m.source_last("out", uint(8 * p.tile_k()), "K tiles");

    m.section("Words, the codes past K as 0");
    let tail = m.wire("tail", k.bits(shift - 1, 0));
    m.note(&tail, "codes in the last word, 0: all");
    let words_ready = m.wire_decl("words_ready", uint(1));
    let reader = m.instance(
        "u_reader",
        &vector_reader(word)?,
        &clk,
        &[
            ("cmd_valid", &cmd_valid),
            ("cmd_data", &cmd_data),
            ("out_ready", &words_ready),
            ("req_ready", &req_ready),
            ("rsp_valid", &rsp_valid),
            ("rsp_data", &rsp_data),
        ],
    );
    m.unused(reader.get("cmd_ready"));
    m.assign(&req_valid, reader.get("req_valid"));
    m.assign(&req_addr, reader.get("req_addr"));
    let (acts, last) = (reader.get("out_data"), reader.get("out_last"));
    let partial = m.wire("partial", &last & tail.ne(lit(0, shift)));
    let masked: Vec<Expr> = (0..bytes)
        .map(|i| {
            let past = match i + 1 {
                end if end == bytes => partial.clone(),
                end => &partial & tail.lt(lit(end.into(), shift)),
            };
            repeat(8, !past) & acts.element(i, 8)
        })
        .collect();
    let masked = m.wire("masked", cat(masked.iter().rev()));

    m.section(
        "K tiles; the last word may reach beyond the last tile: what is left of it is dropped",
    );
    let tile_k = p.tile_k();
    let width = kb.max(bits_for(tile_k.into()));
    let left = m.reg("left", uint(width));
    m.note(&left, "activations not yet handed on");
    let dropping = m.reg_init("dropping", uint(1), 0);
    let tile_ready = m.wire("tile_ready", &out.ready | &dropping);
    let tiles = m.instance(
        "u_tiles",
        &gearbox(&GearboxParams {
            in_width: word,
            out_width: 8 * tile_k,
            end: End::Pad,
        })?,
        &clk,
        &[
            ("in_valid", &reader.get("out_valid")),
            ("in_data", &masked),
            ("in_last", &last),
            ("out_ready", &tile_ready),
        ],
    );
    m.assign(&words_ready, tiles.get("in_ready"));
    let (tile_valid, words_end) = (tiles.get("out_valid"), tiles.get("out_last"));
    m.assign(&out.valid, &tile_valid & !&dropping);
    m.assign(&out.data, tiles.get("out_data"));
    let final_tile = m.wire("final_tile", left.le(lit(tile_k.into(), width)));
    if let Some(l) = &out.last {
        m.assign(l, &final_tile);
    }
    let handed = m.wire("handed", out.fire());
    let dropped = m.wire("dropped", &dropping & &tile_valid & &words_end);
    m.clocked(&clk, |b| {
        b.when(&cmd_valid, |b| {
            b.set(&left, k.extend(width));
        })
        .elif(&handed, |b| {
            b.set(&left, left.minus(tile_k.into()));
        });
        b.when(&handed & &final_tile & !&words_end, |b| {
            b.set(&dropping, one());
        })
        .elif(&dropped, |b| {
            b.set(&dropping, zero());
        });
    });
    m.finish()
}

/// Ports: `clk`, `rst`, `load`, `acts`; `take`, `codes`, `row`, `row_last`, `tile_first`, `tile_last`, `single`;
/// `out_valid`, `out_data` (Q accumulators), `out_last`.
pub(super) fn array(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let lat = row_latency(p.groups);
    let (a, l) = (p.acc_bits(), lat as usize);
    let mut m = Module::new("tlmm_array").doc(format!(
        "Tables, lookups and accumulators: {} rows of {} lookups a cycle, {a}-bit sums of {} row tiles.\n\
         A sum leaves {} cycles behind its last weight word.",
        p.rows,
        p.groups,
        p.max_row_tiles,
        lat + 1
    ));
    let clk = m.clock_reset("clk", "rst");
    let load = m.input(
        "load",
        uint(1),
        "tables are made of `acts` for the words from the next cycle on",
    );
    let acts = m.input("acts", uint(8 * p.tile_k()), "K tile");
    let take = m.input("take", uint(1), "weight word in this cycle");
    let codes = m.input("codes", uint(p.word_bits()), "its codes");
    let row_at = m.input("row", uint(clog2(p.max_row_tiles.into())), "its row tile");
    let row_last = m.input("row_last", uint(1), "final row tile");
    let tile_first = m.input("tile_first", uint(1), "sums begin from 0");
    let tile_last = m.input("tile_last", uint(1), "sums are complete");
    let single = m.input("single", uint(1), "there is one row tile; stable");
    let out_valid = m.output("out_valid", uint(1), "complete sums");
    let out_data = m.output("out_data", uint(a * p.rows), "Q sums");
    let out_last = m.output("out_last", uint(1), "final row tile");

    m.section("Tables");
    let group_bits = 8 * p.format.group();
    let table = table(p.format)?;
    let next: Vec<Expr> = (0..p.groups)
        .map(|t| {
            let acts = acts.element(t, group_bits);
            let name = format!("u_table{t}");
            m.instance(&name, &table, &clk, &[("acts", &acts)])
                .get("entries")
        })
        .collect();
    let tables = m.reg("tables", uint(p.groups * entries(p.format) * ENTRY_BITS));
    m.clocked(&clk, |b| {
        b.when(&load, |b| {
            b.set(&tables, cat(next.iter().rev()));
        });
    });

    m.section("Lookups");
    let lookup = row(p)?;
    let sums: Vec<Expr> = (0..p.rows)
        .map(|q| {
            let codes = codes.element(q, INDEX_BITS * p.groups);
            let name = format!("u_row{q}");
            let inputs = [("codes", &codes), ("tables", &tables)];
            m.instance(&name, &lookup, &clk, &inputs).get("sum")
        })
        .collect();
    let valid = valids(&mut m, &clk, "valid", &take, lat + 1);
    let rows = delays(&mut m, &clk, "row", &row_at, lat);
    let first = delays(&mut m, &clk, "first", &tile_first, lat);
    let last = delays(&mut m, &clk, "last", &tile_last, lat + 1);
    let final_row = delays(&mut m, &clk, "final", &row_last, lat + 1);

    m.section("Accumulators: read, add, write back");
    let style = match p.max_row_tiles {
        ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
        _ => MemStyle::Block,
    };
    let mem = m.ram(
        "sums",
        a * p.rows,
        p.max_row_tiles.into(),
        style,
        "Q sums of each row tile",
    );
    let old = m.read_sync("old", &mem, &clk, &valid[l - 1], &rows[l - 1]);
    m.comment(
        "With one row tile the memory would be read too early: the newest sum is taken instead.",
    );
    let newest = m.reg("newest", uint(a * p.rows));
    let base = m.wire("base", mux(&single, &newest, &old));
    let totals: Vec<Expr> = (0..p.rows)
        .map(|q| {
            let kept = repeat(a, !&first[l]) & base.element(q, a);
            let kept = m.wire(&format!("kept{q}"), kept);
            let term = sums[q as usize].resize(a);
            m.wire(&format!("total{q}"), kept.signed() + term)
                .unsigned()
        })
        .collect();
    let total = m.wire("total", cat(totals.iter().rev()));
    m.write(&mem, &clk, &valid[l], &rows[l], &total, None);
    m.clocked(&clk, |b| {
        b.when(&valid[l], |b| {
            b.set(&newest, &total);
        });
    });
    m.assign(&out_valid, &valid[l + 1] & &last[l + 1]);
    m.assign(&out_data, &newest);
    m.assign(&out_last, &final_row[l + 1]);
    m.finish()
}

/// Ports: `clk`, `rst`, `cmd_valid`, `cmd_data`, `in_valid`, `in_data`, `in_last`, `popped`, write port, `done`.
pub(super) fn results(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let (word, a) = (32 * p.lanes, p.acc_bits());
    let mut m = Module::new("tlmm_results").doc(format!(
        "Complete sums to i32 vectors in the scratchpad; holds {RESULTS} tiles of sums."
    ));
    let clk = m.clock_reset("clk", "rst");
    let cmd_valid = m.input("cmd_valid", uint(1), "pulse while idle");
    let cmd_data = m.input("cmd_data", uint(CMD_BITS), "base word, count of words");
    let in_valid = m.input("in_valid", uint(1), "Q sums; the sender keeps room");
    let in_data = m.input("in_data", uint(a * p.rows), "");
    let in_last = m.input("in_last", uint(1), "last of the instruction");
    let popped = m.output("popped", uint(1), "a place became free");
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "word");
    let wr_data = m.output("wr_data", uint(word), "");
    let done = m.output("done", uint(1), "pulse: all results are visible");

    let entry = m.wire("entry", cat([&in_last, &in_data]));
    let taken = m.wire_decl("taken", uint(1));
    let waiting = m.instance(
        "u_waiting",
        &sync_fifo(&FifoParams {
            width: a * p.rows + 1,
            depth: RESULTS,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &in_valid),
            ("in_data", &entry),
            ("out_ready", &taken),
        ],
    );
    m.unused(waiting.get("level"));
    m.unused(waiting.get("in_ready"));
    m.assert(
        "result_has_room",
        &clk,
        !&in_valid | waiting.get("in_ready"),
    );
    let head = waiting.get("out_data");
    let lanes: Vec<Expr> = (0..p.rows)
        .map(|q| {
            let sum = m.wire(&format!("sum{q}"), head.element(q, a).signed());
            sum.extend(32).unsigned()
        })
        .collect();
    let lanes = m.wire("lanes", cat(lanes.iter().rev()));
    let words_ready = m.wire_decl("words_ready", uint(1));
    let packed = m.instance(
        "u_words",
        &gearbox(&GearboxParams {
            in_width: 32 * p.rows,
            out_width: word,
            end: End::Pad,
        })?,
        &clk,
        &[
            ("in_valid", &waiting.get("out_valid")),
            ("in_data", &lanes),
            ("in_last", &head.bit(a * p.rows)),
            ("out_ready", &words_ready),
        ],
    );
    m.assign(&taken, packed.get("in_ready"));
    m.assign(&popped, waiting.get("out_valid") & &taken);
    m.unused(packed.get("out_last"));
    let writer = m.instance(
        "u_writer",
        &vector_writer(word)?,
        &clk,
        &[
            ("cmd_valid", &cmd_valid),
            ("cmd_data", &cmd_data),
            ("in_valid", &packed.get("out_valid")),
            ("in_data", &packed.get("out_data")),
            ("wr_ready", &wr_ready),
        ],
    );
    m.unused(writer.get("cmd_ready"));
    m.assign(&words_ready, writer.get("in_ready"));
    m.assign(&wr_valid, writer.get("wr_valid"));
    m.assign(&wr_addr, writer.get("wr_addr"));
    m.assign(&wr_data, writer.get("wr_data"));
    m.assign(&done, writer.get("done"));
    m.finish()
}
