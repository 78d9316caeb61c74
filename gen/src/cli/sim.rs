//! `tritforge sim`, and the run that it shares with `demo`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::stream::TextStream;
use super::{ConfigArgs, Failure, Out, TextArgs};
use crate::compile::Compiled;
use crate::diag::Diagnostic;
use crate::project::Project;
use crate::report::{SystemStats, grouped};
use crate::session::Job;
use crate::simulate::{SimEvent, SimOptions, simulate};

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
    #[arg(long, value_name = "CYCLES", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
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
    out.step("building the simulator from the Verilog");
    let clock = project.derived.clock_mhz;
    let mut stream: Option<TextStream<'_>> = None;
    let mut closed = None;
    let mut tokens = 0_u64;
    let result = simulate(project, compiled, job, options, &mut |event| {
        let mut handle = || -> Result<(), Failure> {
            let stream = match &mut stream {
                Some(stream) => stream,
                None => stream.insert(TextStream::new(project, &job.prompt, true, out)?),
            };
            match event {
                SimEvent::Token(token) => {
                    tokens += 1;
                    stream.token(token.token, &json!(token), out)
                }
                SimEvent::Cycle(cycle) => {
                    let made = tokens as f64 / (cycle.max(1) as f64) * clock * 1e6;
                    stream.progress(format!(
                        "cycle {}, {tokens} of {} tokens, {made:.0} tokens/s at {clock} MHz",
                        grouped(cycle),
                        job.tokens
                    ));
                    Ok(())
                }
            }
        };
        match handle() {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(failure) => {
                closed = Some(failure);
                std::ops::ControlFlow::Break(())
            }
        }
    });
    if let Some(failure) = closed {
        return Err(failure);
    }
    if let Some(stream) = stream {
        stream.finish(out)?;
    }
    report(project, &result.map_err(Failure::failed)?, out)
}

fn report(project: &Project, stats: &SystemStats, out: &mut Out) -> Result<(), Failure> {
    let clock = project.derived.clock_mhz;
    out.result(
        &format!("\n{}", stats.table(clock)),
        &json!({
            "event": "result",
            "ok": stats.mismatch.is_none(),
            "clock_mhz": clock,
            "prefill": stats.prefill(clock),
            "decode": stats.decode(clock),
            "stats": stats,
        }),
    )?;
    match &stats.mismatch {
        None => Ok(()),
        Some(difference) => Err(Failure::failed(format!(
            "the RTL differs from golden: {difference}"
        ))),
    }
}
