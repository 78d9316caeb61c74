//! The unit: control, and the walk over the packet's vectors.

use std::sync::Arc;

use super::PeParams;
use super::parts::{loader, results};
use super::row::{PRODUCT_STAGE, row};
use crate::glue::{ceil_shift, delays, valids};
use crate::isa::{Cause, Op};
use crate::rtl::{
    Expr, Module, ModuleBuilder, RtlError, all, any, bits_for, cat, clog2, lit, mux, one, uint,
    zero,
};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS};

/// States of the control.
const IDLE: u64 = 0;
const CHECK: u64 = 1;
const LOAD: u64 = 2;
const RUN: u64 = 3;
const DRAIN: u64 = 4;

impl PeParams {
    /// Rules of the parameters, those that are broken in words.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut rule = |ok: bool, text: String| {
            if !ok {
                faults.push(text);
            }
        };
        let (m, r) = (self.macs(), self.rows);
        rule((1..=16).contains(&r), format!("R = {r} is not in 1..=16"));
        for (name, len) in [("max_len", self.max_len), ("max_axpy", self.max_axpy)] {
            rule(
                len >= 2 * m && len.is_multiple_of(m) && len <= 1 << 16,
                format!("{name} = {len} is not a multiple of M = {m} in 2 M..=65536"),
            );
        }
        rule(
            self.max_count > 0 && self.max_count <= 1 << 16,
            format!("max_count = {} is not in 1..=65536", self.max_count),
        );
        faults
    }
}

/// The unit. Ports: `clk`, `rst`, sink `op` (256 bits), `done`, `fault_valid`, `fault_cause`, `fault_info`, sink `w`
/// (W bits, last), read port `rd_req_*`, `rd_rsp_*`, write port `wr_*` of the scratchpad.
///
/// # Errors
/// Parameters out of range or that do not fit each other.
pub fn pe(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = "pe".into();
        return Err(RtlError { module, faults });
    }
    let mut m = Module::new("pe").doc(format!(
        "int8 multiply-accumulate array: {} lanes times {} rows, one beat of the packet a cycle.\n\
         pedot: dot products of each row's vector with the packet's vectors.\n\
         peaxpy: for each row the sum of the packet's vectors times the row's codes.",
        p.macs(),
        p.rows
    ));
    let (word, lanes) = (32 * p.lanes, p.lanes);
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink("op", uint(256), "instruction: opcode, flags, pc, f0..f6");
    let done = m.output(
        "done",
        uint(1),
        "pulse: instruction retired, results visible",
    );
    let fault_valid = m.output("fault_valid", uint(1), "held until reset");
    let fault_cause = m.output("fault_cause", uint(8), "2 OPERAND, 3 STREAM_SHORT");
    let fault_info = m.output(
        "fault_info",
        uint(32),
        "the operand, or the vector at which beats ended",
    );
    let w = m.sink_last("w", uint(p.bus_bits), "packets of vectors");
    let rd_valid = m.output("rd_req_valid", uint(1), "read port of the scratchpad");
    let rd_ready = m.input("rd_req_ready", uint(1), "");
    let rd_addr = m.output("rd_req_addr", uint(ADDR_BITS), "word");
    let rd_rsp_valid = m.input("rd_rsp_valid", uint(1), "2 cycles after the grant");
    let rd_rsp_data = m.input("rd_rsp_data", uint(word), "");
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "word");
    let wr_data = m.output("wr_data", uint(word), "");

    m.section("Instruction");
    let shift = p.macs().trailing_zeros();
    let (rw, aw) = (clog2(p.rows.into()), clog2(p.act_beats().into()));
    let (bw, xw) = (
        clog2((p.max_len / p.macs()).into()),
        clog2(p.axpy_beats().into()),
    );
    let state = m.reg_init("state", uint(3), IDLE);
    m.note(&state, "0 idle, 1 check, 2 load, 3 run, 4 drain");
    let axpy = m.reg("axpy", uint(1));
    let flags = m.reg("flags", uint(4));
    m.note(&flags, "rows minus one");
    let names = ["dst", "src", "n", "len", "dst_stride", "src_stride"];
    let [dst, src, n, len, dst_stride, src_stride] = names.map(|name| m.reg(name, uint(32)));
    m.unused(op.data.bits(31, 12));
    m.unused(op.data.bits(255, 224));
    let faulted = m.reg_init("faulted", uint(1), 0);
    m.assign(&op.ready, state.is(IDLE) & !&faulted);
    let accept = m.wire("accept", op.fire());
    let over = |x: &Expr, max: u32| x.gt(lit(max.into(), 32));
    let bad_rows = m.wire(
        "bad_rows",
        flags.extend(5).gt(lit(u64::from(p.rows) - 1, 5)),
    );
    let too_long = mux(&axpy, over(&len, p.max_axpy), over(&len, p.max_len));
    let ragged = len.bits(shift - 1, 0).reduce_or();
    let bad_len = m.wire("bad_len", any([&len.is(0), &too_long, &ragged]));
    let bad_n = m.wire("bad_n", n.is(0) | (&axpy & over(&n, p.max_count)));
    let checking = m.wire("checking", state.is(CHECK) & !&faulted);
    let bad = m.wire("bad", any([&bad_rows, &bad_len, &bad_n]));
    let start = m.wire("starting", &checking & !&bad);
    let row_end = m.wire("row_end", flags.resize(rw));

    m.section("Activations");
    let cb = bits_for(p.max_len.max(p.max_count).into());
    let codes = m.wire("codes", mux(&axpy, n.bits(cb - 1, 0), len.bits(cb - 1, 0)));
    let src_words = ceil_shift(
        &mut m,
        "src_words",
        &codes,
        (4 * lanes).trailing_zeros(),
        COUNT_BITS,
    );
    let src_beats = ceil_shift(&mut m, "src_beats", &codes, shift, aw + 1);
    let load = m.instance(
        "u_load",
        &loader(p)?,
        &clk,
        &[
            ("start", &start),
            ("base", &src),
            ("stride", &src_stride),
            ("row_end", &row_end),
            ("words", &src_words),
            ("beats", &src_beats),
            ("req_ready", &rd_ready),
            ("rsp_valid", &rd_rsp_valid),
            ("rsp_data", &rd_rsp_data),
        ],
    );
    m.assign(&rd_valid, load.get("req_valid"));
    m.assign(&rd_addr, load.get("req_addr"));

    m.section("Walk over beats and vectors");
    let beat = m.reg("beat", uint(bw));
    let vector = m.reg("vector", uint(32));
    let group_busy = m.reg_init("group_busy", uint(1), 0);
    m.note(
        &group_busy,
        "a word of dot products is on its way to the scratchpad",
    );
    let ended = m.reg("ended", uint(1));
    let beats = m.wire("beats", len.bits(bw + shift, shift));
    let beat_end = m.wire("beat_end", beats.minus(1));
    m.unused(beat_end.bit(bw));
    let vector_end = m.wire("vector_end", beat.eq(beat_end.bits(bw - 1, 0)));
    let lw = lanes.trailing_zeros();
    let last_vector = m.wire("last_vector", vector.plus(1).eq(&n));
    let lane_full = m.wire("lane_full", vector.bits(lw - 1, 0).reduce_and());
    let group_end = all([&vector_end, &(&lane_full | &last_vector), &!&axpy]);
    let group_end = m.wire("group_end", group_end);
    let running = m.wire("running", state.is(RUN) & !&faulted);
    let may_take = m.wire("may_take", &running & !(&group_end & &group_busy));
    let drop = m.wire("drop", state.is(DRAIN) & !&ended);
    m.assign(&w.ready, &may_take | &drop);
    let w_last = w.last.clone().unwrap_or_else(zero);
    let take = m.wire("take", &may_take & &w.valid);
    let finish = m.wire("finish", all([&take, &vector_end, &last_vector]));
    let short = m.wire("short", all([&take, &w_last, &!&finish]));

    m.section("Tags that follow the beat");
    let sum_at = p.sum_stage();
    let (product_at, s) = (PRODUCT_STAGE as usize, sum_at as usize);
    let valid = valids(&mut m, &clk, "valid", &take, sum_at + 2);
    let first_beat = m.wire("first_beat", beat.is(0));
    let first_vector = m.wire("first_vector", vector.is(0));
    let first_beats = delays(&mut m, &clk, "first_beat", &first_beat, sum_at);
    let first_vectors = delays(&mut m, &clk, "first_vector", &first_vector, PRODUCT_STAGE);
    let ends = delays(&mut m, &clk, "vector_end", &vector_end, sum_at + 1);
    let group_ends = delays(&mut m, &clk, "group_end", &group_end, sum_at + 2);
    let lane = delays(&mut m, &clk, "lane", &vector.bits(lw - 1, 0), sum_at + 1);
    let acc_at = delays(
        &mut m,
        &clk,
        "acc_at",
        &beat.bits(xw.min(bw) - 1, 0).extend(xw),
        PRODUCT_STAGE,
    );
    let code_at = m.delay("code_at", &clk, None, vector.bits(shift - 1, 0));
    let beat_1 = m.delay("beat_1", &clk, None, &w.data);

    m.section("Rows");
    let act_addr = mux(&axpy, vector.bits(shift + aw - 1, shift), beat.resize(aw));
    let act_addr = m.wire("act_addr", act_addr);
    let add = m.wire("add", &valid[product_at] & &axpy);
    let drain_addr = m.wire_decl("drain_addr", uint(xw));
    let acc_addr = m.wire("acc_addr", mux(&add, &acc_at[product_at], &drain_addr));
    let rows: Vec<_> = {
        let module = row(p)?;
        (0..p.rows)
            .map(|r| {
                let here = load.get("load_row").is(r.into());
                let load_here = m.wire(&format!("load{r}"), load.get("load") & here);
                let used = match r {
                    0 => one(),
                    _ => row_end.ge(lit(r.into(), rw)),
                };
                let active = m.wire(&format!("active{r}"), used);
                m.instance(
                    &format!("u_row{r}"),
                    &module,
                    &clk,
                    &[
                        ("load", &load_here),
                        ("load_addr", &load.get("load_addr")),
                        ("load_data", &load.get("load_data")),
                        ("act_addr", &act_addr),
                        ("beat", &beat_1),
                        ("axpy", &axpy),
                        ("code_at", &code_at),
                        ("active", &active),
                        ("add", &add),
                        ("add_first", &first_vectors[product_at]),
                        ("acc_addr", &acc_addr),
                        ("sum_valid", &valid[s]),
                        ("sum_first", &first_beats[s]),
                    ],
                )
            })
            .collect()
    };

    m.section("Dot products to words: a word is kept while it is written and the next one fills");
    let store = m.wire("store", &valid[s + 1] & &ends[s + 1]);
    let dots: Vec<Expr> = rows.iter().map(|r| r.get("dot")).collect();
    let words = dot_words(&mut m, &clk, p, &dots, &store, &lane[s + 1]);
    let group = m.wire("group", &valid[s + 2] & &group_ends[s + 2]);
    let held = m.delay("held_words", &clk, Some(&group), &words);
    let wide: Vec<Expr> = (0..p.rows * lanes)
        .map(|i| {
            let dot = m.wire(&format!("held{i}"), held.element(i, p.dot_bits()).signed());
            dot.extend(32).unsigned()
        })
        .collect();
    let wide = m.wire("held_lanes", cat(wide.iter().rev()));

    m.section("Results");
    let settled = m.wire("settled", !any(&valid[1..=product_at]));
    let drained = m.reg("drained", uint(1));
    m.note(&drained, "the accumulators have been handed over");
    let drain = all([&state.is(DRAIN), &axpy, &!&drained, &settled]);
    let drain = m.wire("drain", drain);
    let write = m.wire("write", &group | &drain);
    let len_low = len.bits(bits_for(p.max_axpy.into()) - 1, 0);
    let axpy_words = ceil_shift(&mut m, "axpy_words", &len_low, lw, COUNT_BITS);
    let dst_words = m.wire("dst_words", mux(&axpy, &axpy_words, lit(1, COUNT_BITS)));
    let accs: Vec<Expr> = rows.iter().map(|r| r.get("acc")).collect();
    let accs = m.wire("accs", cat(accs.iter().rev()));
    let out = m.instance(
        "u_results",
        &results(p)?,
        &clk,
        &[
            ("start", &write),
            ("axpy", &axpy),
            ("base", &dst),
            ("stride", &dst_stride),
            ("row_end", &row_end),
            ("words", &dst_words),
            ("beat_end", &beat_end.bits(xw.min(bw) - 1, 0).extend(xw)),
            ("dots", &wide),
            ("accs", &accs),
            ("wr_ready", &wr_ready),
        ],
    );
    m.assign(&drain_addr, out.get("acc_addr"));
    m.assign(&wr_valid, out.get("wr_valid"));
    m.assign(&wr_addr, out.get("wr_addr"));
    m.assign(&wr_data, out.get("wr_data"));

    m.section("Control");
    let out_done = out.get("done");
    let written = m.reg("written", uint(1));
    let dots_done = m.wire("dots_done", !&axpy & !&group_busy);
    let over_all = all([&state.is(DRAIN), &ended, &(&written | &dots_done)]);
    let retire = m.wire("retire", over_all);
    let done_q = m.reg_init("done_q", uint(1), 0);
    let last_beat = m.wire("last_beat", (&finish | (&drop & &w.valid)) & &w_last);
    m.clocked(&clk, |b| {
        b.set(&done_q, &retire);
        b.when(&accept, |b| {
            b.set(&state, lit(CHECK, 3));
            b.set(&axpy, op.data.bits(7, 0).is(Op::Peaxpy as u64));
            b.set(&flags, op.data.bits(11, 8));
            for (field, reg) in [&src, &n, &len, &dst_stride, &src_stride]
                .iter()
                .enumerate()
            {
                b.set(reg, op.data.element(2 + field as u32, 32));
            }
        })
        .elif(&start, |b| {
            b.set(&state, lit(LOAD, 3));
        })
        .elif(load.get("done"), |b| {
            b.set(&state, lit(RUN, 3));
        })
        .elif(&finish, |b| {
            b.set(&state, lit(DRAIN, 3));
        })
        .elif(&retire, |b| {
            b.set(&state, lit(IDLE, 3));
        });
        b.when(&accept, |b| {
            b.set(&dst, op.data.element(1, 32));
        })
        .elif(&out_done, |b| {
            b.set(&dst, dst.plus(1));
        });
        b.when(&start, |b| {
            b.set(&beat, lit(0, bw));
            b.set(&vector, lit(0, 32));
        })
        .elif(&take, |b| {
            b.set(&beat, mux(&vector_end, lit(0, bw), beat.plus(1)));
            b.when(&vector_end, |b| {
                b.set(&vector, vector.plus(1));
            });
        });
        b.set(&ended, (&ended | &last_beat) & !&start);
        b.set(&drained, (&drained | &drain) & !&start);
        b.set(&written, (&written | (&drained & &out_done)) & !&start);
        let begun = &take & &group_end;
        b.set(&group_busy, begun | (&group_busy & !&out_done));
    });
    m.assign(&done, &done_q);

    m.section("Faults: the first is kept, and nothing more is taken");
    let cause = m.reg("cause", uint(8));
    let info = m.reg("info", uint(32));
    m.clocked(&clk, |b| {
        b.when(&checking & &bad, |b| {
            b.set(&faulted, one());
            b.set(&cause, lit(Cause::Operand.code().into(), 8));
            let count = flags.extend(32).plus(1);
            b.set(&info, mux(&bad_rows, count, mux(&bad_len, &len, &n)));
        })
        .elif(&short, |b| {
            b.set(&faulted, one());
            b.set(&cause, lit(Cause::StreamShort.code().into(), 8));
            b.set(&info, &vector);
        });
    });
    m.assign(&fault_valid, &faulted);
    m.assign(&fault_cause, &cause);
    m.assign(&fault_info, &info);
    m.finish()
}

/// Words of L dot products, one a row, filled lane by lane; lanes above the newest are 0.
fn dot_words(
    m: &mut ModuleBuilder,
    clk: &crate::rtl::Clock,
    p: &PeParams,
    dots: &[Expr],
    store: &Expr,
    lane: &Expr,
) -> Expr {
    let mut regs = Vec::new();
    for (r, dot) in dots.iter().enumerate() {
        for l in 0..p.lanes {
            let reg = m.reg(&format!("dot{r}_{l}"), uint(p.dot_bits()));
            let here = lane.is(l.into());
            m.clocked(clk, |b| {
                b.when(store & here, |b| {
                    b.set(&reg, dot.unsigned());
                });
                if l > 0 {
                    b.when(store & lane.is(0), |b| {
                        b.set(&reg, lit(0, p.dot_bits()));
                    });
                }
            });
            regs.push(reg);
        }
    }
    m.wire("dot_words", cat(regs.iter().rev()))
}
