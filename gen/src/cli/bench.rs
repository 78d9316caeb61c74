//! `tritforge bench`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use tb::liberty::{LibertyError, Library};
use tb::nextpnr;

use super::output::{make_dir, write_files};
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
    /// Ternary cores: LUT for each product a cycle after synthesis for UltraScale+, beside published engines; placed on
    /// ECP5; and, with a liberty file, mapped to standard cells.
    #[command(
        after_help = "Examples:\n  tritforge bench tlmm --quick\n  tritforge bench tlmm --out bench\n  \
        tritforge bench tlmm --liberty sky130_fd_sc_hd__tt_025C_1v80.lib.gz --out bench\n  \
        tritforge bench tlmm --only fabric\n  \
        tritforge --json bench tlmm > rows.json\n\nThe first run installs the pinned Yosys and nextpnr. The whole list takes \
        about half an hour.\nNothing is written unless every row is there."
    )]
    Tlmm(TlmmArgs),
    /// Products of the array: packed multipliers, sums in DSP cascades, the broadcast array and a chain of fp16 multiply-adds
    /// after synthesis for UltraScale+, beside published figures.
    #[command(
        after_help = "Examples:\n  tritforge bench pe --quick\n  tritforge bench pe --out bench\n  \
        tritforge bench pe --only 11u\n  tritforge --json bench pe > rows.json\n\nThe first run installs the pinned Yosys. The \
        whole list takes some minutes, most of them for the array.\nNothing is written unless every row is there."
    )]
    Pe(PeArgs),
}

#[derive(Debug, Args)]
pub struct PeArgs {
    /// The rows that goals are set for only, with a small array.
    #[arg(long)]
    quick: bool,
    /// Rows with this in their names only, such as `4y`, `array` or `chain`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Directory for pe.csv and pe.svg; it is made when absent.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct TlmmArgs {
    /// One small core of each format only, without ECP5.
    #[arg(long)]
    quick: bool,
    /// Rows with this in their names only, such as `fabric`, `B2` or `ECP5`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seed of the placement for ECP5.
    #[arg(long, value_name = "N", default_value_t = nextpnr::Options::default().seed)]
    seed: u32,
    /// Standard-cell library (.lib or .lib.gz): area and delay of tables in registers and of select-and-add.
    #[arg(long, value_name = "FILE")]
    liberty: Option<PathBuf>,
    /// Directory for tlmm.csv and tlmm.svg; it is made when absent.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn bench(args: &BenchArgs, out: &mut Out) -> Result<(), Failure> {
    match &args.what {
        What::Tlmm(args) => tlmm(args, out),
        What::Pe(args) => pe(args, out),
    }
}

fn tlmm(args: &TlmmArgs, out: &mut Out) -> Result<(), Failure> {
    if let Some(dir) = &args.out {
        // Before the work: a user should not wait for a refusal.
        make_dir(dir)?;
    }
    let library = match &args.liberty {
        Some(path) => Some(Library::read(path).map_err(|e| unusable(&e))?),
        None => None,
    };
    let ecp5 = nextpnr::Options {
        seed: args.seed,
        ..nextpnr::Options::default()
    };
    let configs = bench::configs(args.quick, &ecp5, library.as_ref());
    let rows = measure(
        configs,
        args.only.as_deref(),
        bench::Config::name,
        bench::Config::measure,
        out,
    )?;
    let files = [
        ("tlmm.csv".into(), bench::csv(&rows)),
        ("tlmm.svg".into(), bench::svg(&rows)),
    ];
    write(args.out.as_deref(), &files, out)?;
    out.result(&bench::text(&rows), &rows)
}

fn pe(args: &PeArgs, out: &mut Out) -> Result<(), Failure> {
    if let Some(dir) = &args.out {
        make_dir(dir)?;
    }
    let mut rows = measure(
        bench::pe::configs(args.quick),
        args.only.as_deref(),
        bench::pe::Config::name,
        bench::pe::Config::measure,
        out,
    )?;
    bench::pe::relate(&mut rows);
    rows.extend(bench::pe::published());
    let files = [
        ("pe.csv".into(), bench::pe::csv(&rows)),
        ("pe.svg".into(), bench::pe::svg(&rows)),
    ];
    write(args.out.as_deref(), &files, out)?;
    out.result(&bench::pe::text(&rows), &rows)
}

/// Measures all configurations, or those with `only` in their names.
fn measure<C, R>(
    mut configs: Vec<C>,
    only: Option<&str>,
    name: impl Fn(&C) -> String,
    measure: impl Fn(&C) -> Result<R, bench::BenchError>,
    out: &Out,
) -> Result<Vec<R>, Failure> {
    if let Some(text) = only {
        let names: Vec<String> = configs.iter().map(&name).collect();
        configs.retain(|c| name(c).contains(text));
        if configs.is_empty() {
            let message = Diagnostic::error(format!("no row has `{text}` in its name"));
            return Err(Failure::Input(
                message
                    .help(format!("there are: {}", names.join(", ")))
                    .into(),
            ));
        }
    }
    let bar = if out.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(configs.len() as u64)
    };
    let mut rows = Vec::new();
    for (i, config) in configs.iter().enumerate() {
        let name = name(config);
        out.step(&format!("{} of {}: {name}", i + 1, configs.len()));
        bar.tick();
        // No partial report: the first failure ends it.
        let row = measure(config).map_err(|e| Failure::failed(format!("{name}: {e}")))?;
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// Writes the files of a report where a directory is given.
fn write(dir: Option<&Path>, files: &[(String, String)], out: &Out) -> Result<(), Failure> {
    let Some(dir) = dir else { return Ok(()) };
    write_files(dir, files)?;
    let names: Vec<&str> = files.iter().map(|file| file.0.as_str()).collect();
    out.step(&format!(
        "wrote {} in {}",
        names.join(" and "),
        dir.display()
    ));
    Ok(())
}

/// A library is input: that it cannot be read is the user's to mend.
fn unusable(error: &LibertyError) -> Failure {
    Failure::Input(Diagnostic::error(error.to_string()).into())
}
