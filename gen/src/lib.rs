//! What a user does with the machine: configuration, model import, compiler, packer, flows and the CLI.

pub mod bench;
pub mod cli;
pub mod compile;
pub mod config;
pub mod diag;
pub mod emit;
pub mod estimate;
pub mod machine_params;
pub mod model;
pub mod packing;
pub mod project;
pub mod report;
pub mod request;
pub mod session;
pub mod simulate;
