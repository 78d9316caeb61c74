//! Stream stages from beats of DRAM to weight words of the core's codes.
//!
//! On the way two-bit weights are carried as (weight + 1) xor 1, so that the zeros that fill a partial word are zero weights.

use std::sync::Arc;

use super::TlmmParams;
use super::core::Code;
use super::golden::{base3_trits, codes, g3_trits, index_trits, place};
use crate::glue::{End, GearboxParams, gearbox};
use crate::params::{DramFormat, WeightFormat};
use crate::rtl::{
    Expr, Instance, Module, ModuleBuilder, RtlError, Sink, Source, cat, lit, mux, repeat, uint,
    zero,
};

/// Bits of an index of a table.
const INDEX_BITS: u32 = 5;

/// Ports: `clk`, `rst`, sink `in` (W bits, last), source `out` (a weight word of the core, last).
///
/// # Errors
/// A beat or a weight word wider than a gearbox takes.
pub fn unpack(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    match p.dram {
        DramFormat::Base3 => base3(p),
        DramFormat::G3 | DramFormat::Sherry | DramFormat::TwoBit => dense(p),
    }
}

fn ports(m: &mut ModuleBuilder, p: &TlmmParams) -> (Sink, Source) {
    let input = m.sink_last("in", uint(p.bus_bits), "beats of a packet");
    let output = m.source_last(
        "out",
        uint(p.core_params().word_bits()),
        "weight words, codes of row 0 low",
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

/// Hands the words of the gearbox on, as `codes` of them.
fn drive(m: &mut ModuleBuilder, out: &Source, words: &Instance, codes: &Expr) {
    m.assign(&out.valid, words.get("out_valid"));
    m.assign(&out.data, codes);
    if let Some(last) = &out.last {
        m.assign(last, words.get("out_last"));
    }
}

/// Flips the low bit of every field of two bits.
fn flip(fields: &Expr) -> Expr {
    let ones = repeat(fields.width() / 2, lit(1, 2));
    fields ^ ones
}

/// Two-bit weights of a weight word, each group's together, in the order of the core: by place in the K tile.
fn by_place(p: &TlmmParams, weights: &Expr) -> Expr {
    let (groups, group) = (p.groups, p.format.group());
    let mut lanes = vec![zero(); (p.rows * p.tile_k()) as usize];
    for q in 0..p.rows {
        for t in 0..groups {
            for e in 0..group {
                let at = q * p.tile_k() + place(p.format, groups, t, e);
                lanes[at as usize] = weights.element((q * groups + t) * group + e, 2);
            }
        }
    }
    cat(lanes.iter().rev())
}

/// Weights of an index, weight + 1 in two bits each.
fn index_decoder(format: WeightFormat) -> Result<Arc<Module>, RtlError> {
    let name = match format {
        WeightFormat::Sherry => "sherry_weights",
        _ => "g3_weights",
    };
    let mut m = Module::new(name).doc("Weights of an index, weight + 1 in two bits each.");
    let bits = 2 * format.group();
    let index = m.input("index", uint(INDEX_BITS), "");
    let trits = m.output("trits", uint(bits), "first weight in the low bits");
    let arms = (0..codes(format)).map(|i| {
        let fields = two_bits(&index_trits(format, i));
        (u64::from(i), lit(fields, bits))
    });
    let spare = lit(two_bits(&vec![0; format.group() as usize]), bits);
    let value = m.case("value", &index, arms, spare);
    m.assign(&trits, &value);
    m.finish()
}

/// Weights as fields of two bits, weight + 1, first weight low.
fn two_bits(trits: &[i8]) -> u64 {
    let fields = trits.iter().rev();
    fields.fold(0u64, |v, &w| v << 2 | (w + 1) as u64)
}

fn dense(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let bits = p.format.index_bits();
    let mut m = Module::new("unpack_dense").doc(format!(
        "Dense indices of {bits} bits to weight words of {} indices.",
        p.word_indices()
    ));
    let clk = m.clock_reset("clk", "rst");
    let (input, output) = ports(&mut m, p);
    let last = input.last.clone().unwrap_or_else(zero);
    let beats = match p.dram {
        DramFormat::TwoBit => flip(&input.data),
        _ => input.data.clone(),
    };
    let words = m.instance(
        "u_words",
        &pad_gearbox(p.bus_bits, bits * p.word_indices())?,
        &clk,
        &[
            ("in_valid", &input.valid),
            ("in_data", &beats),
            ("in_last", &last),
            ("out_ready", &output.ready),
        ],
    );
    m.assign(&input.ready, words.get("in_ready"));
    let indices = words.get("out_data");
    let codes = match (p.core_params().code, p.format) {
        (Code::TwoBit, WeightFormat::TwoBit) => flip(&indices),
        (Code::TwoBit, format) => {
            m.section("Indices to weights");
            let decoder = index_decoder(format)?;
            let weights: Vec<Expr> = (0..p.word_indices())
                .map(|i| {
                    let index = indices.element(i, bits);
                    let name = format!("u_index{i}");
                    m.instance(&name, &decoder, &clk, &[("index", &index)])
                        .get("trits")
                })
                .collect();
            let weights = m.wire("weights", cat(weights.iter().rev()));
            by_place(p, &weights)
        }
        (Code::G3 | Code::Sherry, _) => indices,
    };
    drive(&mut m, &output, &words, &codes);
    m.finish()
}

/// Base-3 byte to five weights of two bits (weight + 1), the first in the low bits.
fn byte_decoder() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("base3_byte").doc(
        "Five weights of a base-3 byte, two bits each (weight + 1). Bytes from 243 on are zeros.",
    );
    let byte = m.input("byte_in", uint(8), "sum of (weight + 1) 3^j");
    let trits = m.output("trits", uint(10), "first weight in the low bits");
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

/// Three weights of two bits to a g3 index.
fn trit_coder() -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("g3_trits_index").doc("g3 index of three weights (two bits, weight + 1).");
    let trits = m.input("trits", uint(6), "first weight in the low bits");
    let index = m.output("index", uint(INDEX_BITS), "");
    let arms = (1..27u8).map(|i| (two_bits(&g3_trits(i)), lit(i.into(), INDEX_BITS)));
    let value = m.case("value", &trits, arms, lit(0, INDEX_BITS));
    m.assign(&index, &value);
    m.finish()
}

fn base3(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let bytes_in = p.base3_bytes();
    let core = p.core_params();
    let group_bits = match core.code {
        Code::TwoBit => 10 * bytes_in,
        Code::G3 | Code::Sherry => INDEX_BITS * 5 * bytes_in / 3,
    };
    let mut m = Module::new("unpack_base3").doc(format!(
        "Base-3 bytes to weight words: {bytes_in} bytes are {} weights.",
        5 * bytes_in
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
        &pad_gearbox(p.bus_bits, 8 * bytes_in)?,
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
    let byte = byte_decoder()?;
    let bytes = raw.get("out_data");
    let trits: Vec<_> = (0..bytes_in)
        .map(|i| {
            let byte_in = bytes.element(i, 8);
            let d = m.instance(&format!("u_byte{i}"), &byte, &clk, &[("byte_in", &byte_in)]);
            d.get("trits")
        })
        .collect();
    let trits = m.wire("trits", cat(trits.iter().rev()));
    let codes = if core.code == Code::TwoBit {
        flip(&trits)
    } else {
        let coder = trit_coder()?;
        let codes: Vec<_> = (0..5 * bytes_in / 3)
            .map(|i| {
                let three = trits.element(i, 6);
                let c = m.instance(&format!("u_code{i}"), &coder, &clk, &[("trits", &three)]);
                c.get("index")
            })
            .collect();
        cat(codes.iter().rev())
    };
    let valid = raw.get("out_valid");
    m.clocked(&clk, |b| {
        b.when(&free, |b| {
            b.set(&held, &valid);
        });
    });
    let group = m.delay("group", &clk, Some(&free), codes);
    let group_last = m.delay("group_last", &clk, Some(&free), raw.get("out_last"));

    m.section("Weight words");
    let words = m.instance(
        "u_words",
        &pad_gearbox(group_bits, core.word_bits())?,
        &clk,
        &[
            ("in_valid", &held),
            ("in_data", &group),
            ("in_last", &group_last),
            ("out_ready", &output.ready),
        ],
    );
    m.assign(&codes_ready, words.get("in_ready"));
    let word = words.get("out_data");
    let codes = match core.code {
        Code::TwoBit => {
            let weights = m.wire("weights", flip(&word));
            by_place(p, &weights)
        }
        Code::G3 | Code::Sherry => word,
    };
    drive(&mut m, &output, &words, &codes);
    m.finish()
}
