//! System simulation: the verilated machine runs a program next to the ISA golden and is compared with it all the way.
//!
//! Golden and RTL run in lockstep of retired instructions: each queue unit's trace (instruction number and signature of all
//! it wrote) must equal golden's, every token must be golden's token, and at the end the whole memory. The first
//! difference names instruction, unit, element and cycle.

mod error;
mod host;
mod lockstep;
mod stats;

use std::ops::Range;
use std::path::PathBuf;

use hw::machine::Memory;
use hw::params::MachineParams;
use hw::rtl::{Design, PortDir};
use hw::top::{TOP, top};
use hw::vendor::simulation_files;

use crate::axi::{AxiConfig, AxiMemory, LiteMaster};
use crate::sim::{BuildSpec, Model, Opt, Peek, PortSpec, Sim, SimError};

pub use error::{Mismatch, SystemError};
pub use lockstep::{Progress, Report};
pub use stats::{Counters, UnitCycles};

/// How the memory of a run behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Cycles from address to data, least and most.
    pub latency: (u32, u32),
    /// Share of cycles in which each memory channel pauses, percent.
    pub stall_percent: u32,
    pub seed: u64,
    /// Addresses answered with SLVERR.
    pub error: Option<Range<u64>>,
    /// From this burst on memory is silent.
    pub silent_from: Option<u64>,
    /// The RTL's memory has a wrong bit at this address: to see that the comparison finds it.
    pub flipped: Option<u64>,
}

impl Default for Environment {
    /// A well-behaved memory of 24 cycles latency.
    fn default() -> Environment {
        Environment {
            latency: (24, 24),
            stall_percent: 0,
            seed: 1,
            error: None,
            silent_from: None,
            flipped: None,
        }
    }
}

/// One run of a program.
#[derive(Clone, Debug)]
pub struct Job {
    /// Memory before the start.
    pub memory: Memory,
    /// CSR arguments.
    pub args: [u32; 8],
    /// Bytes from the start of the state window that hold tokens: the only ones whose writes may trail the token.
    pub token_bytes: u64,
    pub environment: Environment,
    /// Waves to this file, for these cycles (all when none).
    pub waves: Option<(PathBuf, Option<Range<u64>>)>,
    /// Give up after so many cycles.
    pub cycle_limit: u64,
}

/// The verilated machine.
#[derive(Clone)]
pub struct SystemModel {
    pub params: MachineParams,
    model: Model,
}

impl SystemModel {
    /// Emits, verilates and compiles the machine; a second build of the same parameters comes from the cache.
    ///
    /// # Errors
    /// A unit that refuses the parameters, a lint warning, a missing tool.
    pub fn build(params: &MachineParams, waves: bool) -> Result<SystemModel, SystemError> {
        let top = top(params)?;
        let design = Design::new(&top)?;
        let files = design
            .emit("")
            .into_iter()
            .map(|f| (f.name, f.text))
            .chain(simulation_files(&top))
            .collect();
        let ports = top
            .ports
            .iter()
            .map(|p| PortSpec {
                name: p.name.clone(),
                width: p.ty.width,
                input: p.dir == PortDir::Input,
            })
            .collect();
        let bank = design
            .modules()
            .find(|m| m.name.starts_with("scratchpad_bank"));
        let peeks = (0..params.scratchpad_banks)
            .filter_map(|k| {
                Some(Peek {
                    name: format!("bank{k}"),
                    instance: format!("u_scratchpad.u_bank{k}"),
                    module: bank?.name.clone(),
                    var: "mem".into(),
                })
            })
            .collect();
        let model = Model::build(&BuildSpec {
            top: TOP.into(),
            files,
            ports,
            clock: Some("aclk".into()),
            trace: waves,
            opt: Opt::Quick,
            peeks,
        })?;
        Ok(SystemModel {
            params: params.clone(),
            model,
        })
    }
}

/// A simulated machine with its memory and host; runs jobs one after the other.
pub struct Bench {
    sim: Sim,
    memory: AxiMemory,
    host: LiteMaster,
    params: MachineParams,
    /// Waves of the run at hand: file and cycles.
    waves: Option<(PathBuf, Range<u64>)>,
}

/// Runs one job on a machine fresh from reset.
///
/// # Errors
/// See [`Bench::run`].
pub fn run(
    model: &SystemModel,
    job: &Job,
    observe: &mut dyn FnMut(Progress),
) -> Result<Report, SystemError> {
    Bench::new(model, job)?.run(job, observe)
}

impl Bench {
    /// A machine fresh from reset, with a memory as large as the job's; latency, stalls and seed are those of this job
    /// for all runs.
    ///
    /// # Errors
    /// The simulation does not start.
    pub fn new(model: &SystemModel, job: &Job) -> Result<Bench, SimError> {
        let e = &job.environment;
        let mut sim = Sim::with_seed(&model.model, e.seed as u32)?;
        let config = AxiConfig {
            origin: job.memory.origin,
            latency: e.latency,
            stall_percent: e.stall_percent,
            outstanding: 16,
            max_burst: model.params.max_burst,
            seed: e.seed,
            error: e.error.clone(),
            silent_from: e.silent_from,
        };
        let memory = AxiMemory::new(&sim, "m_axi_0", config, job.memory.bytes.clone())?;
        let host = LiteMaster::new(&sim, "s_axil", 0, e.seed)?;
        sim.reset(8)?;
        Ok(Bench {
            sim,
            memory,
            host,
            params: model.params.clone(),
            waves: None,
        })
    }

    /// One clock cycle. Every cycle of a run passes here, so that no window of waves is missed.
    fn cycle(&mut self) -> Result<(), SimError> {
        if let Some((path, window)) = &self.waves {
            match (window.contains(&self.sim.cycle()), self.sim.tracing()) {
                (true, false) => self.sim.trace_start(path)?,
                (false, true) => self.sim.trace_stop()?,
                _ => {}
            }
        }
        self.host.drive(&mut self.sim);
        self.memory.drive(&mut self.sim);
        self.sim.tick()?;
        self.memory.sample(&self.sim);
        self.host.sample(&self.sim);
        Ok(())
    }
}
