//! Primitives of FPGA vendors: the part of each that we use, as an external module with a Rust model for native simulation
//! and a behavioural Verilog file of ours for other simulators. Synthesis takes the vendor's own.
//!
//! The models are written from the data sheets (AMD UG579 for the DSP48E2, UG574 for the CLB) and refuse every mode
//! that they do not know, so that a design can not rely on a guess. `tb/tests/vendor.rs` compares Rust model and
//! Verilog file with each other and, where the vendor's simulation library is at hand, with that.

mod dsp48e2;
mod lut;

pub use dsp48e2::{Dsp48Ports, Simd};

use std::sync::Arc;

use crate::rtl::Module;

/// Behavioural Verilog of every primitive that `top` and its children instantiate: (file name, text), by name.
pub fn simulation_files(top: &Arc<Module>) -> Vec<(String, String)> {
    const FILES: [(&str, &str); 4] = [
        ("CARRY8", include_str!("verilog/CARRY8.v")),
        ("DSP48E2", include_str!("verilog/DSP48E2.v")),
        ("LUT6_2", include_str!("verilog/LUT6_2.v")),
        ("RAM32M16", include_str!("verilog/RAM32M16.v")),
    ];
    let used = top.black_boxes();
    FILES
        .iter()
        .filter(|(name, _)| used.iter().any(|u| u == name))
        .map(|(name, text)| (format!("{name}.v"), (*text).to_string()))
        .collect()
}
