//! The unit: one instruction loads its activations while another one computes.

use std::sync::Arc;

use super::TlmmParams;
use super::acts::{MORE_BITS, activations};
use super::operands::operands;
use super::results::results;
use super::unpack::unpack;
use crate::control::OP_BITS;
use crate::isa::Cause;
use crate::rtl::{Module, RtlError, all, bits_for, clog2, lit, mux, one, uint, zero};
use crate::scratchpad::{RANGE_BITS, ReaderPort, WriterPort, overlap};
use crate::unit::{StickyFault, instruction_register, operand};

/// The unit. Ports: `clk`, `rst`, sink `op` (256 bits), `done`, `fault_valid`, `fault_cause`, `fault_info`, sink `w`
/// (W bits, last), read port `rd_req_*`, `rd_rsp_*`, write port `wr_*` of the scratchpad.
///
/// # Errors
/// Parameters out of range or that do not fit each other.
pub fn tlmm(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let broken = p.broken();
    if !broken.is_empty() {
        let module = "tlmm".into();
        let faults = broken.iter().map(ToString::to_string).collect();
        return Err(RtlError { module, faults });
    }
    let arithmetic = p.core();
    let core = arithmetic.build()?;
    let mut m = Module::new("tlmm").doc(format!(
        "Ternary matrix engine: {} weights of {} rows times {} activation vectors a cycle.\n\
         While one instruction computes, the next one's activations are fetched.",
        p.tile_k(),
        p.rows,
        p.batch
    ));
    let (word, rw) = (32 * p.lanes, clog2(p.max_row_tiles.into()));
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink(
        "op",
        uint(OP_BITS),
        "instruction: opcode, flags, pc, f0..f6",
    );
    let done = m.output(
        "done",
        uint(1),
        "pulse: instruction retired, results visible",
    );
    let fault = StickyFault::outputs(
        &mut m,
        "2 OPERAND, 3 STREAM_SHORT",
        "the operand, or the weight words that there were",
    );
    let w = m.sink_last("w", uint(p.bus_bits), "weight packets");
    let rd = ReaderPort::new(&mut m, "rd", word);
    let wr = WriterPort::new(&mut m, word);
    let faulted = fault.flag(&mut m);

    m.section("The instruction that loads");
    let loader = m.reg_init("loader", uint(1), 0);
    m.note(&loader, "there is one");
    m.assign(&op.ready, !&loader & !&faulted);
    let accept = m.wire("accept", op.fire());
    let [dst, src, k, nt, more, dst_stride, src_stride] = instruction_register(
        &mut m,
        &clk,
        &accept,
        &op.data,
        [
            operand("dst", 0),
            operand("src", 1),
            operand("k", 2),
            operand("nt", 3),
            operand("more", 4),
            operand("dst_stride", 5),
            operand("src_stride", 6),
        ],
    );
    let fresh = m.reg_init("fresh", uint(1), 0);
    let ops = m.instance(
        "u_operands",
        &operands(p)?,
        &clk,
        &[
            ("start", &fresh),
            ("dst", &dst),
            ("src", &src),
            ("k", &k),
            ("nt", &nt),
            ("more", &more),
            ("dst_stride", &dst_stride),
            ("src_stride", &src_stride),
        ],
    );
    let known = m.wire("known", all([&loader, &!&fresh, &ops.get("done")]));
    let computing = m.reg_init("computing", uint(1), 0);
    m.note(&computing, "there is an instruction that computes");
    let writes = m.reg("writes", uint(2 * RANGE_BITS));
    m.note(&writes, "range of it");
    let writes_wide = m.reg("writes_wide", uint(1));
    let shared = overlap(&ops.get("reads"), &writes) | ops.get("wide") | &writes_wide;
    let clear = m.delay("clear", &clk, None, !&computing | !shared);
    m.note(&clear, "nothing is read that is yet to be written");
    let settled = m.delay("settled", &clk, None, &known);
    let loading = m.reg_init("loading", uint(1), 0);
    m.note(&loading, "its activations are fetched or there");
    let handed = m.reg_init("handed", uint(1), 0);
    m.note(&handed, "it computes as well");
    let half = m.reg_init("half", uint(1), 0);
    m.note(&half, "of the core's memory, where they go");
    let bad = m.wire("bad", &known & ops.get("bad"));
    let load = m.wire(
        "load",
        all([&known, &settled, &!ops.get("bad"), &!&loading, &clear]),
    );
    let load_q = m.reg_init("load_q", uint(1), 0);
    let k_low = k.bits(bits_for(p.max_k.into()) - 1, 0);
    let more_low = m.wire("more_low", more.bits(MORE_BITS - 1, 0));
    let k_tiles_now = ops.get("k_tiles");
    let acts = m.instance(
        "u_acts",
        &activations(p)?,
        &clk,
        &[
            ("start", &load_q),
            ("src", &src),
            ("src_stride", &src_stride),
            ("k", &k_low),
            ("k_tiles", &k_tiles_now),
            ("more", &more_low),
            ("half", &half),
            ("req_ready", &rd.req_ready),
            ("rsp_valid", &rd.rsp_valid),
            ("rsp_data", &rd.rsp_data),
        ],
    );
    rd.drive(&mut m, &acts);
    let loaded = m.wire("loaded", all([&handed, &!&load_q, &!acts.get("busy")]));

    m.section("The instruction that computes");
    let begin = m.wire(
        "begins",
        all([&loading, &!&handed, &!&computing, &!&faulted]),
    );
    let begin_q = m.reg_init("begins_q", uint(1), 0);
    let of = |m: &mut crate::rtl::ModuleBuilder, name: &str, value| {
        m.delay(&format!("c_{name}"), &clk, Some(&begin), value)
    };
    let c_dst = of(&mut m, "dst", dst.clone());
    let c_dst_stride = of(&mut m, "dst_stride", dst_stride.clone());
    let c_more = of(&mut m, "more", more_low.clone());
    let c_half = of(&mut m, "half", half.clone());
    let c_k_tiles = of(&mut m, "k_tiles", k_tiles_now.clone());
    let c_row_tiles = of(&mut m, "row_tiles", nt.bits(rw - 1, 0).minus(1));
    let tiles = m.wire(
        "tiles",
        mux(&c_half, acts.get("tiles1"), acts.get("tiles0")),
    );
    let codes_ready = m.wire_decl("codes_ready", uint(1));
    let w_last = w.last.clone().unwrap_or_else(zero);
    let codes = m.instance(
        "u_unpack",
        &unpack(p)?,
        &clk,
        &[
            ("in_valid", &w.valid),
            ("in_data", &w.data),
            ("in_last", &w_last),
            ("out_ready", &codes_ready),
        ],
    );
    m.assign(&w.ready, codes.get("in_ready"));
    let (codes_valid, codes_last) = (codes.get("out_valid"), codes.get("out_last"));
    let offered = m.wire("offered", &codes_valid & !&faulted);
    let hold = m.wire_decl("hold", uint(1));
    let sums = m.instance(
        "u_core",
        &core,
        &clk,
        &[
            ("act_we", &acts.get("act_we")),
            ("act_addr", &acts.get("act_addr")),
            ("act_data", &acts.get("act_data")),
            ("start", &begin_q),
            ("act_half", &c_half),
            ("act_tiles", &tiles),
            ("k_tiles", &c_k_tiles),
            ("row_tiles", &c_row_tiles),
            ("hold", &hold),
            ("w_valid", &offered),
            ("w_data", &codes.get("out_data")),
        ],
    );
    m.unused(sums.get("idle"));
    if core.ports.iter().any(|p| p.name == "may_start") {
        m.unused(sums.get("may_start"));
    }
    let take = m.wire("take", &offered & sums.get("w_ready"));
    let finish = m.wire("finish", &take & sums.get("w_last"));
    let short = m.wire("short", all([&take, &codes_last, &!sums.get("w_last")]));
    let finished = m.reg_init("finished", uint(1), 0);
    m.note(&finished, "all weight words have been taken");
    let ended = m.reg_init("ended", uint(1), 0);
    m.note(&ended, "and the packet's last");
    let drop = m.wire("drop", &finished & !&ended);
    m.assign(&codes_ready, (sums.get("w_ready") & !&faulted) | &drop);
    let out = m.instance(
        "u_results",
        &results(p, arithmetic.latency())?,
        &clk,
        &[
            ("start", &begin_q),
            ("dst", &c_dst),
            ("dst_stride", &c_dst_stride),
            ("more", &c_more),
            ("in_valid", &sums.get("sum_valid")),
            ("in_data", &sums.get("sum_data")),
            ("in_last", &sums.get("sum_last")),
            ("wr_ready", &wr.ready),
        ],
    );
    m.assign(&hold, out.get("hold"));
    wr.drive(&mut m, &out);
    let written = m.reg_init("written", uint(1), 0);
    let retire = m.wire("retire", all([&computing, &ended, &written]));
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.assign(&done, &done_q);

    m.section("Control");
    let last_word = (&finish | (&drop & &codes_valid)) & &codes_last;
    let words = m.reg("words", uint(32));
    m.note(&words, "weight words taken");
    m.clocked(&clk, |b| {
        b.set(&fresh, &accept);
        b.set(&load_q, &load);
        b.set(&begin_q, &begin);
        b.set(&done_q, &retire);
        b.when(&accept, |b| {
            b.set(&loader, one());
            b.set(&loading, zero());
            b.set(&handed, zero());
        })
        .otherwise(|b| {
            b.set(&loader, &loader & !&loaded);
            b.set(&loading, &loading | &load);
            b.set(&handed, &handed | &begin);
        });
        b.when(&load, |b| {
            b.set(&half, !&half);
        });
        b.when(&begin, |b| {
            b.set(&computing, one());
            b.set(&finished, zero());
            b.set(&ended, zero());
            b.set(&written, zero());
            b.set(&words, lit(0, 32));
            b.set(&writes, ops.get("writes"));
            b.set(&writes_wide, ops.get("wide"));
        })
        .otherwise(|b| {
            b.set(&computing, &computing & !&retire);
            b.set(&finished, &finished | &finish);
            b.set(&ended, &ended | &last_word);
            b.set(&written, &written | out.get("done"));
            b.when(&take, |b| {
                b.set(&words, words.plus(1));
            });
        });
    });

    m.section("Faults: the first is kept, and nothing more is taken");
    let refused = m.wire("refused", all([&bad, &!&computing, &!&faulted]));
    let raise = m.wire("raise", (&refused | &short) & !&faulted);
    let code = |cause: Cause| lit(cause.code().into(), 8);
    let cause = m.delay(
        "cause",
        &clk,
        Some(&raise),
        mux(&short, code(Cause::StreamShort), code(Cause::Operand)),
    );
    let info = m.delay(
        "info",
        &clk,
        Some(&raise),
        mux(&short, words.plus(1), ops.get("info")),
    );
    fault.raise(&mut m, &clk, (&faulted, &raise), (&cause, &info));
    m.finish()
}
