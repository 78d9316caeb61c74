//! The sampler: sequencing, generator, search.

use std::sync::Arc;

use super::SampleParams;
use super::topk::topk;
use crate::isa::{Cause, Op};
use crate::rtl::{
    Clock, Expr, MemStyle, Module, ModuleBuilder, RtlError, bits_for, cat, clog2, lit, mux, one,
    repeat, uint, zero,
};
use crate::scratchpad::{
    ADDR_BITS, COUNT_BITS, ReaderPort, WriterPort, command, vector_reader, vector_writer,
};
use crate::unit::{StickyFault, instruction_register, operand};

// States of an instruction.
const IDLE: u64 = 0;
const PREPARE: u64 = 1;
const STREAM: u64 = 2;
const MULTIPLY: u64 = 3;
const SEARCH: u64 = 4;
const PICK: u64 = 5;
const VALUES: u64 = 6;
const INDICES: u64 = 7;
const SCALAR: u64 = 8;
const STATE_BITS: u32 = 4;
/// Cycles of the product of generator and sum.
const MULTIPLY_CYCLES: u64 = 2;

/// The instruction in work.
struct Operation {
    opcode: Expr,
    first: Expr,
    dst: Expr,
    src: Expr,
    indices: Expr,
    n: Expr,
    k: Expr,
    base: Expr,
    dst_indices: Expr,
}

impl Operation {
    fn capture(m: &mut ModuleBuilder, clk: &Clock, take: &Expr, op: &Expr) -> Operation {
        let fields = [
            ("opcode", 1, 0),
            ("first_tile", 8, 8),
            operand("dst", 0),
            operand("src", 1),
            operand("indices", 2),
            operand("n", 3),
            operand("k", 4),
            operand("base", 5),
            operand("dst_indices", 6),
        ];
        let [opcode, first, dst, src, indices, n, k, base, dst_indices] =
            instruction_register(m, clk, take, op, fields);
        Operation {
            opcode,
            first,
            dst,
            src,
            indices,
            n,
            k,
            base,
            dst_indices,
        }
    }

    fn is(&self, op: Op) -> Expr {
        self.opcode.is(u64::from(op.opcode() & 3))
    }
}

/// ceil(x / lanes).
fn words_of(m: &mut ModuleBuilder, name: &str, x: &Expr, shift: u32) -> Expr {
    let sum = m.wire(
        &format!("{name}_up"),
        x.extend(33) + lit((1 << shift) - 1, 33),
    );
    m.unused(sum.bits(shift - 1, 0));
    m.wire(name, sum.bits(32, shift))
}

/// Order-preserving key of the number on net `x`, read as arithmetic would; never 0.
fn key(x: &Expr) -> Expr {
    let normal = x.bits(30, 23).reduce_or();
    let saturated = x.bits(30, 23).reduce_and();
    let magnitude = mux(saturated, lit(0x7f7f_ffff, 31), x.bits(30, 0));
    let turned = magnitude ^ repeat(31, x.bit(31));
    mux(normal, cat([&!x.bit(31), &turned]), lit(1 << 31, 32))
}

/// The sampler; ports in the folder's index.
///
/// # Errors
/// Sizes outside the ranges of [`SampleParams`].
pub fn sample(p: &SampleParams) -> Result<Arc<Module>, RtlError> {
    p.check()?;
    let (width, shift) = (32 * p.lanes, p.lanes.trailing_zeros());
    // Turns that fill whole words with all places.
    let turns = u64::from(p.capacity.next_multiple_of(p.lanes));
    let turn_bits = bits_for(turns.max(3));
    let mut m = Module::new("sample").doc(format!(
        "topk: the k <= {} largest logits, one a cycle. seed, draw: xorshift32 and a draw by weights.\n\
         One instruction at a time.",
        p.capacity
    ));
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink("op", uint(256), "instruction with resolved operands");
    let done = m.output("done", uint(1), "pulse: the instruction is finished");
    let fault = StickyFault::outputs(&mut m, "OPERAND", "k or n");
    let rd = ReaderPort::new(&mut m, "rd", width);
    let wr = WriterPort::new(&mut m, width);

    m.section("Take an instruction");
    let state = m.reg_init("state", uint(STATE_BITS), IDLE);
    m.note(
        &state,
        "0 idle, 1 prepare, 2 stream, 3 multiply, 4 search, 5 pick, 6 values, 7 indices, 8 scalar",
    );
    let faulted = fault.flag(&mut m);
    m.assign(&op.ready, state.is(IDLE) & !&faulted);
    let take = m.wire("take", op.fire());
    let o = Operation::capture(&mut m, &clk, &take, &op.data);
    let prepare = m.wire("prepare", state.is(PREPARE));
    let tops = m.wire("is_topk", o.is(Op::Topk));
    let seeds = m.wire("is_seed", o.is(Op::Seed));
    let elements = m.wire("elements", mux(&tops, &o.n, &o.k));
    let words = words_of(&mut m, "words", &elements, shift);
    let out_words = words_of(&mut m, "out_words", &o.k, shift);
    m.unused(out_words.bits(32 - shift, COUNT_BITS));
    let out_count = out_words.bits(COUNT_BITS - 1, 0);
    let bad_k = m.wire("bad_k", o.k.is(0) | o.k.gt(lit(p.capacity.into(), 32)));
    let oversize = words.bits(32 - shift, COUNT_BITS).reduce_or();
    let refuse = m.wire("refuse", &prepare & !&seeds & (&bad_k | oversize));
    let begin = m.wire("begin_stream", &prepare & !&seeds & !&refuse);
    let info = m.delay("info", &clk, Some(&refuse), mux(&bad_k, &o.k, &o.n));
    let cause = lit(Cause::Operand.code().into(), 8);
    fault.raise(&mut m, &clk, (&faulted, &refuse), (&cause, &info));

    m.section("Reader: logits or weights; for a draw then the word with its index");
    let turn = m.reg("turn", uint(turn_bits));
    m.note(&turn, "cycles or elements of this state");
    let chosen = m.reg("chosen", uint(turn_bits));
    let picking = m.wire("picking", state.is(PICK));
    let ask_read = m.reg_init("ask_read", uint(1), 0);
    let pick_word = chosen.bits(turn_bits - 1, shift).extend(ADDR_BITS);
    let pick_cmd = command(&(&o.indices + pick_word), &lit(1, COUNT_BITS));
    let stream_cmd = command(&o.src, &words.bits(COUNT_BITS - 1, 0));
    let read_cmd = m.wire("read_cmd", mux(&picking, pick_cmd, stream_cmd));
    let word_ready = m.wire_decl("word_take", uint(1));
    let reader = m.instance(
        "u_read",
        &vector_reader(width)?,
        &clk,
        &[
            &[
                ("cmd_valid", &ask_read),
                ("cmd_data", &read_cmd),
                ("out_ready", &word_ready),
            ],
            rd.inputs().as_slice(),
        ]
        .concat(),
    );
    rd.drive(&mut m, &reader);
    m.unused(reader.get("out_last"));
    let (word_valid, word) = (reader.get("out_valid"), reader.get("out_data"));

    m.section("One element a cycle");
    let left = m.reg_init("left", uint(32), 0);
    let lane = m.reg("lane", uint(shift));
    let number = m.reg("number", uint(32));
    m.note(
        &number,
        "topk: index of the logit; draw: place of the weight",
    );
    let streaming = m.wire("streaming", state.is(STREAM));
    let more = m.wire("more", left.ne(lit(0, 32)));
    let fetch = m.wire("fetch", &streaming & &more & &word_valid);
    let word_end = m.wire("word_end", lane.reduce_and() | left.is(1));
    m.assign(&word_ready, (&fetch & &word_end) | &picking);
    m.clocked(&clk, |b| {
        b.when(&begin, |b| {
            b.set(&left, &elements);
        })
        .elif(&fetch, |b| {
            b.set(&left, left.minus(1));
        });
    });
    m.clocked(&clk, |b| {
        b.when(&begin, |b| {
            b.set(&lane, lit(0, shift));
            b.set(&number, mux(&tops, &o.base, lit(0, 32)));
        })
        .elif(&fetch, |b| {
            b.set(&lane, lane.plus(1));
            b.set(&number, number.plus(1));
        });
    });
    let fetched = m.reg_init("fetched", uint(1), 0);
    let offered = m.reg_init("offered", uint(1), 0);
    let element = m.delay("element", &clk, None, word.part(&lane, 32));
    let number_1 = m.delay("number_1", &clk, None, &number);
    let candidate = m.delay("candidate", &clk, None, key(&element));
    let number_2 = m.delay("number_2", &clk, None, &number_1);
    m.clocked(&clk, |b| {
        b.set(&fetched, &fetch);
        b.set(&offered, &fetched & &tops);
    });
    let streamed = m.wire("streamed", &streaming & !&more & !&fetched & !&offered);

    m.section("Kept candidates");
    let (in_values, in_indices) = (state.is(VALUES), state.is(INDICES));
    let showing = m.wire("showing", in_values | in_indices);
    let turning = m.wire_decl("turning", uint(1));
    let in_list = m.wire("in_list", turn.lt(lit(p.capacity.into(), turn_bits)));
    let forget = m.wire("forget", &begin & &tops & &o.first);
    let rotate = m.wire("rotate", &turning & &in_list);
    let list = m.instance(
        "u_topk",
        &topk(p.capacity)?,
        &clk,
        &[
            ("clear", &forget),
            ("offer", &offered),
            ("key", &candidate),
            ("index", &number_2),
            ("rotate", &rotate),
        ],
    );
    let (top_key, top_index) = (list.get("first_key"), list.get("first_index"));
    let empty = m.wire("empty", top_key.is(0));
    let plain = cat([
        &!top_key.bit(31),
        &(top_key.bits(30, 0) ^ repeat(31, !top_key.bit(31))),
    ]);
    m.comment("4286578687 = 0xff7fffff: the most negative number.");
    let value = mux(&empty, lit(0xff7f_ffff, 32), plain);
    let index = mux(&empty, lit(0, 32), &top_index);

    m.section("Generator: xorshift32, Marsaglia 2003, triple 13, 17, 5");
    let x = m.reg_init("x", uint(32), 1);
    let x_13 = m.wire("x_13", &x ^ x.shl(lit(13, 4)));
    let x_17 = m.wire("x_17", &x_13 ^ x_13.shr(lit(17, 5)));
    let x_5 = m.wire("x_5", &x_17 ^ x_17.shl(lit(5, 3)));
    let drawing = m.wire("drawing", &begin & !&tops);
    m.clocked(&clk, |b| {
        b.when(&drawing, |b| {
            b.set(&x, &x_5);
        })
        .elif(&prepare & &seeds, |b| {
            b.set(&x, mux(o.src.is(0), lit(1, 32), &o.src));
        });
    });

    m.section("Sum of the weights; threshold = high half of generator * sum");
    let sum = m.reg("sum", uint(32));
    let places = u64::from(p.capacity).next_power_of_two().max(2);
    let place_bits = clog2(places);
    let weights = m.ram("weights", 32, places, MemStyle::Distributed, "");
    let keep = m.wire("keep", &fetched & !&tops);
    m.write(
        &weights,
        &clk,
        &keep,
        number_1.bits(place_bits - 1, 0),
        &element,
        None,
    );
    m.clocked(&clk, |b| {
        b.when(&prepare, |b| {
            b.set(&sum, lit(0, 32));
        })
        .elif(&keep, |b| {
            b.set(&sum, &sum + &element);
        });
    });
    let low = m.wire("low", &x * &sum.bits(15, 0));
    m.unused(low.bits(15, 0));
    let low_q = m.delay("low_q", &clk, None, low.bits(47, 16));
    let high_q = m.delay("high_q", &clk, None, &x * &sum.bits(31, 16));
    let product = m.wire("product", &high_q + low_q.extend(48));
    m.unused(product.bits(15, 0));
    let threshold = m.delay("threshold", &clk, None, product.bits(47, 16));

    m.section("Search: the first running sum above the threshold; none only without weights");
    let multiplied = m.wire("multiplied", state.is(MULTIPLY) & turn.is(MULTIPLY_CYCLES));
    let searching = m.wire("searching", state.is(SEARCH));
    let place = turn.bits(place_bits - 1, 0);
    let running = m.reg("running", uint(32));
    let weight = m.read_async(&weights, &place);
    let reached = m.wire("reached", &running + weight);
    let hit = m.wire("hit", reached.gt(&threshold));
    let turn_next = m.wire("turn_next", turn.plus(1));
    let last = m.wire("last_weight", turn_next.eq(o.k.bits(turn_bits - 1, 0)));
    let found = m.wire("found", &searching & (&hit | &last));
    m.clocked(&clk, |b| {
        b.set(&running, mux(&searching, &reached, lit(0, 32)));
        b.when(&found, |b| {
            b.set(&chosen, mux(&hit, &turn, lit(0, turn_bits)));
        });
    });
    let picked = m.wire("picked", &picking & &word_valid);
    let chosen_lane = chosen.bits(shift - 1, 0);
    let drawn = m.wire("drawn", word.part(&chosen_lane, 32));

    m.section("Words to write: all places in turn, 0 past k, or the drawn index");
    let held = m.reg("held", uint(width - 32));
    let words_left = m.reg("words_left", uint(COUNT_BITS));
    let out_valid = m.reg_init("out_valid", uint(1), 0);
    let out_word = m.reg("out_word", uint(width));
    let out_ready = m.wire_decl("out_ready", uint(1));
    let turned = m.wire("turned", turn.is(turns));
    m.assign(&turning, &showing & !&turned & (!&out_valid | &out_ready));
    let wanted = m.wire("wanted", turn.lt(o.k.bits(turn_bits - 1, 0)));
    let shown = mux(state.is(VALUES), value, index) & repeat(32, &wanted);
    let filled = m.wire("filled", cat([&shown, &held]));
    let full = turn.bits(shift - 1, 0).reduce_and() & words_left.ne(lit(0, COUNT_BITS));
    let push = m.wire("push", &turning & full);
    let to_values = m.wire("to_values", &streamed & &tops);
    let ask_write = m.reg_init("ask_write", uint(1), 0);
    let writing = m.reg_init("writing", uint(1), 0);
    m.note(&writing, "the writer's command is not finished");
    let shown_all = m.wire("shown_all", &turned & !&writing);
    let to_indices = m.wire("to_indices", state.is(VALUES) & &shown_all);
    let write_begin = m.wire("write_begin", &to_values | &to_indices | &picked);
    m.clocked(&clk, |b| {
        b.when(&turning, |b| {
            b.set(&held, filled.bits(width - 1, 32));
        });
        b.when(&picked, |b| {
            b.set(&out_word, repeat(p.lanes, &drawn));
        })
        .elif(&push, |b| {
            b.set(&out_word, &filled);
        });
        b.when(&write_begin, |b| {
            b.set(&words_left, &out_count);
        })
        .elif(&push, |b| {
            b.set(&words_left, words_left.minus(1));
        });
    });
    m.clocked(&clk, |b| {
        b.set(&out_valid, &picked | &push | (&out_valid & !&out_ready));
    });
    let scalar = m.wire("scalar", state.is(SCALAR));
    let write_base = mux(state.is(INDICES), &o.dst_indices, &o.dst);
    let write_count = mux(&scalar, lit(1, COUNT_BITS), &out_count);
    let write_cmd = m.wire("write_cmd", command(&write_base, &write_count));
    let writer = m.instance(
        "u_write",
        &vector_writer(width)?,
        &clk,
        &[
            ("cmd_valid", &ask_write),
            ("cmd_data", &write_cmd),
            ("in_valid", &out_valid),
            ("in_data", &out_word),
            ("wr_ready", &wr.ready),
        ],
    );
    m.assign(&out_ready, writer.get("in_ready"));
    wr.drive(&mut m, &writer);

    m.section("Sequence");
    let seeded = m.wire("seeded", &prepare & &seeds);
    let listed = m.wire("listed", state.is(INDICES) & &shown_all);
    let retire = m.wire("retire", &seeded | &listed | (&scalar & !&writing));
    let go = |to: u64| lit(to, STATE_BITS);
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&take, |b| {
            b.set(&state, go(PREPARE));
        })
        .elif(&retire | &refuse, |b| {
            b.set(&state, go(IDLE));
        })
        .elif(&begin, |b| {
            b.set(&state, go(STREAM));
        })
        .elif(&streamed, |b| {
            b.set(&state, mux(&tops, go(VALUES), go(MULTIPLY)));
        })
        .elif(&to_indices, |b| {
            b.set(&state, go(INDICES));
        })
        .elif(&multiplied, |b| {
            b.set(&state, go(SEARCH));
        })
        .elif(&found, |b| {
            b.set(&state, go(PICK));
        })
        .elif(&picked, |b| {
            b.set(&state, go(SCALAR));
        });
        b.set(&done_q, &retire);
        b.when(&begin, |b| {
            b.set(&ask_read, elements.ne(lit(0, 32)));
        })
        .elif(&found, |b| {
            b.set(&ask_read, one());
        })
        .elif(reader.get("cmd_ready"), |b| {
            b.set(&ask_read, zero());
        });
        b.when(&write_begin, |b| {
            b.set(&ask_write, one());
            b.set(&writing, one());
        })
        .otherwise(|b| {
            b.when(writer.get("cmd_ready"), |b| {
                b.set(&ask_write, zero());
            });
            b.when(writer.get("done"), |b| {
                b.set(&writing, zero());
            });
        });
    });
    let restart = m.wire("restart", &write_begin | &streamed | &multiplied);
    let counts = m.wire("counts", &turning | &searching | state.is(MULTIPLY));
    m.clocked(&clk, |b| {
        b.when(&restart, |b| {
            b.set(&turn, lit(0, turn_bits));
        })
        .elif(&counts, |b| {
            b.set(&turn, &turn_next);
        });
    });
    m.assign(&done, &done_q);
    m.finish()
}
