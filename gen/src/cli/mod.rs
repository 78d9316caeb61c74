//! The command line. One file a command; each returns what went wrong as a [`Failure`].

mod bench;
mod check;
mod demo;
mod doctor;
mod estimate;
mod generate;
mod new;
mod output;
mod packing;
mod run;
mod sim;
mod stream;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics};
use crate::project::Origin;
use crate::request::Request;
use output::Out;

const EXAMPLES: &str = "\
Examples:
  tritforge demo                                    the RTL of a trained model writes text
  tritforge new --out my.toml                       a commented configuration to start from
  tritforge check --config my.toml                  does it fit? how large, how many bytes a token?
  tritforge run --prompt \"Once upon a time\"         the golden machine: text at once
  tritforge sim --config my.toml --prompt \"One day\" --tokens 16 --stalls 30 --seed 7
  tritforge gen --config my.toml --out build        Verilog, weight image, program, headers

Exit codes: 0 done; 1 something failed or differed; 2 the input can not be used.";

/// From a ternary language model to a hardware accelerator that runs it.
///
/// Tritforge reads a model (a Hugging Face directory) and a configuration, and writes the accelerator: Verilog,
/// packed weights and program. It proves them against a golden model, bit by bit.
#[derive(Debug, Parser)]
#[command(name = "tritforge", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate a machine for the shipped model, simulate it and let its RTL write a story.
    #[command(after_help = "Example:\n  tritforge demo --tokens 48\n\n\
        The first run on a machine installs the pinned simulator into target/tools.")]
    Demo(demo::DemoArgs),
    /// Write a commented configuration for the shipped model.
    #[command(
        after_help = "Example:\n  tritforge new --out my.toml\n\nAn existing file is never replaced."
    )]
    New(new::NewArgs),
    /// Check a configuration with its model and say what the machine will be.
    #[command(after_help = "Example:\n  tritforge check --config my.toml")]
    Check(ConfigArgs),
    /// Write the accelerator: Verilog, weight image, program, manifest, headers, diagram.
    #[command(
        after_help = "Examples:\n  tritforge gen --config my.toml --out build\n  \
        tritforge gen --config my.toml --out build --cells xcup\n\n\
        The directory must be absent, empty or written by tritforge. It is written whole or not at all, and the\n\
        same input gives the same bytes."
    )]
    Gen(generate::GenArgs),
    /// Generate text with the golden machine: the same program, weights and rounding as the RTL.
    #[command(
        after_help = "Examples:\n  tritforge run --prompt \"Once upon a time\"\n  \
        tritforge run --model path/to/model --prompt \"One day\" --tokens 64 --temperature 0.8 --seed 3"
    )]
    Run(run::RunArgs),
    /// Simulate the RTL in Verilator, compare every bit with golden and report cycles.
    #[command(
        after_help = "Examples:\n  tritforge sim --prompt \"Once upon a time\" --tokens 8\n  \
        tritforge sim --config my.toml --prompt \"One day\" --tokens 16 --stalls 30 --seed 7\n  \
        tritforge sim --prompt \"One day\" --tokens 1 --trace wave.fst"
    )]
    Sim(sim::SimArgs),
    /// Propose sizes of the ternary engine for a bus, a clock and a budget.
    #[command(
        after_help = "Examples:\n  tritforge estimate --board kv260 --format sherry\n  \
        tritforge estimate --bus-bits 256 --luts 20000 --dsps 300 --shape 1536x4608 --shape 4096x1536\n\n\
        Costs are closed forms held against synthesis (docs/bench.md); no tool runs."
    )]
    Estimate(estimate::EstimateArgs),
    /// Search, prove and draw layouts of several exact products in one hardware multiplier.
    #[command(
        after_help = "Examples:\n  tritforge packing --a 11u --b 11u\n  tritforge packing --a 4y --b 4y --products 9 --synth\n  \
        tritforge packing --a 8s --b 8s --multiplier mult18x18d\n  tritforge packing --layout mine.toml --out build\n\n\
        A layout file: a = \"11u\", b = \"11u\", a_at = [0, 15], b_at = [0], recompute = [0, 7]; one that is not exact is\n\
        refused with operands for which it is wrong."
    )]
    Packing(packing::PackingArgs),
    /// Measure what parts of the machine cost after synthesis, beside what others have built.
    Bench(bench::BenchArgs),
    /// Look for the tools that are needed, and say how to get what is missing.
    Doctor,
    /// Print the JSON Schema of the configuration, for editors.
    #[command(after_help = "Example:\n  tritforge schema > tritforge.schema.json")]
    Schema,
}

/// The configuration of commands that can do without one.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file; without it, the shipped model with all defaults.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    fn origin(&self) -> Origin<'_> {
        self.config.as_deref().map_or(Origin::Shipped, Origin::File)
    }
}

/// How text is generated.
#[derive(Debug, Args)]
pub struct TextArgs {
    /// Text to continue.
    #[arg(long, short, value_name = "TEXT")]
    prompt: String,
    /// New tokens at most; without it, until the context is full or the text ends.
    #[arg(long, short = 'n', value_name = "N")]
    tokens: Option<u32>,
    /// 0 takes the likeliest token; above, the next token is drawn, the wilder the higher.
    #[arg(
        long,
        value_name = "T",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    temperature: f32,
    /// Draw from the K likeliest tokens; without it, as many as the machine keeps.
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
}

impl TextArgs {
    fn request(&self, seed: u32) -> Request<'_> {
        Request {
            prompt: &self.prompt,
            tokens: self.tokens,
            temperature: self.temperature,
            top_k: self.top_k,
            seed,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The input can not be used: exit code 2.
    Input(Diagnostics),
    /// Something failed or differed: exit code 1.
    Failed(Diagnostics),
    /// Nobody reads any more. Not an error.
    Closed,
}

impl From<Diagnostics> for Failure {
    fn from(found: Diagnostics) -> Self {
        Failure::Input(found)
    }
}

impl Failure {
    fn failed(message: impl Into<String>) -> Self {
        Failure::Failed(Diagnostic::error(message).into())
    }
}

/// Parses the command line, runs the command and reports.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::new(cli.json);
    let result = match &cli.command {
        Command::Demo(args) => demo::demo(args, &mut out),
        Command::New(args) => new::new(args, &mut out),
        Command::Check(args) => check::check(args, &mut out),
        Command::Gen(args) => generate::generate(args, &mut out),
        Command::Run(args) => run::run(args, &mut out),
        Command::Sim(args) => sim::sim(args, &mut out),
        Command::Estimate(args) => estimate::estimate(args, &mut out),
        Command::Packing(args) => packing::packing(args, &mut out),
        Command::Bench(args) => bench::bench(args, &mut out),
        Command::Doctor => doctor::doctor(&mut out),
        Command::Schema => out.print(&format!("{:#}\n", crate::config::schema().to_value())),
    };
    let (found, code) = match result {
        Ok(()) | Err(Failure::Closed) => return ExitCode::SUCCESS,
        Err(Failure::Input(found)) => (found, 2),
        Err(Failure::Failed(found)) => (found, 1),
    };
    if cli.json {
        // A reader that has gone away can not be told.
        let _ = out.value(&json!({"ok": false, "messages": found.to_json()}));
    } else {
        found.emit();
    }
    ExitCode::from(code)
}
