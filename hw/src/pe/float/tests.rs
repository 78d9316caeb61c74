//! Golden functions against oracles from outside, error of whole products, emitted modules. Hardware is held against the
//! golden functions in `tb/tests/pe_float.rs`.

mod error;
mod oracle;

use rustc_apfloat::ieee::{BFloat, Double, Half};
use rustc_apfloat::{Float, FloatConvert};

use super::*;
use crate::rtl::Design;

/// The value of a pattern, subnormals as zero; exact.
fn value(format: FloatFormat, bits: u16) -> f64 {
    let (bits, lossy) = (u128::from(bits), &mut false);
    let double: Double = match format {
        FloatFormat::Fp16 => Half::from_bits(bits).convert(lossy).value,
        FloatFormat::Bf16 => BFloat::from_bits(bits).convert(lossy).value,
    };
    let value = f64::from_bits(double.to_bits() as u64);
    let smallest = 2f64.powi(1 - format.bias() as i32);
    if value.abs() < smallest { 0.0 } else { value }
}

#[test]
fn emitted_modules() {
    let lanes = 4;
    let mut modules = vec![
        accumulate(&AccumulateParams { max_beats: 64 }).unwrap(),
        normalise(49).unwrap(),
    ];
    for formats in Formats::ALL {
        modules.push(convert(formats).unwrap());
        for magnitude_bits in [STREAM_BITS, HELD_BITS] {
            let p = AlignParams {
                lanes,
                magnitude_bits,
                formats,
            };
            let unit = align(&p).unwrap();
            modules.extend(Design::new(&unit).unwrap().modules().cloned());
        }
    }
    let floats = StreamKind::ALL[..2].to_vec();
    let integers = StreamKind::ALL[2..].to_vec();
    for kinds in [
        StreamKind::ALL.to_vec(),
        floats,
        integers,
        vec![StreamKind::Int8],
        vec![StreamKind::Bf16, StreamKind::Int4],
    ] {
        let bus_bits = 32;
        modules.push(stream_align(&StreamParams { bus_bits, kinds }).unwrap());
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules.dedup_by(|a, b| a.name == b.name);
    for m in modules {
        let text = m.verilog();
        assert!(text.lines().count() <= 150, "{} is long", m.name);
        insta::assert_snapshot!(m.name.clone(), text);
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_in_words() {
    let params = |lanes, magnitude_bits| AlignParams {
        lanes,
        magnitude_bits,
        formats: Formats::Both,
    };
    let refused = |lanes, bits| align(&params(lanes, bits)).unwrap_err().to_string();
    assert!(refused(65, 17).contains("n = 65"));
    assert!(refused(8, 28).contains("F = 28"));
    let stream = |bus_bits, kinds: &[StreamKind]| {
        let kinds = kinds.to_vec();
        let p = StreamParams { bus_bits, kinds };
        stream_align(&p).unwrap_err().to_string()
    };
    assert!(stream(48, &[StreamKind::Int8]).contains("W = 48"));
    assert!(stream(64, &[]).contains("kinds"));
    assert!(stream(64, &[StreamKind::Int4, StreamKind::Int8]).contains("kinds"));
    let max_beats = 1;
    let refused = accumulate(&AccumulateParams { max_beats }).unwrap_err();
    assert!(refused.to_string().contains("max_beats = 1"));
    assert!(normalise(65).unwrap_err().to_string().contains("sum_bits"));
}

#[test]
fn many_sizes_are_legal_rtl() {
    for (lanes, magnitude_bits) in [(2, 16), (4, 17), (3, 20), (5, 26), (16, 17), (64, 27)] {
        for formats in Formats::ALL {
            let p = AlignParams {
                lanes,
                magnitude_bits,
                formats,
            };
            align(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        }
    }
    for set in 1..64 {
        let chosen = |k: &StreamKind| set >> k.code() & 1 == 1;
        let p = StreamParams {
            bus_bits: 32,
            kinds: StreamKind::ALL.into_iter().filter(chosen).collect(),
        };
        stream_align(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
    }
    for max_beats in [2, 3, 1 << 20] {
        let p = AccumulateParams { max_beats };
        accumulate(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        normalise(p.sum_bits()).unwrap_or_else(|e| panic!("{p:?}: {e}"));
    }
}
