//! The printer of the RTL layer is a compiler and is tested as one: random modules are printed, linted and built
//! with Verilator, and every output is compared with native simulation of the same description in every cycle.
#![allow(clippy::unwrap_used)] // The whole file is test code; a failure to build is a failure of the test.

mod maker;

use std::sync::Arc;

use hw::rtl::{Design, Module, NativeSim, PortDir};
use maker::{digits, random_module};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

fn spec(top: &Arc<Module>) -> BuildSpec {
    let files = Design::new(top).unwrap().emit("");
    let ports = top.ports.iter().map(|p| PortSpec {
        name: p.name.clone(),
        width: p.ty.width,
        input: p.dir == PortDir::Input,
    });
    BuildSpec {
        top: top.name.clone(),
        files: files.into_iter().map(|f| (f.name, f.text)).collect(),
        ports: ports.collect(),
        ..BuildSpec::default()
    }
}

/// The statement that drives output `name`, and the native value of each net in it.
fn cause(text: &str, name: &str, native: &mut NativeSim) -> String {
    let start = text.find(&format!("assign {name} = ")).unwrap_or(0);
    let statement = text[start..].split_inclusive(';').next().unwrap_or("");
    let mut report = statement.to_string();
    for word in statement.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        if let Ok(port) = native.port(word) {
            report += &format!("\n{word} = {:x}", native.get_wide_at(port));
        }
    }
    report
}

/// Compares all outputs of a random design over `cycles` cycles; returns the number of values compared.
fn fuzz(seed: u64, outputs: usize, cycles: usize) -> usize {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let child = random_module("fuzz_child", outputs / 5, None, rng);
    let top = random_module("fuzz_top", outputs, Some(&child), rng);
    let mut native = NativeSim::new(&top).unwrap();
    let model = Model::build(&spec(&top)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let mut sim = Sim::new(&model).unwrap();
    let ports = |dir| {
        let all = top
            .ports
            .iter()
            .filter(move |p| p.dir == dir && p.name != "clk");
        all.map(|p| p.name.clone()).collect::<Vec<_>>()
    };
    let handles = |names: &[String], sim: &Sim, native: &NativeSim| {
        let pair = |n: &String| (sim.port(n).unwrap(), native.port(n).unwrap());
        names.iter().map(pair).collect::<Vec<_>>()
    };
    let (ins, outs) = (ports(PortDir::Input), ports(PortDir::Output));
    let in_handles = handles(&ins, &sim, &native);
    let out_handles = handles(&outs, &sim, &native);
    let mut compared = 0;
    for cycle in 0..cycles + 20 {
        for (name, (v, n)) in ins.iter().zip(&in_handles) {
            // The memory is filled while all registers are in reset, so that both sides start alike.
            let value = match name.as_str() {
                "rst" => BigUint::from(u32::from(cycle < 20 || rng.random_range(0..50) == 0)),
                "fill" => BigUint::from(u32::from(cycle < 19)),
                "fill_addr" => BigUint::from(cycle as u32 % 8),
                _ => digits(rng, n.width()),
            };
            sim.set_wide(*v, &value.to_u32_digits());
            native.set_wide_at(*n, &value);
        }
        sim.tick().unwrap();
        for (name, (v, n)) in outs.iter().zip(&out_handles).filter(|_| cycle >= 20) {
            let (got, want) = (
                BigUint::new(sim.get_wide(*v).to_vec()),
                native.get_wide_at(*n),
            );
            if got != want {
                let cause = cause(&top.verilog(), name, &mut native);
                panic!("seed {seed} cycle {cycle}: {name} is {got:x}, natively {want:x}\n{cause}");
            }
            compared += 1;
        }
        native.try_tick(&["clk"]).unwrap();
    }
    compared
}

#[test]
fn printed_verilog_behaves_as_the_native_description() {
    let compared = fuzz(1, 300, 400);
    assert!(compared > 100_000, "{compared} values");
}

/// Many random designs; about a minute each for the build.
#[test]
#[ignore = "longer tier: several builds"]
fn many_random_designs() {
    for seed in 100..120 {
        fuzz(seed, 400, 2000);
    }
}
