//! Our models of vendor primitives beside the vendor's own simulation library.
#![allow(clippy::unwrap_used)]

mod lockstep;

use std::path::PathBuf;
use std::process::Command;

use hw::rtl::{Module, one, uint};
use hw::vendor::{MulConfig, MulPorts, Opmode, W, Z};
use lockstep::Lockstep;
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Multipliers of both vendors, the Verilog files beside the Rust models: all uses, modes and constants.
#[test]
fn multipliers_in_verilator_equal_the_rust_models() {
    let mut m = Module::new("multipliers");
    let clk = m.clock("clk");
    let inputs = [
        ("a", 27),
        ("b", 18),
        ("c", 48),
        ("d", 27),
        ("pcin", 48),
        ("opmode", 9),
        ("alumode", 4),
        ("carry_in", 1),
        ("enable", 1),
    ];
    let [a, b, c, d, pcin, opmode, alumode, carry_in, enable] =
        inputs.map(|(name, width)| m.input(name, uint(width), ""));
    let ports = MulPorts {
        clk: &clk.clk,
        a: &a,
        b: &b,
        c: &c,
        d: &d,
        pcin: &pcin,
        opmode: &opmode,
        alumode: &alumode,
        carry_in: &carry_in,
        enable: &enable,
    };
    for (k, (input_registers, pre_adder)) in [(1, false), (2, false), (2, true)].iter().enumerate()
    {
        let config = MulConfig {
            input_registers: *input_registers,
            pre_adder: *pre_adder,
            rnd: 0x5a5a_1234_9876,
        };
        let out = m.output(&format!("p{k}"), uint(48), "");
        let u = m.dsp48e2_mul(&format!("u_mul{k}"), &config, &ports);
        m.unused(u.get("PCOUT"));
        m.assign(&out, u.get("P"));
    }
    let low = m.wire("low", a.bits(17, 0));
    for (name, signed) in [("s", true), ("u", false)] {
        let out = m.output(name, uint(36), "");
        let p = m.mult18x18d(&format!("u_{name}"), signed, &clk.clk, &one(), [&low, &b]);
        m.assign(&out, p);
    }
    let mut pair = Lockstep::new(&m.finish().unwrap());

    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    for cycle in 0..5000 {
        for (name, width) in inputs {
            let all = (1u64 << width) - 1;
            let value = [0, all, all >> 1, all / 2 + 1, rng.random_range(0..=all)];
            pair.set(name, &BigUint::from(value[rng.random_range(0..5)]));
        }
        // What the registers hold at first is gone when all have been loaded, P last and from none of itself.
        let warm = cycle < 10;
        let base = [Opmode::product(), Opmode::zero()][rng.random_range(0..2)];
        let z = [Z::Zero, Z::Pcin, Z::C, Z::P][rng.random_range(0..if warm { 3 } else { 4 })];
        let w = [W::Zero, W::Rnd, W::C, W::P][rng.random_range(0..if warm { 3 } else { 4 })];
        pair.set("opmode", &base.z(z).w(w).value().into());
        pair.set("alumode", &rng.random_range(0..4u64).into());
        if warm {
            pair.set("enable", &1u64.into());
        }
        pair.step(!warm);
    }
}

/// Same random inputs for the vendor's primitives and ours, in Icarus Verilog. The vendor's library is not ours to ship:
/// `TRITFORGE_UNISIM` names a folder with DSP48E2.v, RAM32M16.v, LUT6_2.v, CARRY8.v and glbl.v of it.
#[test]
#[ignore = "needs Icarus Verilog and the vendor's simulation library in TRITFORGE_UNISIM"]
fn equals_the_vendors_library() {
    let library =
        PathBuf::from(std::env::var("TRITFORGE_UNISIM").expect("TRITFORGE_UNISIM is not set"));
    let dir = tempfile::tempdir().unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut sources = vec![
        root.join("tests/verilog/unisim_pair.v"),
        library.join("glbl.v"),
    ];
    for name in ["CARRY8", "DSP48E2", "LUT6_2", "RAM32M16"] {
        let ours = root.join(format!("../hw/src/vendor/verilog/{name}.v"));
        let text = std::fs::read_to_string(ours).unwrap();
        let renamed = text.replacen(&format!("module {name}"), &format!("module ours_{name}"), 1);
        let file = dir.path().join(format!("ours_{name}.v"));
        std::fs::write(&file, renamed).unwrap();
        sources.extend([file, library.join(format!("{name}.v"))]);
    }
    let program = dir.path().join("pair");
    let built = Command::new("iverilog")
        .args(["-g2012", "-s", "unisim_pair", "-s", "glbl", "-o"])
        .arg(&program)
        .args(&sources)
        .output()
        .expect("iverilog is installed");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let out = Command::new("vvp").arg(&program).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("DONE") && !text.contains("MISMATCH"),
        "{text}"
    );
}
