//! The unit: control, and the array.

use std::sync::Arc;

use super::decode::decode;
use super::front::pe_front;
use super::load::loader;
use super::multiply::multiply;
use super::results::results;
use super::walk::walk;
use super::{PeMode, PeParams};
use crate::isa::Cause;
use crate::rtl::{
    Expr, Instance, Module, ModuleBuilder, RtlError, all, any, bits_for, cat, lit, mux, one, uint,
    zero,
};
use crate::scratchpad::{RANGE_BITS, ReaderPort, WriterPort, overlap, vector_ranges};
use crate::unit::{StickyFault, instruction_register, operand};

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
        for mode in self.modes.iter().filter(|m| m.most_rows(r) == 0) {
            rule(
                false,
                format!("R = {r} has no room for a row of {}: R >= 3", mode.word()),
            );
        }
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
    let words: Vec<&str> = p.modes.iter().map(PeMode::word).collect();
    let mut m = Module::new("pe").doc(format!(
        "Multiply-accumulate array: {} lanes times {} rows, one beat of the packet a cycle. Modes: {}.\n\
         pedot: dot products of each row's vector with the packet's vectors.\n\
         peaxpy: for each row the sum of the packet's vectors times the row's codes.",
        p.macs(),
        p.rows,
        words.join(", ")
    ));
    let word = 32 * p.lanes;
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink("op", uint(256), "instruction: opcode, flags, pc, f0..f6");
    let done = m.output(
        "done",
        uint(1),
        "pulse: instruction retired, results visible",
    );
    let fault = StickyFault::outputs(
        &mut m,
        "2 OPERAND, 3 STREAM_SHORT, 14 MODE",
        "the operand, the mode, or the vector at which beats ended",
    );
    let w = m.sink_last("w", uint(p.bus_bits), "packets of vectors");
    let rd = ReaderPort::new(&mut m, "rd", word);
    let wr = WriterPort::new(&mut m, word);

    m.section("The instruction in front: its codes are loaded");
    let rw = p.row_bits();
    let faulted = fault.flag(&mut m);
    let present = m.reg_init("present", uint(1), 0);
    m.note(&present, "there is one");
    m.assign(&op.ready, !&present & !&faulted);
    let accept = m.wire("accept", op.fire());
    let fields = [
        // The opcodes of pedot and peaxpy differ in this bit alone.
        ("axpy", 0, 0),
        ("flags", 11, 8),
        ("mode", 15, 12),
        operand("dst", 0),
        operand("src", 1),
        operand("n", 2),
        operand("len", 3),
        operand("dst_stride", 4),
        operand("src_stride", 5),
    ];
    let [axpy, flags, mode, dst, src, n, len, dst_stride, src_stride] =
        instruction_register(&mut m, &clk, &accept, &op.data, fields);
    m.note(&flags, "rows minus one");
    let plain = p.modes.plain();
    let inputs = [
        ("axpy", &axpy),
        ("rows", &flags),
        ("mode", &mode),
        ("n", &n),
        ("len", &len),
    ];
    let d = m.instance("u_decode", &decode(p)?, &clk, &inputs);
    let bad = d.get("bad");
    let row_end = m.wire("row_end", flags.resize(rw));
    let fresh = m.reg_init("fresh", uint(1), 0);
    m.note(&fresh, "its first cycle");
    let good = m.wire("good", all([&fresh, &!&bad, &!&faulted]));

    m.section("Words that it reads and writes");
    let ranges = m.instance(
        "u_ranges",
        &vector_ranges(4)?,
        &clk,
        &[
            ("start", &good),
            ("src", &src),
            ("dst", &dst),
            ("src_words", &d.get("src_words")),
            ("dst_words", &d.get("dst_words")),
            ("src_stride", &src_stride),
            ("dst_stride", &dst_stride),
            ("more", &flags),
        ],
    );
    let walking = m.reg_init("walking", uint(1), 0);
    m.note(&walking, "there is an instruction that takes beats");
    let writes = m.reg("writes", uint(2 * RANGE_BITS));
    m.note(&writes, "range of it");
    let wide = m.reg("wide", uint(1));
    m.note(&wide, "which is not known");
    let draining = m.reg_init("draining", uint(1), 0);
    m.note(
        &draining,
        "there is one that has taken its beats and writes",
    );
    let d_writes = m.reg("d_writes", uint(2 * RANGE_BITS));
    let d_wide = m.reg("d_wide", uint(1));
    let reads = m.wire("reads", ranges.get("reads"));
    let shared = [
        all([&walking, &(overlap(&reads, &writes) | &wide)]),
        all([&draining, &(overlap(&reads, &d_writes) | &d_wide)]),
        all([&(&walking | &draining), &ranges.get("wide")]),
    ];
    let shared = m.wire("shared", any(&shared));
    let clear = m.delay("clear", &clk, None, !shared);
    m.note(&clear, "nothing is read that is yet to be written");
    let ranged = m.wire(
        "ranged",
        all([&present, &!&fresh, &!&bad, &ranges.get("done")]),
    );
    let settled = m.delay("settled", &clk, None, &ranged);

    m.section("Its codes");
    let loading = m.reg_init("loading", uint(1), 0);
    m.note(&loading, "they are read, or there");
    let loaded = m.reg_init("loaded", uint(1), 0);
    m.note(&loaded, "they are there");
    let half = m.reg_init("half", uint(1), 0);
    m.note(&half, "of the memories, where they go");
    let reads_done = m.wire_decl("reads_done", uint(1));
    let load = all([&ranged, &settled, &!&loading, &clear, &reads_done]);
    let load = m.wire("load", load);
    let load_q = m.reg_init("load_q", uint(1), 0);
    let of_load = decoded(&d, &["order", "float", "bf16"]);
    let (words, count) = (d.get("src_words"), d.get("count"));
    let mut inputs = vec![
        ("start", &load_q),
        ("base", &src),
        ("stride", &src_stride),
        ("row_end", &row_end),
        ("words", &words),
        ("count", &count),
    ];
    inputs.extend(of_load.iter().map(|(name, port)| (*name, port)));
    let inputs = [inputs, rd.inputs().to_vec()].concat();
    let loads = m.instance("u_load", &loader(p)?, &clk, &inputs);
    rd.drive(&mut m, &loads);

    m.section("Its packet, once the one before has been taken");
    let handed = m.reg_init("handed", uint(1), 0);
    m.note(&handed, "the instruction in front multiplies as well");
    let asked = m.reg_init("asked", uint(1), 0);
    m.note(&asked, "its packet is asked for");
    let packet = m.reg_init("packet", uint(1), 0);
    m.note(&packet, "there is one, not yet taken or not yet multiplied");
    let ask = all([&present, &!&fresh, &!&bad, &!&asked, &!&packet, &!&faulted]);
    let ask = m.wire("ask", ask);
    let ask_q = m.reg_init("ask_q", uint(1), 0);
    let f_axpy = m.delay("f_axpy", &clk, Some(&ask), &axpy);
    let f_n = m.delay("f_n", &clk, Some(&ask), &n);
    let front_module = pe_front(&p.front())?;
    let beats_bits = front_module.port("beats").map_or(1, |port| port.ty.width);
    let f_beats = m.delay(
        "f_beats",
        &clk,
        Some(&ask),
        d.get("beats").resize(beats_bits),
    );
    let w_last = w.last.clone().unwrap_or_else(zero);
    let beat_ready = m.wire_decl("beat_ready", uint(1));
    let front = m.instance(
        "u_front",
        &front_module,
        &clk,
        &[
            ("start", &ask_q),
            ("axpy", &f_axpy),
            ("n", &f_n),
            ("beats", &f_beats),
            ("w_valid", &w.valid),
            ("w_data", &w.data),
            ("w_last", &w_last),
            ("out_ready", &beat_ready),
        ],
    );
    m.assign(&w.ready, front.get("w_ready"));
    let multiplied = m.reg_init("multiplied", uint(1), 0);
    m.note(&multiplied, "that packet's instruction multiplies");
    let taken = all([&packet, &multiplied, &!&ask_q, &front.get("taken")]);
    let taken = m.wire("taken", taken);

    m.section("The instruction that multiplies");
    m.comment("Its packet is asked for: then that of the instruction before has been taken.");
    let begin = all([&loaded, &asked, &!&handed, &!&walking, &!&faulted]);
    let begin = m.wire("begins", begin);
    let begun = m.reg_init("begun", uint(1), 0);
    let of = |m: &mut ModuleBuilder, name: &str, value: &Expr| {
        m.delay(&format!("m_{name}"), &clk, Some(&begin), value)
    };
    let m_axpy = of(&mut m, "axpy", &axpy);
    let m_dst = of(&mut m, "dst", &dst);
    let m_dst_stride = of(&mut m, "dst_stride", &dst_stride);
    let m_row_end = of(&mut m, "row_end", &row_end);
    let m_half = of(&mut m, "half", &half);
    let m_inner_end = of(&mut m, "inner_end", &d.get("inner_end"));
    let m_outer_end = of(&mut m, "outer_end", &d.get("outer_end"));
    let taking = m.reg_init("taking", uint(1), 0);
    m.note(&taking, "beats are to come");
    let offered = m.wire(
        "offered",
        all([&taking, &front.get("out_valid"), &!&faulted]),
    );
    let credit = m.wire_decl("credit", uint(1));
    let steps = m.instance(
        "u_walk",
        &walk(p)?,
        &clk,
        &[
            ("start", &begun),
            ("axpy", &m_axpy),
            ("inner_end", &m_inner_end),
            ("outer_end", &m_outer_end),
            ("in_valid", &offered),
            ("credit", &credit),
            ("end_credit", &!&draining),
        ],
    );
    let take = m.wire("take", steps.get("take"));
    m.assign(&beat_ready, &take);

    m.section("Array");
    let addr = m.wire("addr", cat([&m_half, &steps.get("addr")]));
    let of_load = |name: &str| match name {
        "addr" => cat([&half, &loads.get("addr")]),
        name => loads.get(name),
    };
    let module = multiply(p)?;
    let loaded_ports = module
        .ports
        .iter()
        .filter_map(|port| port.name.strip_prefix("ld_"));
    let mut inputs: Vec<(String, Expr)> = loaded_ports
        .map(|name| (format!("ld_{name}"), of_load(name)))
        .collect();
    let mut tags = vec![
        steps.get("finish"),
        steps.get("word_end"),
        steps.get("emit"),
        m_axpy.clone(),
        steps.get("lap"),
        steps.get("first"),
    ];
    if !plain {
        let m_mode = of(&mut m, "mode_tags", &d.get("mode_tags"));
        tags.splice(0..0, [m_half.clone(), m_mode]);
    }
    if let Some((_, kind)) = decoded(&d, &["kind"]).first() {
        inputs.push(("kind".into(), of(&mut m, "kind", kind)));
    }
    let tags = m.wire("tags", cat(&tags));
    inputs.extend([
        ("take".into(), take.clone()),
        ("beat".into(), front.get("out_data")),
        ("addr".into(), addr),
        ("tags".into(), tags),
    ]);
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
    let array = m.instance("u_multiply", &module, &clk, &inputs);
    if plain {
        m.assign(&reads_done, one());
    } else {
        m.comment("The half that is loaded next may still be read for beats that were taken before the instruction began.");
        let (bits, most) = (bits_for(p.sum_stage().into()), p.sum_stage());
        let left = m.reg_init("reads_left", uint(bits), 0);
        m.clocked(&clk, |b| {
            b.when(&begun, |b| {
                b.set(&left, lit(most.into(), bits));
            })
            .elif(left.ne(lit(0, bits)), |b| {
                b.set(&left, left.minus(1));
            });
        });
        m.assign(&reads_done, left.is(0));
    }

    m.section("Results");
    let word_begun = m.wire("word_begun", &take & steps.get("word_end"));
    let order = decoded(&d, &["order"]);
    let m_order = order.first().map(|(_, order)| of(&mut m, "order", order));
    let (totals, store) = (array.get("results"), array.get("store"));
    let (word_end, last) = (array.get("word_end"), array.get("last"));
    let mut inputs = vec![
        ("start", &begun),
        ("dst", &m_dst),
        ("stride", &m_dst_stride),
        ("row_end", &m_row_end),
        ("totals", &totals),
        ("store", &store),
        ("word_end", &word_end),
        ("last", &last),
        ("begun", &word_begun),
        ("wr_ready", &wr.ready),
    ];
    inputs.extend(m_order.as_ref().map(|order| ("order", order)));
    let out = m.instance("u_results", &results(p)?, &clk, &inputs);
    m.assign(&credit, out.get("credit"));
    wr.drive(&mut m, &out);

    m.section("Control");
    let written = m.reg_init("written", uint(1), 0);
    m.note(&written, "all its results are");
    m.comment("The packet that is not yet taken may be that of the next one.");
    let gone = &walking | !(&packet & &multiplied);
    let all_written = m.wire("all_written", &written | out.get("done"));
    let retire = m.wire("retire", all([&draining, &all_written, &gone]));
    let finish = m.wire("finish", steps.get("finish"));
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.assign(&done, &done_q);
    m.clocked(&clk, |b| {
        b.set(&fresh, &accept);
        b.set(&load_q, &load);
        b.set(&ask_q, &ask);
        b.set(&begun, &begin);
        b.set(&done_q, &retire);
        b.set(&taking, &begun | (&taking & !&finish));
        b.set(&walking, &begin | (&walking & !&finish));
        b.set(&draining, &finish | (&draining & !&retire));
        b.set(&written, &all_written & !&retire);
        b.when(&finish, |b| {
            b.set(&d_writes, &writes);
            b.set(&d_wide, &wide);
        });
        b.when(&accept, |b| {
            b.set(&present, one());
            b.set(&loading, zero());
            b.set(&loaded, zero());
            b.set(&handed, zero());
            b.set(&asked, zero());
        })
        .otherwise(|b| {
            b.set(&present, &present & !(&handed & &asked));
            b.set(&loading, &loading | &load);
            b.set(&loaded, &loaded | loads.get("done"));
            b.set(&handed, &handed | &begin);
            b.set(&asked, &asked | &ask);
        });
        // The packet that is asked for last is that of the instruction in front.
        b.set(&packet, &ask | (&packet & !&taken));
        b.set(
            &multiplied,
            mux(&ask, &handed | &begin, &multiplied | &begin),
        );
        b.when(&load, |b| {
            b.set(&half, !&half);
        });
        b.when(&begin, |b| {
            b.set(&writes, ranges.get("writes"));
            b.set(&wide, ranges.get("wide") | d.get("many"));
        });
    });

    m.section("Faults: the first is kept, and nothing more is taken");
    m.comment("In the order of instructions: not while an older one has not retired.");
    let none = m.wire("none", !(&walking | &draining));
    let refused = all([&present, &!&fresh, &bad, &none]);
    let refused = m.wire("refused", refused);
    let own = m.wire("own", (&multiplied & !(&walking & &draining)) | &none);
    let short = all([&packet, &!&ask_q, &front.get("short"), &own]);
    let short = m.wire("short", short);
    let raise = m.wire("raise", (&refused | &short) & !&faulted);
    let code = |c: Cause| lit(c.code().into(), 8);
    let own = mux(d.get("bad_mode"), code(Cause::Mode), code(Cause::Operand));
    let cause = mux(&refused, own, code(Cause::StreamShort));
    let cause = m.delay("cause", &clk, Some(&raise), cause);
    let info = mux(&refused, d.get("operand"), front.get("short_vector"));
    let info = m.delay("info", &clk, Some(&raise), info);
    fault.raise(&mut m, &clk, (&faulted, &raise), (&cause, &info));
    m.finish()
}

/// Those of the ports that the decoder has: some are there for several modes only.
fn decoded(d: &Instance, names: &[&'static str]) -> Vec<(&'static str, Expr)> {
    let there = names.iter().filter_map(|&name| Some((name, d.find(name)?)));
    there.collect()
}
