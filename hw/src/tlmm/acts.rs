//! Activations from the scratchpad to the core's memory.

use std::sync::Arc;

use super::TlmmParams;
use super::core::Code;
use crate::glue::{End, GearboxParams, ceil_shift, gearbox};
use crate::rtl::{
    Expr, Module, RtlError, all, any, bits_for, cat, clog2, lit, mux, one, repeat, uint, zero,
};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS, command, vector_reader};

/// Bits of a number of vectors.
pub(super) const MORE_BITS: u32 = 4;

/// Parts of a K tile: A activations each.
fn parts_of_tile(p: &TlmmParams) -> u32 {
    p.tile_k() / p.core_params().act_lanes
}

/// Ports: `clk`, `rst`; pulse `start` while not `busy`, with `src`, `src_stride`, `k`, `k_tiles` (minus one), `more`, `half`
/// stable until `busy` falls; read port; `act_we`, `act_addr`, `act_data` as those of the core; `tiles0`, `tiles1`: K
/// tiles of all vectors that are written in either half.
pub(super) fn activations(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let core = p.core_params();
    let (word, lanes) = (32 * p.lanes, core.act_lanes);
    let kw = core.tile_bits();
    let mut m = Module::new("tlmm_acts").doc(format!(
        "Activations of an instruction to the core's memory, vector by vector, {lanes} at a time."
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while not busy");
    let src = m.input("src", uint(ADDR_BITS), "first word of vector 0");
    let src_stride = m.input("src_stride", uint(ADDR_BITS), "words from vector to vector");
    let k = m.input(
        "k",
        uint(bits_for(p.max_k.into())),
        "activations of a vector",
    );
    let k_tiles = m.input("k_tiles", uint(kw), "K tiles minus one");
    let more = m.input("more", uint(MORE_BITS), "vectors minus one");
    let half = m.input("half", uint(1), "of the core's memory");
    let busy = m.output("busy", uint(1), "not all is written");
    let req_valid = m.output("req_valid", uint(1), "read port of the scratchpad");
    let req_ready = m.input("req_ready", uint(1), "");
    let req_addr = m.output("req_addr", uint(ADDR_BITS), "word");
    let rsp_valid = m.input("rsp_valid", uint(1), "");
    let rsp_data = m.input("rsp_data", uint(word), "");
    let act_we = m.output("act_we", uint(core.act_blocks()), "write, vector 0 low");
    let act_addr = m.output(
        "act_addr",
        uint(core.act_addr_bits()),
        "half, K tile, element",
    );
    let act_data = m.output("act_data", uint(8 * lanes), "");
    let written = [0, 1].map(|h| {
        m.output(
            &format!("tiles{h}"),
            uint(kw + 1),
            "K tiles that are written",
        )
    });

    let parts_ready = m.wire_decl("parts_ready", uint(1));
    let parts = m.instance(
        "u_parts",
        &parts(p)?,
        &clk,
        &[
            ("start", &start),
            ("src", &src),
            ("src_stride", &src_stride),
            ("k", &k),
            ("k_tiles", &k_tiles),
            ("more", &more),
            ("req_ready", &req_ready),
            ("rsp_valid", &rsp_valid),
            ("rsp_data", &rsp_data),
            ("out_ready", &parts_ready),
        ],
    );
    let parts_busy = parts.get("busy");
    m.assign(&req_valid, parts.get("req_valid"));
    m.assign(&req_addr, parts.get("req_addr"));
    let stream = if core.code == Code::Sherry {
        let t = m.instance(
            "u_transpose",
            &transpose(lanes)?,
            &clk,
            &[
                ("in_valid", &parts.get("out_valid")),
                ("in_data", &parts.get("out_data")),
                ("in_last", &parts.get("out_last")),
            ],
        );
        m.assign(&parts_ready, t.get("in_ready"));
        t
    } else {
        m.assign(&parts_ready, one());
        parts
    };
    let put = stream.get("out_valid");
    let tile_end = m.wire("tile_end", &put & &stream.get("out_last"));

    m.section("Place in the core's memory");
    let each = core.groups / lanes;
    let block = m.reg("block", uint(each));
    m.note(&block, "one bit: block of groups");
    let element_bits = core.element_bits();
    let element = (element_bits > 0).then(|| m.reg("element", uint(element_bits)));
    let tile = m.reg("tile", uint(kw));
    let vector = m.reg("vector", uint(p.batch));
    m.note(&vector, "one bit");
    let counted = m.reg("counted", uint(MORE_BITS));
    let vector_end = m.wire("vector_end", &tile_end & tile.eq(&k_tiles));
    let last_vector = m.wire("last_vector", counted.eq(&more));
    let active = m.reg_init("active", uint(1), 0);
    let rotated = |x: &Expr| match x.width() {
        1 => x.clone(),
        n => cat([&x.bits(n - 2, 0), &x.bit(n - 1)]),
    };
    // What moves on with each part, and what when that has come around.
    let (block_moves, element_moves) = match (core.code, &element) {
        (Code::Sherry, Some(e)) => (put.clone() & e.is(3), put.clone()),
        _ => (put.clone(), put.clone() & block.bit(each - 1)),
    };
    m.clocked(&clk, |b| {
        b.when(&start | &tile_end, |b| {
            b.set(&block, lit(1, each));
        })
        .elif(&block_moves, |b| {
            b.set(&block, rotated(&block));
        });
        if let Some(e) = &element {
            b.when(&start | &tile_end, |b| {
                b.set(e, lit(0, element_bits));
            })
            .elif(&element_moves, |b| {
                b.set(e, e.plus(1));
            });
        }
        b.when(&start | &vector_end, |b| {
            b.set(&tile, lit(0, kw));
        })
        .elif(&tile_end, |b| {
            b.set(&tile, tile.plus(1));
        });
        b.when(&start, |b| {
            b.set(&active, one());
            b.set(&vector, lit(1, p.batch));
            b.set(&counted, lit(0, MORE_BITS));
        })
        .elif(&vector_end, |b| {
            b.set(&active, !&last_vector);
            b.set(&vector, rotated(&vector));
            b.set(&counted, counted.plus(1));
        });
    });

    m.section("Writes");
    let enables: Vec<Expr> = (0..p.batch)
        .flat_map(|v| (0..each).map(move |i| (v, i)))
        .map(|(v, i)| all([&put, &vector.bit(v), &block.bit(i)]))
        .collect();
    let enables_q = m.reg_init("enables", uint(core.act_blocks()), 0);
    m.clocked(&clk, |b| {
        b.set(&enables_q, cat(enables.iter().rev()));
    });
    m.assign(&act_we, &enables_q);
    let address = [Some(&half), Some(&tile), element.as_ref()];
    let address = cat(address.into_iter().flatten());
    let address = m.delay("address", &clk, None, address);
    m.assign(&act_addr, &address);
    let data = m.delay("data", &clk, None, stream.get("out_data"));
    m.assign(&act_data, &data);
    let counting = m.reg_init("counting", uint(1), 0);
    m.note(&counting, "a K tile of the last vector is being written");
    let mut counters = Vec::new();
    for (h, out) in (0..).zip(&written) {
        let tiles = m.reg_init(&format!("written{h}"), uint(kw + 1), 0);
        m.assign(out, &tiles);
        counters.push((half.is(h), tiles));
    }
    m.clocked(&clk, |b| {
        b.set(&counting, &tile_end & &last_vector);
        for (mine, tiles) in &counters {
            b.when(&start & mine, |b| {
                b.set(tiles, lit(0, kw + 1));
            })
            .elif(&counting & mine, |b| {
                b.set(tiles, tiles.plus(1));
            });
        }
    });
    m.assign(&busy, any([&active, &counting, &parts_busy]));
    m.finish()
}

/// Ports: `clk`, `rst`, `start`, `src`, `src_stride`, `k`, `k_tiles`, `more`, read port, source `out` (A activations, last of a
/// K tile), `busy`.
fn parts(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let (word, lanes) = (32 * p.lanes, p.core_params().act_lanes);
    let kw = p.core_params().tile_bits();
    let mut m = Module::new("tlmm_act_parts").doc(format!(
        "Vectors as whole K tiles of {} parts of {lanes} activations; places past K are 0.",
        parts_of_tile(p)
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while not busy");
    let src = m.input("src", uint(ADDR_BITS), "");
    let src_stride = m.input("src_stride", uint(ADDR_BITS), "");
    let shift = (4 * p.lanes).trailing_zeros();
    let kb = bits_for(p.max_k.into());
    let k = m.input("k", uint(kb), "");
    let k_tiles = m.input("k_tiles", uint(kw), "minus one");
    let more = m.input("more", uint(MORE_BITS), "");
    let req_valid = m.output("req_valid", uint(1), "");
    let req_ready = m.input("req_ready", uint(1), "");
    let req_addr = m.output("req_addr", uint(ADDR_BITS), "");
    let rsp_valid = m.input("rsp_valid", uint(1), "");
    let rsp_data = m.input("rsp_data", uint(word), "");
    let out = m.source_last("out", uint(8 * lanes), "parts; last of a K tile");
    let busy = m.output("busy", uint(1), "words are yet to be taken");

    m.section("One command of the reader for each vector");
    let reading = m.reg_init("reading", uint(1), 0);
    m.note(&reading, "vectors are not yet asked for");
    let base = m.reg("base", uint(ADDR_BITS));
    let asked = m.reg("asked", uint(MORE_BITS));
    let words = ceil_shift(&mut m, "words", &k, shift, COUNT_BITS);
    let words_ready = m.wire_decl("words_ready", uint(1));
    let reader = m.instance(
        "u_reader",
        &vector_reader(word)?,
        &clk,
        &[
            ("cmd_valid", &reading),
            ("cmd_data", &command(&base, &words)),
            ("out_ready", &words_ready),
            ("req_ready", &req_ready),
            ("rsp_valid", &rsp_valid),
            ("rsp_data", &rsp_data),
        ],
    );
    m.assign(&req_valid, reader.get("req_valid"));
    m.assign(&req_addr, reader.get("req_addr"));
    let next = m.wire("next", &reading & reader.get("cmd_ready"));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&reading, one());
            b.set(&base, &src);
            b.set(&asked, lit(0, MORE_BITS));
        })
        .elif(&next, |b| {
            b.set(&reading, asked.ne(&more));
            b.set(&base, &base + &src_stride);
            b.set(&asked, asked.plus(1));
        });
    });

    m.section(
        "Parts of a vector: those past its words are zeros, those past its K tiles are dropped",
    );
    let part_ready = m.wire_decl("part_ready", uint(1));
    let parts = m.instance(
        "u_parts",
        &gearbox(&GearboxParams {
            in_width: word,
            out_width: 8 * lanes,
            end: End::Pad,
        })?,
        &clk,
        &[
            ("in_valid", &reader.get("out_valid")),
            ("in_data", &reader.get("out_data")),
            ("in_last", &reader.get("out_last")),
            ("out_ready", &part_ready),
        ],
    );
    m.assign(&words_ready, parts.get("in_ready"));
    let width = kb.max(bits_for(lanes.into()));
    let active = m.reg_init("active", uint(1), 0);
    m.assign(&busy, &active);
    let left = m.reg("left", uint(width));
    m.note(&left, "activations of the vector that are in no part yet");
    let tile = m.reg("tile", uint(kw));
    let bits = clog2(parts_of_tile(p).into());
    let part = m.reg("part", uint(bits));
    m.note(&part, "of the K tile");
    let vectors = m.reg("vectors", uint(MORE_BITS));
    m.note(&vectors, "that are complete");
    let ended = m.reg("ended", uint(1));
    m.note(&ended, "the vector's words have been taken");
    let full = m.reg("full", uint(1));
    m.note(&full, "its K tiles are full");
    m.assign(
        &out.valid,
        &active & !&full & (parts.get("out_valid") | &ended),
    );
    m.assign(&part_ready, &active & !&ended & (&out.ready | &full));
    let masked: Vec<Expr> = (0..lanes)
        .map(|i| {
            let inside = !&ended & left.gt(lit(i.into(), width));
            repeat(8, inside) & parts.get("out_data").element(i, 8)
        })
        .collect();
    m.assign(&out.data, cat(masked.iter().rev()));
    let tile_last = m.wire("tile_last", part.is(u64::from(parts_of_tile(p)) - 1));
    if let Some(last) = &out.last {
        m.assign(last, &tile_last);
    }
    let put = m.wire("put", out.fire());
    let tile_end = m.wire("tile_end", &put & &tile_last);
    let end = m.wire("vector_end", all([&active, &full, &ended]));
    let taken = parts.get("out_valid") & &part_ready & parts.get("out_last");
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&active, one());
            b.set(&vectors, lit(0, MORE_BITS));
        })
        .elif(&end, |b| {
            b.set(&active, vectors.ne(&more));
            b.set(&vectors, vectors.plus(1));
        });
        b.when(&start | &end, |b| {
            b.set(&left, k.extend(width));
            b.set(&tile, lit(0, kw));
            b.set(&part, lit(0, bits));
            b.set(&ended, zero());
            b.set(&full, zero());
        })
        .otherwise(|b| {
            b.set(&ended, &ended | &taken);
            b.set(&full, &full | (&tile_end & tile.eq(&k_tiles)));
            b.when(&put, |b| {
                let past = left.le(lit(lanes.into(), width));
                b.set(&left, mux(past, lit(0, width), left.minus(lanes.into())));
                b.set(&part, mux(&tile_last, lit(0, bits), part.plus(1)));
            });
            b.when(&tile_end, |b| {
                b.set(&tile, tile.plus(1));
            });
        });
    });
    m.finish()
}

/// Four parts of neighbouring activations to four parts that hold one element each of as many groups. Ports: `clk`, `rst`,
/// sink `in` with last, `out_valid`, `out_data`, `out_last`.
fn transpose(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_act_transpose").doc(format!(
        "Activations of {lanes} groups of four, neighbours first, to element 0 of each group, element 1, ..\n\
         Four parts are taken, then four are given."
    ));
    let clk = m.clock_reset("clk", "rst");
    let input = m.sink_last("in", uint(8 * lanes), "");
    let out_valid = m.output("out_valid", uint(1), "");
    let out_data = m.output("out_data", uint(8 * lanes), "");
    let out_last = m.output("out_last", uint(1), "");
    let giving = m.reg_init("giving", uint(1), 0);
    let step = m.reg_init("step", uint(2), 0);
    let last = m.reg("last", uint(1));
    let held: Vec<Expr> = (0..4)
        .map(|i| m.reg(&format!("held{i}"), uint(8 * lanes)))
        .collect();
    m.assign(&input.ready, !&giving);
    let take = m.wire("take", input.fire());
    let moved = m.wire("moved", &take | &giving);
    let full = m.wire("full", &take & step.is(3));
    let emptied = m.wire("emptied", &giving & step.is(3));
    m.clocked(&clk, |b| {
        b.when(&moved, |b| {
            b.set(&step, step.plus(1));
        });
        b.set(&giving, &full | (&giving & !&emptied));
        for (i, held) in (0..).zip(&held) {
            b.when(&take & step.is(i), |b| {
                b.set(held, &input.data);
            });
        }
        b.when(&take, |b| {
            if let Some(l) = &input.last {
                b.set(&last, l);
            }
        });
    });
    let group = m.wire("group", cat(held.iter().rev()));
    let element = |e: u32| {
        let of: Vec<Expr> = (0..lanes).map(|g| group.element(4 * g + e, 8)).collect();
        cat(of.iter().rev())
    };
    let arms = (0..3).map(|e| (u64::from(e), element(e)));
    let chosen = m.case("chosen", &step, arms, element(3));
    m.assign(&out_valid, &giving);
    m.assign(&out_data, &chosen);
    m.assign(&out_last, &last & step.is(3));
    m.finish()
}
