//! How the machine is proven: pinned tools, the Verilator harness, memory models and monitors.

pub mod axi;
pub mod bench;
pub mod liberty;
pub mod nextpnr;
pub mod passes;
pub mod sim;
pub mod stream;
pub mod system;
pub mod tools;
pub mod yosys;
