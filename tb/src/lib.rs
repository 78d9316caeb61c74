//! How the machine is proven: pinned tools, the Verilator harness, memory models and monitors.

pub mod sim;

pub mod tools;
