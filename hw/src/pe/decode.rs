//! What an instruction asks for: whether the unit can do it, and the counts of its operands.

use std::sync::Arc;

use super::float::FloatFormat;
use super::load::ORDER_BITS;
use super::{PeMode, PeParams};
use crate::glue::ceil_shift;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, any, bits_for, cat, lit, mux, uint, zero};
use crate::scratchpad::COUNT_BITS;

/// Ports: the instruction's operands; `bad`, `bad_mode`, `operand` for the fault; words of a vector and of results, `many`;
/// `count` of beats or parts to load, `beats` of a vector, the ends of the walk; with several modes `order`, `mode_tags`,
/// `kind`, `float`, `bf16`.
pub(super) fn decode(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("pe_decode").doc(
        "Limits of an instruction and counts of its operands. Without registers: operands stay while the instruction is\n\
         in front.",
    );
    let axpy = m.input("axpy", uint(1), "peaxpy");
    let rows = m.input("rows", uint(4), "rows minus one");
    let mode = m.input("mode", uint(4), "what is multiplied with what");
    let n = m.input("n", uint(32), "vectors");
    let len = m.input("len", uint(32), "elements of a vector");
    let plain = p.modes.plain();
    // A choice by mode where there are several; the value of int8 is that of all others too.
    let by_mode = |m: &mut ModuleBuilder, name: &str, of: &dyn Fn(PeMode) -> Expr| {
        let modes = p.modes.iter().filter(|&mode| mode != PeMode::Int8);
        let arms = modes.map(|mode| (mode.code().into(), of(mode)));
        match plain {
            true => m.wire(name, of(PeMode::Int8)),
            false => m.case(name, &mode, arms, of(PeMode::Int8)),
        }
    };
    let flag = |of: fn(PeMode) -> bool| move |mode: PeMode| lit(of(mode).into(), 1);
    let mut outputs: Vec<(&str, Expr, &str)> = Vec::new();

    m.section("Limits");
    let lacks = match plain {
        true => mode.ne(lit(0, 4)),
        false => {
            let other = by_mode(&mut m, "other", &flag(|mode| mode != PeMode::Int8));
            !other & mode.ne(lit(0, 4))
        }
    };
    let bad_mode = m.wire("mode_lacks", lacks | (&axpy & mode.ne(lit(0, 4))));
    let bad_rows = match (plain, p.rows) {
        (true, 16) => zero(),
        _ => {
            let most = |mode: PeMode| lit(u64::from(mode.most_rows(p.rows)) - 1, 4);
            let most = by_mode(&mut m, "most_rows", &most);
            rows.gt(most)
        }
    };
    let bad_rows = m.wire("bad_rows", bad_rows);
    let over = |x: &Expr, max: u32| x.gt(lit(max.into(), 32));
    let too_long = mux(&axpy, over(&len, p.max_axpy), over(&len, p.max_len));
    let ragged = by_mode(&mut m, "ragged", &|mode| {
        let bits = p.beat_elements(mode).trailing_zeros();
        len.bits(bits - 1, 0).reduce_or()
    });
    let bad_len = m.wire("bad_len", any([&len.is(0), &too_long, &ragged]));
    let bad_n = m.wire("bad_n", n.is(0) | (&axpy & over(&n, p.max_count)));
    let operand = mux(&bad_rows, rows.extend(32).plus(1), mux(&bad_len, &len, &n));
    let operand = mux(&bad_mode, mode.extend(32), operand);
    let bad = any([&bad_mode, &bad_rows, &bad_len, &bad_n]);
    outputs.push(("bad", bad, "it cannot be done"));
    outputs.push(("bad_mode", bad_mode, "because of its mode"));
    outputs.push(("operand", operand, "mode or operand for which"));

    m.section("Words of a row's vector and of its results");
    let cb = bits_for(p.max_len.max(p.max_count).into());
    let elements = m.wire(
        "elements",
        mux(&axpy, n.bits(cb - 1, 0), len.bits(cb - 1, 0)),
    );
    let word = (4 * p.lanes).trailing_zeros();
    let words = ceil_shift(&mut m, "code_words", &elements, word, COUNT_BITS);
    let macs = p.macs().trailing_zeros();
    let beats = ceil_shift(
        &mut m,
        "code_beats",
        &elements,
        macs,
        p.beat_addr_bits() + 1,
    );
    let code_count = beats.resize(p.count_bits());
    if p.modes.floats() {
        let float = by_mode(&mut m, "is_float", &flag(|mode| mode.format().is_some()));
        let float_words = ceil_shift(&mut m, "float_words", &elements, p.lane_bits(), COUNT_BITS);
        let parts = p.part().trailing_zeros();
        let parts = ceil_shift(&mut m, "float_parts", &elements, parts, p.count_bits());
        outputs.push((
            "src_words",
            mux(&float, float_words, words),
            "words of a vector",
        ));
        let count = mux(&float, parts, code_count);
        outputs.push(("count", count, "beats of its codes, or parts of its floats"));
        outputs.push(("float", float, "it is floats"));
    } else {
        outputs.push(("src_words", words, "words of a vector"));
        outputs.push(("count", code_count, "beats of its codes"));
    }
    let ob = COUNT_BITS + p.lane_bits();
    let results = mux(&axpy, len.bits(ob - 1, 0), n.bits(ob - 1, 0));
    let results = m.wire("results", results);
    let dst_words = ceil_shift(&mut m, "result_words", &results, p.lane_bits(), COUNT_BITS);
    outputs.push(("dst_words", dst_words, "words of its results"));
    let many = n.bits(31, ob).reduce_or() & !&axpy;
    outputs.push(("many", many, "more results than a range can say"));

    m.section("The packet's beats, and the walk over them");
    let beats_bits = bits_for((p.max_len / p.least_beat_elements()).into());
    let vector = by_mode(&mut m, "vector_beats", &|mode| {
        let shift = p.beat_elements(mode).trailing_zeros();
        len.bits(bits_for(p.max_len.into()) - 1, shift)
            .resize(beats_bits)
    });
    let iw = p.inner_bits();
    let columns = len.bits(bits_for(p.max_axpy.into()) - 1, 0);
    let inner = mux(&axpy, columns.resize(iw + 1), vector.resize(iw + 1)).minus(1);
    let inner = m.wire("inner", inner);
    m.unused(inner.bit(iw));
    let outer = mux(&axpy, beats.extend(32), &n).minus(1);
    outputs.push(("beats", vector, "beats of a vector"));
    outputs.push((
        "inner_end",
        inner.bits(iw - 1, 0),
        "beats of a vector, or columns; minus one",
    ));
    outputs.push(("outer_end", outer, "vectors, or blocks; minus one"));

    if !plain {
        m.section("The mode");
        let order = by_mode(&mut m, "order_of", &|mode| {
            lit(mode.order() as u64, ORDER_BITS)
        });
        outputs.push(("order", order, "where operands go"));
        let tags = by_mode(&mut m, "tags_of", &|mode| {
            let tags = [mode.nibbles(), mode.halves(), mode.format().is_some()];
            cat(&tags.map(|tag| lit(tag.into(), 1)))
        });
        outputs.push(("mode_tags", tags, "nibbles, halves, floats"));
        if p.modes.kinds().len() > 1 {
            let kind = by_mode(&mut m, "kind_of", &|mode| {
                lit(mode.stream().code().into(), 3)
            });
            outputs.push(("kind", kind, "what the packet holds"));
        }
        if p.modes.both() {
            let bf16 = flag(|mode| mode.format() == Some(FloatFormat::Bf16));
            let bf16 = by_mode(&mut m, "is_bf16", &bf16);
            outputs.push(("bf16", bf16, "floats are bf16"));
        }
    }
    for (name, value, doc) in outputs {
        let out = m.output(name, uint(value.width()), doc);
        m.assign(&out, value);
    }
    m.finish()
}
