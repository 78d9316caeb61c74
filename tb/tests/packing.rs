//! Packed multipliers in Verilator, and what they cost after synthesis.

#![allow(clippy::unwrap_used)]

use hw::packing::{Found, LATENCY, Layout, Multiplier, Operand, packed_multiplier, solve};
use hw::rtl::{Design, PortDir};
use hw::vendor::simulation_files;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::bench::cells;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};
use tb::yosys::Target;

fn found(multiplier: Multiplier, a: &str, b: &str, products: usize) -> Found {
    let all = solve(multiplier, a.parse().unwrap(), b.parse().unwrap());
    let mut some = all.into_iter().filter(|f| f.layout.products() == products);
    some.next().unwrap()
}

fn verilated(layout: &Layout) -> Sim {
    let module = packed_multiplier(layout).unwrap();
    let emitted = Design::new(&module).unwrap().emit("");
    let mut files: Vec<_> = emitted.into_iter().map(|f| (f.name, f.text)).collect();
    files.extend(simulation_files(&module));
    let ports = module.ports.iter().map(|p| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    });
    let spec = BuildSpec {
        top: module.name.clone(),
        ports: ports.collect(),
        files,
        ..BuildSpec::default()
    };
    Sim::new(&Model::build(&spec).unwrap()).unwrap()
}

fn words(values: &[i64], bits: u32) -> Vec<u32> {
    let mut out = vec![0u32; (values.len() * bits as usize).div_ceil(32)];
    for (i, v) in values.iter().enumerate() {
        for k in (0..bits as usize).filter(|k| v >> k & 1 == 1) {
            let at = i * bits as usize + k;
            out[at / 32] |= 1 << (at % 32);
        }
    }
    out
}

#[test]
fn products_in_verilator() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (m, a, b, n) in [
        (Multiplier::Dsp48e2, "4y", "4y", 9),
        (Multiplier::Dsp48e2, "11u", "11u", 2),
        (Multiplier::Dsp48e2, "4s", "12s", 3),
        (Multiplier::Mult18x18d, "4s", "4s", 2),
    ] {
        let layout = found(m, a, b, n).layout;
        let mut sim = verilated(&layout);
        let (pa, pb, pp) = (
            sim.port("a").unwrap(),
            sim.port("b").unwrap(),
            sim.port("p").unwrap(),
        );
        let mut sent: Vec<(Vec<i64>, Vec<i64>)> = Vec::new();
        for k in 0..20_000 {
            let mut pick = |of: Operand| match rng.random_range(0..6) {
                0 => of.low(),
                1 => of.high(),
                _ => rng.random_range(of.values()),
            };
            let x: Vec<i64> = layout.a_at.iter().map(|_| pick(layout.a)).collect();
            let y: Vec<i64> = layout.b_at.iter().map(|_| pick(layout.b)).collect();
            sim.set_wide(pa, &words(&x, layout.a.bits));
            sim.set_wide(pb, &words(&y, layout.b.bits));
            sim.tick().unwrap();
            if k >= LATENCY as usize {
                let (x, y) = &sent[k - LATENCY as usize];
                let all: Vec<i64> = x
                    .iter()
                    .flat_map(|x| y.iter().map(move |y| x * y))
                    .collect();
                assert_eq!(
                    sim.get_wide(pp),
                    words(&all, layout.product_bits()),
                    "{layout}: {x:?} {y:?}"
                );
            }
            sent.push((x, y));
        }
    }
}

/// One multiplier each, and no more look-up tables than the closed form says. The bounds are the issue's.
#[test]
fn cost_after_synthesis() {
    for (m, a, b, n, most) in [
        (Multiplier::Dsp48e2, "8s", "8s", 2, 3),
        (Multiplier::Dsp48e2, "4s", "4s", 8, 75),
        (Multiplier::Dsp48e2, "4y", "4y", 8, 40),
        (Multiplier::Dsp48e2, "4y", "4y", 9, 75),
        (Multiplier::Dsp48e2, "11u", "11u", 2, 30),
        (Multiplier::Dsp48e2, "11u", "4s", 3, 20),
        (Multiplier::Mult18x18d, "4s", "4s", 2, 30),
    ] {
        let found = found(m, a, b, n);
        let target = match m {
            Multiplier::Dsp48e2 => Target::Xcup,
            Multiplier::Mult18x18d => Target::Ecp5,
        };
        let total = cells(&packed_multiplier(&found.layout).unwrap(), target).unwrap();
        println!(
            "{}: {:?}; lut {} packed {} ff {} levels {:?}",
            found.layout, found.cost, total.lut, total.lut_packed, total.ff, total.levels
        );
        assert_eq!(total.dsp, 1, "{}", found.layout);
        assert!(total.lut <= most, "{}: {} LUT", found.layout, total.lut);
    }
}
