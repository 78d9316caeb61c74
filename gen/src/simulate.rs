//! The flow from a project to a simulated machine: Verilog of the top, its model in Verilator, one run against golden.

use std::path::{Path, PathBuf};

use hw::isa::Unit;
use hw::rtl::Design;
use tb::sim::SimError;
use tb::system::{self, Environment, Mismatch, Progress, SystemError, SystemModel};

use crate::compile::Compiled;
use crate::project::Project;
use crate::report::{SystemStats, TokenStats, UnitStats};
use crate::session::{Job, JobError, memory};

/// Cycles recorded in front of a difference from golden.
const WAVES_BEFORE: u64 = 2000;
/// Cycles recorded behind it: the run ends there anyway.
const WAVES_AFTER: u64 = 16;

/// How the simulated memory behaves, and what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimOptions {
    /// Of the random stalls.
    pub seed: u64,
    /// Percentage of cycles in which each channel of the memory stalls.
    pub stalls: u32,
    /// Cycles from a read request to its first beat.
    pub latency: u32,
    /// Waves of the whole run go here.
    pub trace: Option<PathBuf>,
    /// Waves around a difference from golden go here.
    pub mismatch_trace: Option<PathBuf>,
    /// The RTL's memory has a wrong bit at this address: to see that the comparison finds it.
    pub flipped: Option<u64>,
}

/// Why a simulation gave no statistics.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The job does not fit the machine.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Tools, build or simulation failed.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The RTL is wrong.
    #[error("RTL and golden differ at {mismatch}{}", details(.note, .tensor, .waves))]
    Mismatch {
        /// Where.
        mismatch: Box<Mismatch>,
        /// What the program's instruction is for.
        note: Option<String>,
        /// The vector that is wrong, and its first wrong element.
        tensor: Option<String>,
        /// Waves around it, or why there are none.
        waves: Option<Result<PathBuf, String>>,
    },
    /// Golden and RTL agree that the program is wrong.
    #[error("the machine stopped: {0}")]
    Fault(hw::machine::Fault),
}

fn details(
    note: &Option<String>,
    tensor: &Option<String>,
    waves: &Option<Result<PathBuf, String>>,
) -> String {
    let note = note.as_ref().map(|n| format!(" ({n})"));
    let tensor = tensor.as_ref().map(|t| format!("; {t}"));
    let waves = waves.as_ref().map(|w| match w {
        Ok(file) => format!("; waves around it: {}", file.display()),
        Err(why) => format!("; no waves around it: {why}"),
    });
    note.unwrap_or_default() + &tensor.unwrap_or_default() + &waves.unwrap_or_default()
}

/// Name and element of what lies at a scratchpad word, by the compiler's allocation (elements of 32 bits).
fn tensor_at(compiled: &Compiled, (word, lane): (u32, u32)) -> Option<String> {
    let lanes = compiled.manifest.machine.vec_lanes;
    let (name, place) = compiled
        .places
        .iter()
        .find(|(_, p)| (p.addr..p.addr + p.words).contains(&word))?;
    let element = (word - place.addr) * lanes + lane;
    Some(format!("vector `{name}`, 32-bit element {element}"))
}

/// The Verilog design of a project's machine.
///
/// # Errors
/// The generator refuses; a fault of this program, because the parameters were checked.
pub fn design(project: &Project) -> Result<Design, String> {
    let design = hw::top::top(&project.params).and_then(|top| Design::new(&top));
    design.map_err(|e| format!("the generator refuses its own machine: {e}"))
}

/// Runs `job` on the RTL beside golden, and compares every retired instruction, every token and the state memory.
///
/// # Errors
/// The tools, the build or the simulation fail, or RTL and golden differ; the run is then repeated up to the
/// difference with waves of the last cycles in front of it.
pub fn simulate(
    project: &Project,
    compiled: &Compiled,
    job: &Job,
    options: &SimOptions,
    observe: &mut dyn FnMut(Progress),
) -> Result<SystemStats, SimulateError> {
    let model = SystemModel::build(&project.params, options.trace.is_some())?;
    let mut run = system_job(compiled, job, options)?;
    run.waves = options.trace.clone().map(|file| (file, None));
    observe(Progress::Cycle(0));
    let report = match system::run(&model, &run, observe) {
        Ok(report) => report,
        Err(SystemError::Mismatch(mismatch)) => {
            let pc = mismatch.place.map(|(_, pc)| pc as usize);
            let waves = match &options.mismatch_trace {
                Some(file) if options.trace.is_none() => {
                    Some(record(project, run, &mismatch, file).map_err(|e| e.to_string()))
                }
                _ => None,
            };
            return Err(SimulateError::Mismatch {
                note: pc.and_then(|pc| compiled.notes.get(pc)).cloned(),
                tensor: mismatch.element.and_then(|e| tensor_at(compiled, e)),
                mismatch,
                waves,
            });
        }
        Err(other) => return Err(other.into()),
    };
    if let Some(fault) = report.fault {
        return Err(SimulateError::Fault(fault));
    }
    let counters = &report.counters;
    let units = Unit::ALL.iter().zip(&counters.units);
    let tokens = report.tokens.iter().zip(&report.token_cycles);
    Ok(SystemStats {
        cycles: counters.cycles,
        prompt: u32::try_from(job.prompt.len()).unwrap_or(u32::MAX),
        tokens: tokens
            .map(|(&token, &cycle)| TokenStats { token, cycle })
            .collect(),
        units: units
            .map(|(unit, cycles)| UnitStats {
                name: unit.name().into(),
                busy: cycles.busy,
                stalled: cycles.stalled,
            })
            .collect(),
        read_beats: counters.read_beats,
        write_beats: counters.write_beats,
        read_idle: counters.read_idle,
        read_stall: counters.read_stall,
        compared: report.compared,
        state_bytes: report.state.len() as u64,
    })
}

fn system_job(
    compiled: &Compiled,
    job: &Job,
    options: &SimOptions,
) -> Result<system::Job, SimulateError> {
    let args = job.arguments(compiled)?;
    let machine = &compiled.manifest.machine;
    // More than any correct run takes: the whole image many times over for every position.
    let beats = compiled.image.len() as u64 / u64::from(machine.bus_bytes());
    let positions = job.prompt.len() as u64 + u64::from(job.tokens);
    let slow = 1 + u64::from(options.stalls) / 10 + u64::from(options.latency) / 50;
    Ok(system::Job {
        memory: memory(compiled, &job.prompt),
        args,
        token_bytes: 4 * u64::from(compiled.state.layers),
        environment: Environment {
            latency: (options.latency, options.latency),
            stall_percent: options.stalls,
            seed: options.seed,
            flipped: options.flipped,
            ..Environment::default()
        },
        waves: None,
        cycle_limit: positions * (16 * beats + 1_000_000) * slow,
    })
}

/// Repeats a run, which goes the same way, with waves of the cycles in front of its end.
fn record(
    project: &Project,
    mut run: system::Job,
    mismatch: &Mismatch,
    file: &Path,
) -> Result<PathBuf, SystemError> {
    let model = SystemModel::build(&project.params, true)?;
    let window = mismatch.cycle.saturating_sub(WAVES_BEFORE)..mismatch.cycle + WAVES_AFTER;
    // What an earlier run has left must not be taken for this one's.
    let missing = |what: String| {
        let path = file.to_owned();
        SystemError::Sim(SimError::Trace { path, what })
    };
    if file.exists() {
        std::fs::remove_file(file).map_err(|e| missing(e.to_string()))?;
    }
    run.waves = Some((file.to_owned(), Some(window)));
    match system::run(&model, &run, &mut |_| ()) {
        // The waves end with the run, at the difference.
        Ok(_) | Err(SystemError::Mismatch(_)) if file.is_file() => Ok(file.to_owned()),
        Ok(_) | Err(SystemError::Mismatch(_)) => Err(missing("was not written".into())),
        Err(other) => Err(other),
    }
}
