//! The vector unit: sequencing, and the pipeline of all lanes.

use std::sync::Arc;

use super::control::{CONTROL_BITS, Control};
use super::lane::OUT_LATENCY;
use super::operand::vec_operand;
use super::pipe::vec_pipe;
use super::reduce::{STEP_BITS, sum_cycles};
use super::{VecOp, VecParams};
use crate::glue::{FifoParams, sync_fifo};
use crate::isa::Cause;
use crate::rtl::{
    Clock, Expr, Instance, MemStyle, Module, ModuleBuilder, RtlError, all, cat, lit, mux, one,
    repeat, uint, zero,
};
use crate::scratchpad::{COUNT_BITS, ReaderPort, WriterPort, command, vector_writer};
use crate::unit::{self, StickyFault};

// States of an instruction.
const IDLE: u64 = 0;
const PREPARE: u64 = 1;
const STREAM: u64 = 2;
const REDUCE: u64 = 3;
const SCALARS: u64 = 4;

/// Words between the pipeline and the writer. The clock enable is a register and the output another, so three
/// more words may come when the enable falls.
const OUT_DEPTH: u64 = 8;
const OUT_HIGH: u64 = OUT_DEPTH - 3;

/// The instruction in work.
struct Operation {
    opcode: Expr,
    flags: Expr,
    dst: Expr,
    a: Expr,
    b: Expr,
    n: Expr,
    s0: Expr,
    s1: Expr,
    reduced: Expr,
}

impl Operation {
    fn capture(m: &mut ModuleBuilder, clk: &Clock, take: &Expr, op: &Expr) -> Operation {
        let fields = [
            ("opcode", 3, 0),
            ("flags", 12, 8),
            unit::operand("dst", 0),
            unit::operand("a_base", 1),
            unit::operand("b_base", 2),
            unit::operand("n", 3),
            unit::operand("s0_addr", 4),
            unit::operand("s1_addr", 5),
            unit::operand("reduced_addr", 6),
        ];
        let [opcode, flags, dst, a, b, n, s0, s1, reduced] =
            unit::instruction_register(m, clk, take, op, fields);
        Operation {
            opcode,
            flags,
            dst,
            a,
            b,
            n,
            s0,
            s1,
            reduced,
        }
    }

    /// A bit that depends on the operation alone.
    fn trait_of(&self, m: &mut ModuleBuilder, name: &str, holds: impl Fn(VecOp) -> bool) -> Expr {
        let with = VecOp::ALL.into_iter().filter(|&op| holds(op));
        let arms = with.map(|op| (u64::from(op.op().opcode() & 15), one()));
        m.case(name, &self.opcode, arms, zero())
    }
}

/// ceil(n / 2^shift).
fn words_of(m: &mut ModuleBuilder, name: &str, n: &Expr, shift: u32) -> Expr {
    let sum = m.wire(name, n.extend(33) + lit((1 << shift) - 1, 33));
    m.unused(sum.bits(shift - 1, 0));
    sum.bits(32, shift)
}

/// One of the two operands, its read port made a port of the unit.
fn operand(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &VecParams,
    name: &str,
    inputs: [(&str, &Expr); 7],
) -> Result<Instance, RtlError> {
    let port = ReaderPort::new(m, name, 32 * p.lanes);
    let inputs = [inputs.as_slice(), port.inputs().as_slice()].concat();
    let made = m.instance(
        &format!("u_operand_{name}"),
        &vec_operand(p.lanes)?,
        clk,
        &inputs,
    );
    port.drive(m, &made);
    Ok(made)
}

/// The fp32 number on net `x` as a result of arithmetic would give it, its sign turned when `negate`.
fn canonical(x: &Expr, negate: &Expr) -> Expr {
    let saturated = x.bits(30, 23).reduce_and();
    let magnitude = mux(saturated, lit(0x7f7f_ffff, 31), x.bits(30, 0));
    let normal = x.bits(30, 23).reduce_or();
    mux(normal, cat([&(x.bit(31) ^ negate), &magnitude]), lit(0, 32))
}

/// The vector unit; ports in the folder's index.
///
/// # Errors
/// Lanes that are not a power of two of 2 to 32.
pub fn vec(p: &VecParams) -> Result<Arc<Module>, RtlError> {
    p.check()?;
    let (width, shift) = (32 * p.lanes, p.lanes.trailing_zeros());
    let mut m = Module::new("vec").doc(format!(
        "Element-wise operations on vectors of the scratchpad, {} lanes, with reductions.\n\
         One instruction at a time; a word a cycle through a pipeline of {} cycles.",
        p.lanes,
        OUT_LATENCY + 2
    ));
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink("op", uint(256), "instruction with resolved operands");
    let done = m.output("done", uint(1), "pulse: the instruction is finished");
    let fault = StickyFault::outputs(&mut m, "OPERAND", "n");

    m.section("Take an instruction");
    let state = m.reg_init("state", uint(3), IDLE);
    m.note(&state, "0 idle, 1 prepare, 2 stream, 3 reduce, 4 scalars");
    let faulted = fault.flag(&mut m);
    m.assign(&op.ready, state.is(IDLE) & !&faulted);
    let take = m.wire("take", op.fire());
    let o = Operation::capture(&mut m, &clk, &take, &op.data);
    let prepare = m.wire("prepare", state.is(PREPARE));
    let rows = VecOp::ALL.map(|op| {
        let row = lit(Control::of(op).encode(), CONTROL_BITS);
        (u64::from(op.op().opcode() & 15), row)
    });
    let row = m.case(
        "row",
        &o.opcode,
        rows,
        lit(Control::of(VecOp::Mul).encode(), CONTROL_BITS),
    );
    let control = m.delay("control", &clk, Some(&prepare), &row);
    let uses_b = o.trait_of(&mut m, "uses_b", VecOp::uses_b);
    let uses_s0 = o.trait_of(&mut m, "uses_s0", VecOp::uses_s0);
    let uses_s1 = o.trait_of(&mut m, "uses_s1", VecOp::uses_s1);
    let has_sum = o.trait_of(&mut m, "has_sum", VecOp::has_sum);
    let negate = o.trait_of(&mut m, "negate_s1", |op| op == VecOp::Exp);
    let compare = |op| matches!(op, VecOp::Exp | VecOp::Max | VecOp::RecipMax);
    let tame = o.trait_of(&mut m, "tame_s1", compare);
    let form = o.flags.bits(2, 1);
    let (to_i8, to_i32) = (m.wire("to_i8", form.is(1)), m.wire("to_i32", form.is(2)));
    let silent = m.wire("silent", form.is(3));
    let absolute = m.wire("absolute", o.flags.bit(4) & !o.flags.bit(3));
    let reduces = m.wire("reduces", o.flags.bits(4, 3).reduce_or());
    let words = words_of(&mut m, "n_up", &o.n, shift);
    let words = m.wire("n_words", words);
    let packed = words_of(&mut m, "n_up_i8", &o.n, shift + 2);
    let packed = m.wire("n_packed", packed);
    let oversize = words.bits(32 - shift, COUNT_BITS).reduce_or();
    let refuse = m.wire("refuse", &prepare & oversize);
    let count = m.wire("count", words.bits(COUNT_BITS - 1, 0));
    let any = m.wire("any", count.ne(lit(0, COUNT_BITS)));
    let final_lane = m.wire("final_lane", o.n.bits(shift - 1, 0).minus(1));
    let in_tail = |l: u32| match l {
        0 => one(),
        _ => final_lane.ge(lit(l.into(), shift)),
    };
    let in_tail: Vec<Expr> = (0..p.lanes).rev().map(in_tail).collect();
    let tail = m.wire("tail", cat(&in_tail));
    m.note(&tail, "lanes of the last word that hold elements");
    m.unused(packed.bits(30 - shift, COUNT_BITS));
    let cause = lit(Cause::Operand.code().into(), 8);
    fault.raise(&mut m, &clk, (&faulted, &refuse), (&cause, &o.n));

    m.section("Operands: each reader brings its scalar first, then its vector");
    let want = |m: &mut ModuleBuilder, name: &str, used: &Expr| m.wire(name, &any & used);
    let want_s0 = want(&mut m, "want_s0", &uses_s0);
    let want_s1 = want(&mut m, "want_s1", &uses_s1);
    let want_b = want(&mut m, "want_b", &uses_b);
    let b_ready = m.wire_decl("b_take", uint(1));
    let enter = m.wire_decl("enter", uint(1));
    let ra = operand(
        &mut m,
        &clk,
        p,
        "a",
        [
            ("start", &prepare),
            ("want_scalar", &want_s0),
            ("want_vector", &any),
            ("scalar_addr", &o.s0),
            ("base", &o.a),
            ("count", &count),
            ("out_ready", &enter),
        ],
    )?;
    let rb = operand(
        &mut m,
        &clk,
        p,
        "b",
        [
            ("start", &prepare),
            ("want_scalar", &want_s1),
            ("want_vector", &want_b),
            ("scalar_addr", &o.s1),
            ("base", &o.b),
            ("count", &count),
            ("out_ready", &b_ready),
        ],
    )?;
    let (a_scalar, b_scalar) = (ra.get("out_scalar"), rb.get("out_scalar"));
    let (a_data, b_data) = (ra.get("out_data"), rb.get("out_data"));
    let s1_word = m.wire("s1_word", b_data.bits(31, 0));
    let s0 = m.delay("s0", &clk, Some(&a_scalar), a_data.bits(31, 0));
    m.comment("A negated or compared s1 must be canonical; added, it is read as any operand.");
    let s1_in = mux(&tame, canonical(&s1_word, &negate), &s1_word);
    let s1 = m.delay("s1", &clk, Some(&b_scalar), s1_in);

    m.section("Pipeline: one enable for all stages, from the room behind them");
    let level = m.wire_decl("backlog", uint(5));
    let en = m.reg_init("en", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&en, level.lt(lit(OUT_HIGH, 5)));
    });
    let left = m.reg_init("left", uint(COUNT_BITS), 0);
    m.note(&left, "words that have not entered");
    let streams = m.wire("streams", state.is(STREAM) & !&a_scalar & !&b_scalar);
    let more = m.wire("more", left.ne(lit(0, COUNT_BITS)));
    let operands = ra.get("out_valid") & (rb.get("out_valid") | !&uses_b);
    m.assign(&enter, all([&en, &streams, &more, &operands]));
    m.assign(&b_ready, &enter & &uses_b);
    let newest = m.wire("newest", left.is(1));
    m.clocked(&clk, |b| {
        b.when(&prepare, |b| {
            b.set(&left, &count);
        })
        .elif(&enter, |b| {
            b.set(&left, left.minus(1));
        });
    });
    let reduce = m.wire("reduce", state.is(REDUCE));
    let step = m.reg("step", uint(STEP_BITS));
    m.note(&step, "cycles since the end of the stream");
    m.clocked(&clk, |b| {
        b.set(&step, mux(&reduce, step.plus(1), lit(0, STEP_BITS)));
    });
    let pipe = m.instance(
        "u_pipe",
        &vec_pipe(p.lanes)?,
        &clk,
        &[
            ("en", &en),
            ("control", &control),
            ("from_i32", &o.flags.bit(0)),
            ("to_i8", &to_i8),
            ("to_i32", &to_i32),
            ("silent", &silent),
            ("absolute", &absolute),
            ("tail", &tail),
            ("s0", &s0),
            ("s1", &s1),
            ("a", &a_data),
            ("b", &b_data),
            ("enter", &enter),
            ("newest", &newest),
            ("clear", &prepare),
            ("combine", &reduce),
            ("step", &step),
        ],
    );

    m.section("Results and, after them, scalars");
    let send_max = m.reg_init("send_max", uint(1), 0);
    let send_sum = m.reg_init("send_sum", uint(1), 0);
    let sending = m.wire("sending", &send_max | &send_sum);
    let scalar = mux(&send_max, pipe.get("greatest"), pipe.get("sum"));
    let in_valid = m.wire("in_valid", pipe.get("out_valid") | &sending);
    let in_data = mux(&sending, repeat(p.lanes, scalar), pipe.get("out_data"));
    let in_data = m.wire("in_data", in_data);
    let writer_ready = m.wire_decl("writer_ready", uint(1));
    let fifo = m.instance(
        "u_out",
        &sync_fifo(&FifoParams {
            width,
            depth: OUT_DEPTH,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &in_valid),
            ("in_data", &in_data),
            ("out_ready", &writer_ready),
        ],
    );
    m.unused(fifo.get("in_ready"));
    m.assert("result_has_room", &clk, !&in_valid | fifo.get("in_ready"));
    m.assign(&level, fifo.get("level"));
    let wr = WriterPort::new(&mut m, width);
    let ask_write = m.reg_init("ask_write", uint(1), 0);
    let writing = m.reg_init("writing", uint(1), 0);
    m.note(&writing, "the writer's command is not finished");
    let scalar_state = m.wire("scalar_state", state.is(SCALARS));
    let out_count = mux(&to_i8, packed.bits(COUNT_BITS - 1, 0), &count);
    let scalar_count = mux(&reduces & &has_sum, lit(2, COUNT_BITS), lit(1, COUNT_BITS));
    let scalar_base = &o.reduced + (!&reduces).extend(32);
    let out_cmd = command(
        &mux(&scalar_state, scalar_base, &o.dst),
        &mux(&scalar_state, scalar_count, out_count),
    );
    let out_cmd = m.wire("out_cmd", out_cmd);
    let writer = m.instance(
        "u_write",
        &vector_writer(width)?,
        &clk,
        &[
            ("cmd_valid", &ask_write),
            ("cmd_data", &out_cmd),
            ("in_valid", &fifo.get("out_valid")),
            ("in_data", &fifo.get("out_data")),
            ("wr_ready", &wr.ready),
        ],
    );
    m.assign(&writer_ready, writer.get("in_ready"));
    wr.drive(&mut m, &writer);

    m.section("Sequence");
    let drained = m.reg("drained", uint(1));
    m.note(&drained, "the last word has left the pipeline");
    let streamed = m.wire("streamed", state.is(STREAM) & &drained & !&writing);
    let scalar_results = m.wire("scalar_results", &reduces | &has_sum);
    let steps = mux(
        &has_sum,
        lit(sum_cycles(p.lanes).into(), STEP_BITS),
        lit(p.lanes.into(), STEP_BITS),
    );
    let reduced = m.wire("reduced", &reduce & step.eq(steps));
    let finished = m.wire("finished", &scalar_state & !&writing);
    let retire = m.wire("retire", &finished | (&streamed & !&scalar_results));
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&take, |b| {
            b.set(&state, lit(PREPARE, 3));
        })
        .elif(&prepare, |b| {
            b.set(&state, mux(&refuse, lit(IDLE, 3), lit(STREAM, 3)));
        })
        .elif(&retire, |b| {
            b.set(&state, lit(IDLE, 3));
        })
        .elif(&streamed, |b| {
            b.set(&state, lit(REDUCE, 3));
        })
        .elif(&reduced, |b| {
            b.set(&state, lit(SCALARS, 3));
        });
        b.set(&done_q, &retire);
        b.when(&prepare, |b| {
            b.set(&writing, &any & !&silent);
            b.set(&ask_write, &any & !&silent & !&refuse);
        })
        .elif(&reduced, |b| {
            b.set(&writing, one());
            b.set(&ask_write, one());
        })
        .otherwise(|b| {
            b.when(writer.get("done"), |b| {
                b.set(&writing, zero());
            });
            b.when(writer.get("cmd_ready"), |b| {
                b.set(&ask_write, zero());
            });
        });
        b.set(&send_max, &reduced & &reduces);
        b.set(
            &send_sum,
            (&reduced & &has_sum & !&reduces) | (&send_max & &has_sum),
        );
    });
    m.clocked(&clk, |b| {
        b.set(
            &drained,
            mux(&prepare, !&any, &drained | pipe.get("leaves")),
        );
    });
    m.assign(&done, &done_q);
    m.finish()
}
