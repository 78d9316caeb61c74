//! What a user does with the machine: configuration, model import, compiler, packer, flows and the CLI.

pub mod config;
pub mod diag;
pub mod model;
pub mod session;
pub mod compile;
