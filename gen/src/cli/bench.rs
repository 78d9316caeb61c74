//! `tritforge bench`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use super::{Failure, Out};
use crate::bench;
use crate::diag::Diagnostic;

#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ternary cores after synthesis for UltraScale+: LUT for each product a cycle, beside published engines.
    #[command(
        after_help = "Examples:\n  tritforge bench tlmm --quick\n  tritforge bench tlmm --out bench\n  \
        tritforge --json bench tlmm > rows.json\n\nThe first run installs the pinned Yosys. The whole list takes some minutes."
    )]
    Tlmm(TlmmArgs),
}

#[derive(Debug, Args)]
pub struct TlmmArgs {
    /// One small core of each format only.
    #[arg(long)]
    quick: bool,
    /// Directory for tlmm.csv and tlmm.svg; it is made when absent.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn bench(args: &BenchArgs, out: &mut Out) -> Result<(), Failure> {
    match &args.what {
        What::Tlmm(args) => tlmm(args, out),
    }
}

fn tlmm(args: &TlmmArgs, out: &mut Out) -> Result<(), Failure> {
    if let Some(dir) = &args.out {
        // Before the work: a user should not wait for a refusal.
        std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, &e))?;
    }
    let configs = bench::configs(args.quick);
    let bar = if out.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(configs.len() as u64)
    };
    let mut rows = Vec::new();
    for config in &configs {
        bar.set_message(config.name.clone());
        bar.println(format!("synthesising {}", config.name));
        // No partial report: the first failure ends it.
        let row =
            bench::measure(config).map_err(|e| Failure::failed(format!("{}: {e}", config.name)))?;
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(dir) = &args.out {
        write(&dir.join("tlmm.csv"), &bench::csv(&rows))?;
        write(&dir.join("tlmm.svg"), &bench::svg(&rows))?;
        out.step(&format!("wrote tlmm.csv and tlmm.svg in {}", dir.display()));
    }
    out.result(&bench::text(&rows), &rows)
}

/// Writes to a temporary name and renames, so that a reader sees the old file or the new one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let done = tempfile::NamedTempFile::new_in(dir)
        .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file));
    let file = done.map_err(|e| unwritable(path, &e))?;
    file.persist(path).map_err(|e| unwritable(path, &e.error))?;
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let message = Diagnostic::error(format!("can not be written: {error}"));
    Failure::Failed(message.in_file(path.display().to_string()).into())
}
