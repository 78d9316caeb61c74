//! The broadcast array in Verilator as natively; its cells.

#![allow(clippy::unwrap_used)]

mod lockstep;

use hw::params::Technology;
use hw::pe::broadcast::{BroadcastParams, pe_broadcast};
use hw::pe::float::Formats;
use lockstep::Lockstep;
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::bench::cells;
use tb::yosys::Target;

/// Random writes, beats and vectors; natively it is held against its golden function in its own tests.
#[test]
fn in_verilator_as_natively() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for (technology, lanes, rows, formats) in [
        (Technology::XilinxUscale, 16, 4, Formats::Both),
        (Technology::Generic, 32, 2, Formats::Fp16),
    ] {
        let p = BroadcastParams {
            technology,
            lanes,
            rows,
            formats,
            max_beats: 4,
        };
        let module = pe_broadcast(&p).unwrap();
        let mut pair = Lockstep::new(&module);
        let width = |name: &str| {
            let port = module.ports.iter().find(|port| port.name == name);
            port.unwrap().ty.width
        };
        let mut any = |bits: u32| {
            let words = (0..bits.div_ceil(32)).map(|_| rng.random()).collect();
            BigUint::new(words) & ((BigUint::from(1u32) << bits) - 1u32)
        };
        let tiles = 2 * p.max_beats;
        // Reset, then all weights, then vectors of two beats or more while weights change.
        let filled = 2 + tiles * lanes / 2;
        let mut left = 0;
        for cycle in 0..filled + 3000 {
            pair.set("rst", &u32::from(cycle < 2).into());
            for name in ["x", "write_data"] {
                pair.set(name, &any(width(name)));
            }
            let place = cycle.saturating_sub(2);
            let writes = cycle >= 2 && (cycle < filled || place % 3 == 0);
            pair.set("write", &u32::from(writes).into());
            pair.set("write_lanes", &(place % (lanes / 2)).into());
            pair.set("write_tile", &(place / (lanes / 2) % tiles).into());
            pair.set("tile", &any(p.tile_bits()));
            if formats == Formats::Both {
                pair.set("format", &any(1));
            }
            let valid = cycle >= filled && place % 5 > 0;
            let first = left == 0;
            if first {
                left = p.rows;
            }
            pair.set("valid", &u32::from(valid).into());
            pair.set("first", &u32::from(first).into());
            pair.set("last", &u32::from(left == 1).into());
            left -= u32::from(valid);
            if !valid && first {
                left = 0;
            }
            let known = filled + p.latency() + p.rows;
            pair.step(cycle > known);
        }
    }
}

/// 64 x 16, fp16: a multiplier for two products; the bound on look-up tables is a few per cent above what they are.
#[test]
#[ignore = "two minutes: Yosys on 1024 products"]
fn cells_of_the_array() {
    let p = BroadcastParams {
        technology: Technology::XilinxUscale,
        lanes: 64,
        rows: 16,
        formats: Formats::Fp16,
        max_beats: 16,
    };
    let t = cells(&pe_broadcast(&p).unwrap(), Target::Xcup).unwrap();
    println!("{t:?}");
    assert_eq!((t.dsp, t.bram), (512, 0));
    assert!(t.lut <= 12_000, "{} LUT", t.lut);
}
