//! Primitives of FPGA vendors: the part of each that we use, as an external module with a Rust model for native simulation
//! and a behavioural Verilog file of ours for other simulators. Synthesis takes the vendor's own.
//!
//! The models are written from the data sheets (AMD UG579 for the DSP48E2, UG574 for the CLB; Lattice TN1267 for the
//! multiplier of ECP5) and refuse every mode that they do not know, so that a design can not rely on a guess.
//! `tb/tests/vendor.rs` compares Rust model and Verilog file with each other and, where the vendor's simulation library is
//! at hand, with that.

mod dsp48e2;
mod lut;
mod mult18x18d;

pub use dsp48e2::{Alumode, Dsp48Ports, MulConfig, MulPorts, Opmode, Simd, W, Z};

use std::sync::Arc;

use crate::rtl::Module;

/// The carry cell of ECP5 (CCU2C). Its Rust model is with the adders of `tlmm::core::select`, as those of the block memories are
/// with its memories.
pub const ECP5_CARRY: &str = include_str!("verilog/ecp5_carry.v");
/// How Verilator is to see the files for ECP5, and the cells that are left unconnected on purpose.
pub const ECP5_LINT: &str = include_str!("verilog/ecp5_carry.vlt");
/// The block memories of ECP5 (DP16KD, PDPW16KD).
pub const ECP5_RAM: &str = include_str!("verilog/ecp5_ram.v");

/// Primitives that a file of ours models: names, and the files with their texts.
type Models = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const MODELS: [Models; 6] = [
    (
        &["CARRY8"],
        &[("CARRY8.v", include_str!("verilog/CARRY8.v"))],
    ),
    (
        &["DSP48E2"],
        &[("DSP48E2.v", include_str!("verilog/DSP48E2.v"))],
    ),
    (
        &["LUT6_2"],
        &[("LUT6_2.v", include_str!("verilog/LUT6_2.v"))],
    ),
    (
        &["MULT18X18D"],
        &[("MULT18X18D.v", include_str!("verilog/MULT18X18D.v"))],
    ),
    (
        &["RAM32M16"],
        &[("RAM32M16.v", include_str!("verilog/RAM32M16.v"))],
    ),
    (
        &["CCU2C", "DP16KD", "PDPW16KD"],
        &[
            ("ecp5_carry.v", ECP5_CARRY),
            ("ecp5_carry.vlt", ECP5_LINT),
            ("ecp5_ram.v", ECP5_RAM),
        ],
    ),
];

/// Behavioural Verilog of every primitive that `top` and its children instantiate, and how a linter is to see it: (file
/// name, text).
pub fn simulation_files(top: &Arc<Module>) -> Vec<(String, String)> {
    let used = top.black_boxes();
    let is_used = |names: &[&str]| used.iter().any(|u| names.contains(&u.as_str()));
    MODELS
        .iter()
        .filter(|(names, _)| is_used(names))
        .flat_map(|(_, files)| files.iter())
        .map(|(name, text)| ((*name).to_string(), (*text).to_string()))
        .collect()
}
