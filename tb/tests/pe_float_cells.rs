//! What the float units of the array cost after synthesis.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use hw::pe::float::{
    AccumulateParams, AlignParams, Formats, HELD_BITS, STREAM_BITS, StreamKind, StreamParams,
    accumulate, align, convert, normalise, stream_align,
};
use hw::rtl::{Design, Module};
use tb::yosys::{Options, Target, synth_with};

/// For UltraScale+: look-up tables and flip-flops are at most `limit`, a few per cent above what they are, and nothing else
/// is used. `flip_flops`: chains of registers do not become shift registers.
fn within(module: &Arc<Module>, flip_flops: bool, limit: (u64, u64)) {
    let files = Design::new(module).unwrap().emit("");
    let files: Vec<_> = files.into_iter().map(|f| (f.name, f.text)).collect();
    let options = Options {
        flatten: true,
        levels: true,
        flip_flops,
    };
    let report = synth_with(&files, &module.name, Target::Xcup, options).unwrap();
    let t = report.total;
    let text = format!(
        "{}: lut {} (packed {}, memory {}), ff {}, carry {}, levels {:?}",
        module.name, t.lut, t.lut_packed, t.lutram, t.ff, t.carry, t.levels
    );
    println!("{text}");
    assert_eq!((t.dsp, t.bram), (0, 0));
    assert!(t.lut <= limit.0 && t.ff <= limit.1, "{text}");
}

/// Of 16 lanes, 70 to 110 look-up tables each, a sixth of them for the largest exponent.
#[test]
fn cells_of_align() {
    for (formats, limits) in [
        (Formats::Fp16, [(1180, 1500), (1430, 1780)]),
        (Formats::Bf16, [(1310, 1530), (1460, 1760)]),
        (Formats::Both, [(1580, 1650), (1780, 1880)]),
    ] {
        for (magnitude_bits, limit) in [STREAM_BITS, HELD_BITS].into_iter().zip(limits) {
            let p = AlignParams {
                lanes: 16,
                magnitude_bits,
                formats,
            };
            within(&align(&p).unwrap(), true, limit);
        }
    }
}

/// What a kind of beat needs is there only with it.
#[test]
fn cells_of_the_stream() {
    let kinds = StreamKind::ALL;
    for (kinds, limit) in [
        (&kinds[..], (1800, 1310)),
        (&kinds[..5], (1360, 1130)),
        (&kinds[..1], (690, 470)),
        (&kinds[2..5], (350, 350)),
        (&kinds[2..3], (0, 128)),
    ] {
        let p = StreamParams {
            bus_bits: 128,
            kinds: kinds.to_vec(),
        };
        within(&stream_align(&p).unwrap(), false, limit);
    }
}

#[test]
fn cells_of_the_other_units() {
    within(&convert(Formats::Both).unwrap(), true, (38, 40));
    let p = AccumulateParams { max_beats: 64 };
    within(&accumulate(&p).unwrap(), true, (248, 168));
    within(&normalise(p.sum_bits()).unwrap(), true, (285, 220));
}
