//! Stream stages from beats of DRAM to weight words of engine codes.
//!
//! An engine code is 5 bits: bit 4 negates, bits 3:0 name an entry of the half table. For sherry that is the index
//! itself; g3 has 27 indices of which 14..=26 negate 1..=13.

use std::sync::Arc;

use super::golden::{base3_trits, g3_trits, trits_index};
use super::{INDEX_BITS, TlmmParams};
use crate::glue::{End, GearboxParams, gearbox};
use crate::params::{DramFormat, WeightFormat};
use crate::rtl::{Module, ModuleBuilder, RtlError, Sink, Source, cat, lit, mux, uint, zero};

/// Engine code of a g3 index.
pub(super) fn g3_code(index: u8) -> u64 {
    match index {
        0..=13 => u64::from(index),
        14..=26 => u64::from(index) - 13 + 16,
        _ => 0,
    }
}

/// Ports: `clk`, `rst`, sink `in` (W bits, last), source `out` (5 T Q bits, last).
///
/// # Errors
/// A beat or a weight word over 1024 bits.
pub fn unpack(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    match p.dram {
        DramFormat::Base3 => base3(p),
        DramFormat::G3 => g3(p),
        DramFormat::Sherry => sherry(p),
    }
}

fn ports(m: &mut ModuleBuilder, p: &TlmmParams) -> (Sink, Source) {
    let input = m.sink_last("in", uint(p.bus_bits), "beats of a packet");
    let output = m.source_last(
        "out",
        uint(p.word_bits()),
        "weight words, code of t = 0, q = 0 low",
    );
    (input, output)
}

fn pad_gearbox(in_width: u32, out_width: u32) -> Result<Arc<Module>, RtlError> {
    gearbox(&GearboxParams {
        in_width,
        out_width,
        end: End::Pad,
    })
}

fn sherry(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("unpack_sherry").doc(
        "Dense 5-bit sherry indices to weight words; an index is an engine code as it stands.",
    );
    let clk = m.clock_reset("clk", "rst");
    let (input, output) = ports(&mut m, p);
    let last = input.last.clone().unwrap_or_else(zero);
    let g = m.instance(
        "u_words",
        &pad_gearbox(p.bus_bits, p.word_bits())?,
        &clk,
        &[
            ("in_valid", &input.valid),
            ("in_data", &input.data),
            ("in_last", &last),
            ("out_ready", &output.ready),
        ],
    );
    m.assign(&input.ready, g.get("in_ready"));
    drive(
        &mut m,
        &output,
        &g.get("out_valid"),
        &g.get("out_data"),
        &g.get("out_last"),
    );
    m.finish()
}

fn drive(
    m: &mut ModuleBuilder,
    out: &Source,
    valid: &crate::rtl::Expr,
    data: &crate::rtl::Expr,
    last: &crate::rtl::Expr,
) {
    m.assign(&out.valid, valid);
    m.assign(&out.data, data);
    if let Some(l) = &out.last {
        m.assign(l, last);
    }
}

fn g3(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("unpack_g3").doc(
        "Dense 5-bit g3 indices to weight words of engine codes, one register behind the gearbox.",
    );
    let clk = m.clock_reset("clk", "rst");
    let (input, output) = ports(&mut m, p);
    let last = input.last.clone().unwrap_or_else(zero);
    let held = m.reg_init("held", uint(1), 0);
    let free = m.wire("free", !&held | &output.ready);
    let g = m.instance(
        "u_words",
        &pad_gearbox(p.bus_bits, p.word_bits())?,
        &clk,
        &[
            ("in_valid", &input.valid),
            ("in_data", &input.data),
            ("in_last", &last),
            ("out_ready", &free),
        ],
    );
    m.assign(&input.ready, g.get("in_ready"));
    let decode = index_decoder()?;
    let words = g.get("out_data");
    let codes: Vec<_> = (0..p.word_indices())
        .map(|i| {
            let index = words.element(i, INDEX_BITS);
            let d = m.instance(&format!("u_code{i}"), &decode, &clk, &[("index", &index)]);
            d.get("code")
        })
        .collect();
    let valid = g.get("out_valid");
    m.clocked(&clk, |b| {
        b.when(&free, |b| {
            b.set(&held, &valid);
        });
    });
    let word = m.delay("word", &clk, Some(&free), cat(codes.iter().rev()));
    let word_last = m.delay("word_last", &clk, Some(&free), g.get("out_last"));
    drive(&mut m, &output, &held, &word, &word_last);
    m.finish()
}

/// g3 index to engine code.
fn index_decoder() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("g3_index_code")
        .doc("Engine code of a g3 index: negate, entry. Indices 27 to 31 are zeros.");
    let index = m.input("index", uint(INDEX_BITS), "g3 index");
    let code = m.output("code", uint(INDEX_BITS), "negate, entry");
    let arms = (1..27u8).map(|i| (u64::from(i), lit(g3_code(i), INDEX_BITS)));
    let value = m.case("value", &index, arms, lit(0, INDEX_BITS));
    m.assign(&code, &value);
    m.finish()
}

/// Base-3 byte to five weights of two bits (weight + 1), the first in the low bits.
fn byte_decoder() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("base3_byte").doc(
        "Five weights of a base-3 byte, two bits each (weight + 1). Bytes from 243 on are zeros.",
    );
    let byte = m.input("byte_in", uint(8), "sum of (weight + 1) 3^j");
    let trits = m.output("trits", uint(10), "first weight in the low bits");
    let two_bits = |digits: &[i8]| {
        let fields = digits.iter().rev();
        fields.fold(0u64, |v, &w| v << 2 | (w + 1) as u64)
    };
    m.comment(
        "The byte is 27 high + low. Comparisons, not one big table: that would become a block RAM.",
    );
    let step = |high: u8| {
        let digits = two_bits(&base3_trits(27 * high)[3..]);
        // The low part is below 32, so that five bits of the difference are enough.
        lit(digits << 5 | u64::from(27 * high % 32), 9)
    };
    let mut chosen = step(0);
    for high in 1..9u8 {
        let reached = byte.ge(lit(u64::from(27 * high), 8));
        chosen = mux(reached, step(high), chosen);
    }
    let high = m.wire("high", chosen);
    m.note(&high, "two weights, and 27 high modulo 32");
    let low = m.wire("low", byte.bits(4, 0) - high.bits(4, 0));
    let arms = (0..27u8).map(|b| (u64::from(b), lit(two_bits(&base3_trits(b)[..3]), 6)));
    let three = m.case("three", &low, arms, lit(0, 6));
    let spare = byte.ge(lit(243, 8));
    let five = cat([&high.bits(8, 5), &three]);
    let value = m.wire("value", mux(spare, lit(two_bits(&[0; 5]), 10), five));
    m.assign(&trits, &value);
    m.finish()
}

/// Three weights of two bits to an engine code.
fn trit_coder() -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("g3_trits_code").doc("Engine code of three weights (two bits, weight + 1).");
    let trits = m.input("trits", uint(6), "first weight in the low bits");
    let code = m.output("code", uint(INDEX_BITS), "negate, entry");
    let arms = (1..27u8).map(|i| {
        let key = g3_trits(i)
            .iter()
            .rev()
            .fold(0u64, |v, &w| v << 2 | (w + 1) as u64);
        let index = trits_index(WeightFormat::G3, &g3_trits(i)).unwrap_or(0);
        (key, lit(g3_code(index), INDEX_BITS))
    });
    let value = m.case("value", &trits, arms, lit(0, INDEX_BITS));
    m.assign(&code, &value);
    m.finish()
}

fn base3(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let triples = p.base3_triples();
    let (raw_bits, code_bits) = (24 * triples, 5 * INDEX_BITS * triples);
    let mut m = Module::new("unpack_base3").doc(format!(
        "Base-3 bytes to weight words of engine codes: {} bytes are {} weights or {} codes.",
        3 * triples,
        15 * triples,
        5 * triples
    ));
    let clk = m.clock_reset("clk", "rst");
    let (input, output) = ports(&mut m, p);
    let last = input.last.clone().unwrap_or_else(zero);

    m.section("Whole groups of three bytes");
    let held = m.reg_init("held", uint(1), 0);
    let codes_ready = m.wire_decl("codes_ready", uint(1));
    let free = m.wire("free", !&held | &codes_ready);
    let raw = m.instance(
        "u_raw",
        &pad_gearbox(p.bus_bits, raw_bits)?,
        &clk,
        &[
            ("in_valid", &input.valid),
            ("in_data", &input.data),
            ("in_last", &last),
            ("out_ready", &free),
        ],
    );
    m.assign(&input.ready, raw.get("in_ready"));

    m.section("Bytes to weights to codes");
    let (byte, coder) = (byte_decoder()?, trit_coder()?);
    let bytes = raw.get("out_data");
    let trits: Vec<_> = (0..3 * triples)
        .map(|i| {
            let byte_in = bytes.element(i, 8);
            let d = m.instance(&format!("u_byte{i}"), &byte, &clk, &[("byte_in", &byte_in)]);
            d.get("trits")
        })
        .collect();
    let trits = m.wire("trits", cat(trits.iter().rev()));
    let codes: Vec<_> = (0..5 * triples)
        .map(|i| {
            let three = trits.element(i, 6);
            let c = m.instance(&format!("u_code{i}"), &coder, &clk, &[("trits", &three)]);
            c.get("code")
        })
        .collect();
    let valid = raw.get("out_valid");
    m.clocked(&clk, |b| {
        b.when(&free, |b| {
            b.set(&held, &valid);
        });
    });
    let group = m.delay("group", &clk, Some(&free), cat(codes.iter().rev()));
    let group_last = m.delay("group_last", &clk, Some(&free), raw.get("out_last"));

    m.section("Weight words");
    let g = m.instance(
        "u_words",
        &pad_gearbox(code_bits, p.word_bits())?,
        &clk,
        &[
            ("in_valid", &held),
            ("in_data", &group),
            ("in_last", &group_last),
            ("out_ready", &output.ready),
        ],
    );
    m.assign(&codes_ready, g.get("in_ready"));
    drive(
        &mut m,
        &output,
        &g.get("out_valid"),
        &g.get("out_data"),
        &g.get("out_last"),
    );
    m.finish()
}
