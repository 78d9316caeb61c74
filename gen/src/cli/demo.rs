//! `tritforge demo`.

use clap::Args;

use super::check::summary;
use super::sim::{MISMATCH_TRACE, MemoryArgs, simulated};
use super::{Failure, Out};
use crate::project::{Origin, Project};
use crate::request::Request;
use crate::simulate::SimOptions;

/// How the stories of the shipped model begin.
const PROMPT: &str = "In a small village there was a";

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Text to continue.
    #[arg(long, short, value_name = "TEXT", default_value = PROMPT)]
    prompt: String,
    /// New tokens at most.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 112)]
    tokens: u32,
    /// Seed of the random stalls; the text never depends on it.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    memory: MemoryArgs,
}

pub fn demo(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    out.step("reading the shipped model and making its machine");
    let project = Project::open(Origin::Shipped, true)?;
    out.warn(&project.warnings);
    let request = Request {
        prompt: &args.prompt,
        tokens: Some(args.tokens),
        temperature: 0.0,
        top_k: None,
        seed: 1,
    };
    let job = request.job(&project)?;
    let compiled = project.compile()?;
    if !out.json {
        out.print(&format!("\n{}\n", summary(&project, &compiled)))?;
    }
    let options = SimOptions {
        seed: args.seed,
        stalls: args.memory.stalls,
        latency: args.memory.latency,
        trace: None,
        mismatch_trace: Some(MISMATCH_TRACE.into()),
        flipped: None,
    };
    simulated(&project, &compiled, &job, &options, out)
}
