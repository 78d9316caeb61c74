//! `tritforge gen`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hw::rtl::EmittedFile;
use hw::vendor::simulation_files;
use serde_json::{Value, json};
use tb::yosys::{self, Cells, Report};

use super::check::summary;
use super::{ConfigArgs, Failure, Out};
use crate::diag::Diagnostic;
use crate::emit;
use crate::emit::directory::{self, DirectoryError};
use crate::project::Project;
use crate::report::grouped;
use crate::simulate::design;

#[derive(Debug, Args)]
pub struct GenArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Directory to write.
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Also synthesise with Yosys and report the cells of each unit.
    #[arg(long, value_name = "TARGET")]
    cells: Option<CellTarget>,
}

/// What Yosys synthesises for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum CellTarget {
    /// Lattice ECP5.
    Ecp5,
    /// Xilinx UltraScale+.
    Xcup,
    /// Two-input gates.
    Generic,
}

pub fn generate(args: &GenArgs, out: &mut Out) -> Result<(), Failure> {
    let place = args.out.display().to_string();
    let refuse = |error: DirectoryError| {
        let message = Diagnostic::error(error.to_string()).in_file(place.clone());
        match error {
            DirectoryError::Io { .. } => Failure::Failed(message.into()),
            _ => Failure::Input(
                message
                    .help("choose a new or empty directory with --out")
                    .into(),
            ),
        }
    };
    // Before the work: a user should not wait for a refusal.
    directory::check(&args.out).map_err(refuse)?;
    let project = Project::open(args.config.origin(), false)?;
    out.warn(&project.warnings);
    let compiled = project.compile()?;
    let design = design(&project).map_err(Failure::failed)?;
    let rtl = design.emit(&project.head());
    let models = simulation_files(&design.top);
    let files = emit::files(&project, &compiled, &rtl, &models)
        .map_err(|e| Failure::failed(format!("the manifest can not be written: {e}")))?;
    directory::write(&args.out, &files).map_err(refuse)?;
    let bytes: usize = files.iter().map(|f| f.bytes.len()).sum();
    let mut text = summary(&project, &compiled);
    // Writing to a String never fails.
    let _ = writeln!(
        text,
        "  {:<14}{} files, {} bytes in {place}",
        "wrote",
        files.len(),
        grouped(bytes as u64)
    );
    let mut value = json!({
        "ok": true,
        "out": place,
        "abi": compiled.manifest.abi,
        "files": files.iter().map(|f| &f.path).collect::<Vec<_>>(),
        "warnings": project.warnings.to_json(),
    });
    if let Some(target) = args.cells {
        out.step("synthesising with Yosys");
        let report = synthesise(&rtl, &design.top.name, target)?;
        text += &cell_table(&report);
        value["cells"] = cell_value(&report);
    }
    out.result(&text, &value)
}

fn synthesise(rtl: &[EmittedFile], top: &str, target: CellTarget) -> Result<Report, Failure> {
    let sources: Vec<(String, String)> = rtl
        .iter()
        .map(|f| (f.name.clone(), f.text.clone()))
        .collect();
    let target = match target {
        CellTarget::Ecp5 => yosys::Target::Ecp5,
        CellTarget::Xcup => yosys::Target::Xcup,
        CellTarget::Generic => yosys::Target::Generic,
    };
    yosys::synth(&sources, top, target, false).map_err(|e| Failure::failed(e.to_string()))
}

type Column = (&'static str, fn(&Cells) -> u64);

/// What is counted, in the order of the table.
const COLUMNS: &[Column] = &[
    ("lut", |c| c.lut),
    ("gates", |c| c.gates),
    ("ff", |c| c.ff),
    ("dsp", |c| c.dsp),
    ("bram", |c| c.bram),
    ("lutram", |c| c.lutram),
];

/// Modules by themselves, without what they instantiate; the last line counts every instance.
fn cell_table(report: &Report) -> String {
    let mut text = format!("\n  {:<34}", "cells of the module alone");
    let line = |cells: &[String], text: &mut String| {
        for cell in cells {
            let _ = write!(text, "{cell:>9}");
        }
        text.push('\n');
    };
    line(
        &COLUMNS.iter().map(|c| c.0.to_owned()).collect::<Vec<_>>(),
        &mut text,
    );
    let total = ("whole design".to_owned(), &report.total);
    let modules = report
        .modules
        .iter()
        .map(|(name, cells)| (name.clone(), cells));
    for (name, cells) in modules.chain([total]) {
        let _ = write!(text, "  {name:<34}");
        let counts: Vec<String> = COLUMNS.iter().map(|c| c.1(cells).to_string()).collect();
        line(&counts, &mut text);
    }
    text
}

fn cell_value(report: &Report) -> Value {
    let cells = |c: &Cells| -> Value {
        COLUMNS
            .iter()
            .map(|(name, count)| ((*name).to_owned(), Value::from(count(c))))
            .collect()
    };
    let modules: Value = report
        .modules
        .iter()
        .map(|(n, c)| (n.clone(), cells(c)))
        .collect();
    json!({"total": cells(&report.total), "modules": modules})
}
