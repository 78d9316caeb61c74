//! `tritforge sim`, and the run that it shares with `demo`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tb::system::Progress;

use super::stream::TextStream;
use super::{ConfigArgs, Failure, Out, TextArgs};
use crate::compile::Compiled;
use crate::diag::Diagnostic;
use crate::project::Project;
use crate::report::grouped;
use crate::session::Job;
use crate::simulate::{SimOptions, simulate};

/// Waves around a difference from golden, in the current directory.
pub const MISMATCH_TRACE: &str = "mismatch.fst";

#[derive(Debug, Args)]
pub struct SimArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    text: TextArgs,
    /// Seed of the random stalls; results never depend on it.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Seed of the draw, with --temperature.
    #[arg(long, value_name = "S", default_value_t = 1)]
    draw_seed: u32,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Write waves of every signal to this FST file. Long runs give large files.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// The simulated memory.
#[derive(Debug, Args)]
pub struct MemoryArgs {
    /// Percentage of cycles in which each channel of the memory stalls at random.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=90))]
    pub stalls: u32,
    /// Cycles from a read request to its first beat.
    #[arg(long, value_name = "CYCLES", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub latency: u32,
}

pub fn sim(args: &SimArgs, out: &mut Out) -> Result<(), Failure> {
    let project = Project::open(args.config.origin(), true)?;
    out.warn(&project.warnings);
    let job = args.text.request(args.draw_seed).job(&project)?;
    if let Some(file) = &args.trace {
        check_trace(file)?;
    }
    let compiled = project.compile()?;
    let options = SimOptions {
        seed: args.seed,
        stalls: args.memory.stalls,
        latency: args.memory.latency,
        trace: args.trace.clone(),
        mismatch_trace: Some(MISMATCH_TRACE.into()),
        flipped: None,
    };
    simulated(&project, &compiled, &job, &options, out)
}

fn check_trace(file: &std::path::Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    if folder.is_none_or(|f| f.is_dir()) {
        return Ok(());
    }
    let message = Diagnostic::error("the directory of the trace does not exist")
        .in_file(file.display().to_string());
    Err(Failure::Input(message.into()))
}

/// Runs the RTL, streams its text and prints the table.
pub fn simulated(
    project: &Project,
    compiled: &Compiled,
    job: &Job,
    options: &SimOptions,
    out: &mut Out,
) -> Result<(), Failure> {
    out.step("building the simulator from the Verilog (kept for the next time)");
    let clock = project.derived.clock_mhz;
    let mut stream: Option<TextStream<'_>> = None;
    let mut failure = None;
    let mut tokens = 0_u64;
    let result = simulate(project, compiled, job, options, &mut |event| {
        if failure.is_some() {
            return;
        }
        let mut handle = || -> Result<(), Failure> {
            let stream = match &mut stream {
                Some(stream) => stream,
                None => stream.insert(TextStream::new(project, &job.prompt, true, out)?),
            };
            let cycle = match event {
                Progress::Token { token, cycle } => {
                    tokens += 1;
                    stream.token(token, &json!({"cycle": cycle}), out)?;
                    cycle
                }
                Progress::Cycle(cycle) => cycle,
            };
            let rate = tokens as f64 / cycle.max(1) as f64 * clock * 1e6;
            stream.progress(format!(
                "cycle {}, {tokens} of {} tokens, {rate:.0} tokens/s at {clock} MHz",
                grouped(cycle),
                job.tokens
            ));
            Ok(())
        };
        failure = handle().err();
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    if let Some(stream) = stream {
        stream.finish(out)?;
    }
    let stats = result.map_err(|e| Failure::failed(e.to_string()))?;
    out.result(
        &format!("\n{}", stats.table(clock)),
        &json!({
            "event": "result",
            "ok": true,
            "clock_mhz": clock,
            "prefill": stats.prefill(clock),
            "decode": stats.decode(clock),
            "bus_busy": stats.bus_busy(),
            "stats": stats,
        }),
    )
}
