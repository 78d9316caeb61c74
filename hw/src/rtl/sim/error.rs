//! Errors of native simulation.

/// What can go wrong when a simulation is made or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    #[error("the design has no net or memory `{name}`")]
    NoSuchName { name: String },
    #[error("`{name}` is not a clock of the design")]
    NoSuchClock { name: String },
    #[error("the clock of `{path}` does not come from an input of the top")]
    Clock { path: String },
    #[error("`{path}`: external module `{module}` has no Rust model")]
    NoModel { path: String, module: String },
    #[error("combinational loop through `{path}`")]
    Loop { path: String },
    #[error("assertion `{name}` failed at edge {cycle}")]
    Assertion { name: String, cycle: u64 },
}
