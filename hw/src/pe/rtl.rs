//! The unit: control, and the walk over the packet's vectors.

use std::sync::Arc;

use super::PeParams;
use super::dots::dots;
use super::parts::{loader, results};
use super::row::{PRODUCT_STAGE, row};
use super::walk::{beat_bits, walk};
use crate::glue::{ceil_shift, delays, valids};
use crate::isa::Cause;
use crate::rtl::{
    Expr, Module, RtlError, all, any, bits_for, cat, clog2, lit, mux, one, uint, zero,
};
use crate::scratchpad::{COUNT_BITS, ReaderPort, WriterPort};
use crate::unit::{StickyFault, instruction_register, operand};

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
    let fault = StickyFault::outputs(
        &mut m,
        "2 OPERAND, 3 STREAM_SHORT",
        "the operand, or the vector at which beats ended",
    );
    let w = m.sink_last("w", uint(p.bus_bits), "packets of vectors");
    let rd = ReaderPort::new(&mut m, "rd", word);
    let wr = WriterPort::new(&mut m, word);

    m.section("Instruction");
    let shift = p.macs().trailing_zeros();
    let (rw, aw) = (clog2(p.rows.into()), clog2(p.act_beats().into()));
    let (bw, xw) = (beat_bits(p), clog2(p.axpy_beats().into()));
    let state = m.reg_init("state", uint(3), IDLE);
    m.note(&state, "0 idle, 1 check, 2 load, 3 run, 4 drain");
    let faulted = fault.flag(&mut m);
    m.assign(&op.ready, state.is(IDLE) & !&faulted);
    let accept = m.wire("accept", op.fire());
    let fields = [
        // The opcodes of pedot and peaxpy differ in this bit alone.
        ("axpy", 0, 0),
        ("flags", 11, 8),
        operand("", 0),
        operand("src", 1),
        operand("n", 2),
        operand("len", 3),
        operand("dst_stride", 4),
        operand("src_stride", 5),
    ];
    let [axpy, flags, first_dst, src, n, len, dst_stride, src_stride] =
        instruction_register(&mut m, &clk, &accept, &op.data, fields);
    m.note(&flags, "rows minus one");
    let dst = m.reg("dst", uint(32));
    m.note(&dst, "word of the next results");
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
            &[
                ("start", &start),
                ("base", &src),
                ("stride", &src_stride),
                ("row_end", &row_end),
                ("words", &src_words),
                ("beats", &src_beats),
            ],
            rd.inputs().as_slice(),
        ]
        .concat(),
    );
    rd.drive(&mut m, &load);

    m.section("Walk over beats and vectors");
    let lw = lanes.trailing_zeros();
    let running = m.wire("running", state.is(RUN) & !&faulted);
    let draining = m.wire("draining", state.is(DRAIN));
    let beats = m.wire("beats", len.bits(bw + shift, shift));
    let w_last = w.last.clone().unwrap_or_else(zero);
    let word_written = m.wire_decl("word_written", uint(1));
    let walk = m.instance(
        "u_walk",
        &walk(p)?,
        &clk,
        &[
            ("start", &start),
            ("running", &running),
            ("draining", &draining),
            ("axpy", &axpy),
            ("n", &n),
            ("len", &beats),
            ("w_valid", &w.valid),
            ("w_last", &w_last),
            ("word_written", &word_written),
        ],
    );
    m.assign(&w.ready, walk.get("w_ready"));
    let (beat, vector) = (walk.get("beat"), walk.get("vector"));
    let (take, vector_end) = (walk.get("take"), walk.get("vector_end"));
    let (finish, ended) = (walk.get("finish"), walk.get("ended"));

    m.section("Tags that follow the beat");
    let sum_at = p.sum_stage();
    let (product_at, s) = (PRODUCT_STAGE as usize, sum_at as usize);
    let valid = valids(&mut m, &clk, "valid", &take, sum_at + 2);
    let first_beat = m.wire("first_beat", beat.is(0));
    let first_vector = m.wire("first_vector", vector.is(0));
    let first_beats = delays(&mut m, &clk, "first_beat", &first_beat, sum_at);
    let first_vectors = delays(&mut m, &clk, "first_vector", &first_vector, PRODUCT_STAGE);
    let ends = delays(&mut m, &clk, "vector_end", &vector_end, sum_at + 1);
    let word_ends = delays(&mut m, &clk, "word_end", &walk.get("word_end"), sum_at + 2);
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

    m.section("Dot products to words");
    let store = m.wire("store", &valid[s + 1] & &ends[s + 1]);
    let keep = m.wire("keep", &valid[s + 2] & &word_ends[s + 2]);
    let gather = dots(p)?;
    let words: Vec<Expr> = rows
        .iter()
        .enumerate()
        .map(|(r, row)| {
            let inputs = [
                ("dot", &row.get("dot").unsigned()),
                ("store", &store),
                ("lane", &lane[s + 1]),
                ("keep", &keep),
            ];
            let gathered = m.instance(&format!("u_dots{r}"), &gather, &clk, &inputs);
            gathered.get("word")
        })
        .collect();
    let words = m.wire("dot_words", cat(words.iter().rev()));

    m.section("Results");
    let settled = m.wire("settled", !any(&valid[1..=product_at]));
    let drained = m.reg("drained", uint(1));
    m.note(&drained, "the accumulators have been handed over");
    let drain = all([&draining, &axpy, &!&drained, &settled]);
    let drain = m.wire("drain", drain);
    let write = m.wire("write", &keep | &drain);
    let len_low = len.bits(bits_for(p.max_axpy.into()) - 1, 0);
    let axpy_words = ceil_shift(&mut m, "axpy_words", &len_low, lw, COUNT_BITS);
    let dst_words = m.wire("dst_words", mux(&axpy, &axpy_words, lit(1, COUNT_BITS)));
    let accs: Vec<Expr> = rows.iter().map(|r| r.get("acc")).collect();
    let accs = m.wire("accs", cat(accs.iter().rev()));
    let beat_end = walk.get("beat_end");
    if bw > xw {
        m.comment("A vector of peaxpy is shorter than the longest of pedot.");
        m.unused(beat_end.bits(bw - 1, xw));
    }
    let beat_end = beat_end.resize(xw.min(bw)).extend(xw);
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
            ("beat_end", &beat_end),
            ("dots", &words),
            ("accs", &accs),
            ("wr_ready", &wr.ready),
        ],
    );
    m.assign(&drain_addr, out.get("acc_addr"));
    wr.drive(&mut m, &out);

    m.section("Control");
    let out_done = out.get("done");
    let written = m.reg("written", uint(1));
    let dots_done = m.wire("dots_done", !&axpy & !walk.get("word_busy"));
    m.assign(&word_written, &out_done);
    let over_all = all([&draining, &ended, &(&written | &dots_done)]);
    let retire = m.wire("retire", over_all);
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&done_q, &retire);
        b.when(&accept, |b| {
            b.set(&state, lit(CHECK, 3));
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
            b.set(&dst, &first_dst);
        })
        .elif(&out_done, |b| {
            b.set(&dst, dst.plus(1));
        });
        b.set(&drained, (&drained | &drain) & !&start);
        b.set(&written, (&written | (&drained & &out_done)) & !&start);
    });
    m.assign(&done, &done_q);

    m.section("Faults: the first is kept, and nothing more is taken");
    let refused = m.wire("refused", &checking & &bad);
    let raise = m.wire("raise", &refused | walk.get("short"));
    let count = flags.extend(32).plus(1);
    let operand = mux(&bad_rows, count, mux(&bad_len, &len, &n));
    let code = |c: Cause| lit(c.code().into(), 8);
    let cause = mux(&refused, code(Cause::Operand), code(Cause::StreamShort));
    let cause = m.delay("cause", &clk, Some(&raise), cause);
    let info = mux(&refused, operand, &vector);
    let info = m.delay("info", &clk, Some(&raise), info);
    fault.raise(&mut m, &clk, (&faulted, &raise), (&cause, &info));
    m.finish()
}
