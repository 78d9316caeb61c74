//! Chains of multipliers in Verilator, and what they cost.

#![allow(clippy::unwrap_used)]

mod lockstep;

use std::sync::Arc;

use hw::glue::delays;
use hw::params::Technology;
use hw::pe::array::{A_BITS, B_BITS, ChainParams, SUM_BITS, pe_chain, pe_skew};
use hw::rtl::{Design, Module, cat, uint};
use lockstep::Lockstep;
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::yosys::{Cells, Options, Target, synth_with};

fn params(technology: Technology, lanes: u32, split: bool) -> ChainParams {
    ChainParams {
        technology,
        lanes,
        split,
    }
}

/// A chain behind its skew, which for A is made of registers here.
fn skewed_chain(p: &ChainParams) -> Arc<Module> {
    let mut m = Module::new("skewed_chain");
    let clk = m.clock("clk");
    let a = m.input("a", uint(A_BITS * p.lanes), "");
    let b = m.input("b", uint(B_BITS * p.lanes), "");
    let bias = m.input("bias", uint(1), "");
    let halves = p.split.then(|| m.input("halves", uint(1), ""));
    let sum = m.output("sum", uint(SUM_BITS), "");
    let half = p.split.then(|| m.output("half", uint(SUM_BITS), ""));
    let lanes: Vec<_> = (0..p.lanes)
        .map(|lane| {
            let name = format!("a{lane}");
            let own = m.wire(&name, a.element(lane, A_BITS));
            delays(&mut m, &clk, &name, &own, p.skew(lane)).remove(p.skew(lane) as usize)
        })
        .collect();
    let a = m.wire("a_skewed", cat(lanes.iter().rev()));
    let mut inputs = vec![("b", &b), ("bias", &bias)];
    inputs.extend(halves.iter().map(|h| ("halves", h)));
    let skew = m.instance("u_skew", &pe_skew(p).unwrap(), &clk, &inputs);
    let (b, bias) = (skew.get("b_skewed"), skew.get("bias_skewed"));
    let mut inputs = vec![("a", &a), ("b", &b), ("bias", &bias)];
    let upper: Vec<_> = ["bias_upper", "whole"]
        .into_iter()
        .filter(|_| p.split)
        .map(|name| (name, skew.get(name)))
        .collect();
    inputs.extend(upper.iter().map(|(name, value)| (*name, value)));
    let chain = m.instance("u_chain", &pe_chain(p).unwrap(), &clk, &inputs);
    m.assign(&sum, chain.get("sum"));
    if let Some(half) = half {
        m.assign(&half, chain.get("half"));
    }
    m.finish().unwrap()
}

#[test]
fn in_verilator_as_natively() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for (technology, lanes, split) in [
        (Technology::XilinxUscale, 16, true),
        (Technology::XilinxUscale, 5, false),
        (Technology::Generic, 6, true),
        (Technology::Ecp5, 3, false),
    ] {
        let p = params(technology, lanes, split);
        let mut pair = Lockstep::new(&skewed_chain(&p));
        for cycle in 0..1000 {
            for (name, bits) in [("a", A_BITS * lanes), ("b", B_BITS * lanes)] {
                let random = (0..bits.div_ceil(32)).map(|_| rng.random()).collect();
                let mask = (BigUint::from(1u32) << bits) - 1u32;
                let value = BigUint::new(random) & &mask;
                pair.set(
                    name,
                    &if rng.random_range(0..8) == 0 {
                        mask
                    } else {
                        value
                    },
                );
            }
            for name in ["bias", "halves"].iter().take(1 + usize::from(split)) {
                pair.set(name, &rng.random_range(0..2u32).into());
            }
            pair.step(cycle > p.latency());
        }
    }
}

/// Cells of one module; `flip_flops`: without shift registers in look-up tables.
fn cells(top: &Arc<Module>, target: Target, flip_flops: bool) -> Cells {
    let files = Design::new(top).unwrap().emit("");
    let files: Vec<_> = files.into_iter().map(|f| (f.name, f.text)).collect();
    let options = Options {
        flatten: true,
        flip_flops,
        ..Options::default()
    };
    let report = synth_with(&files, &top.name, target, options).unwrap_or_else(|e| panic!("{e}"));
    let t = report.total;
    println!(
        "{} {target:?}: lut {} (memory {}), ff {}, dsp {}, carry {}",
        top.name, t.lut, t.lutram, t.ff, t.dsp, t.carry
    );
    t
}

/// A chain on UltraScale+ is its multipliers; split, two registers of 48 bits for the lower half's sum.
#[test]
fn a_chain_takes_no_look_up_table() {
    for (split, ff) in [(false, 0), (true, 2 * 48)] {
        let p = params(Technology::XilinxUscale, 16, split);
        let t = cells(&pe_chain(&p).unwrap(), Target::Xcup, false);
        assert_eq!((t.dsp, t.lut, t.ff), (16, 0, ff));
    }
}

/// Shared by all chains: shift registers for ten lanes of 18 bits.
#[test]
fn cost_of_the_skew() {
    for split in [false, true] {
        let p = params(Technology::XilinxUscale, 16, split);
        let skew = pe_skew(&p).unwrap();
        let t = cells(&skew, Target::Xcup, false);
        assert!(t.lut <= 190 && t.ff <= 160 + 180, "{t:?}");
        let t = cells(&skew, Target::Xcup, true);
        assert!(t.lut <= 2 && t.ff <= 64 * 18 + 16, "{t:?}");
    }
}

/// Without DSP48E2: the multiplier of 27 bits takes two of ECP5, sums are carry chains.
#[test]
fn cost_of_an_inferred_chain() {
    let p = params(Technology::Ecp5, 4, false);
    let t = cells(&pe_chain(&p).unwrap(), Target::Ecp5, false);
    assert_eq!(t.dsp, 8);
    assert!(t.lut <= 4 * 150, "{t:?}");
}
