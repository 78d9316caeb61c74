//! What `gen` writes: Verilog, image, program, manifest, headers and a picture of the machine.
//!
//! | file | what |
//! |---|---|
//! | `directory` | output directories that are written whole or not at all |
//! | `diagram` | block diagram as SVG |

pub mod diagram;
pub mod directory;

use std::fmt::Write as _;

use hw::isa::{csr_h, disassemble_program, systemrdl};
use hw::rtl::EmittedFile;

use crate::compile::Compiled;
use crate::project::Project;
use directory::OutputFile;

/// All files made from a project. `rtl` are the Verilog files in an order in which every module is known before
/// it is used, `models` what a simulator needs beside them: primitives of the vendor. The same input gives the same bytes: no date, no path outside the directory.
///
/// # Errors
/// The manifest can not be written as JSON.
pub fn files(
    project: &Project,
    compiled: &Compiled,
    rtl: &[EmittedFile],
    models: &[(String, String)],
) -> Result<Vec<OutputFile>, serde_json::Error> {
    let head = project.head();
    let commented = |start: &str| -> String {
        head.lines()
            .map(|line| format!("{start} {line}\n"))
            .collect()
    };
    let (mut filelist, mut simulation) = (commented("//"), commented("//"));
    let mut files = Vec::new();
    // Writing to a String never fails.
    for (name, text) in models {
        let path = format!("sim/{name}");
        let _ = writeln!(simulation, "{path}");
        files.push(OutputFile::new(path, text.as_bytes()));
    }
    for file in rtl {
        let path = format!("rtl/{}", file.name);
        let _ = writeln!(filelist, "{path}");
        let _ = writeln!(simulation, "{path}");
        files.push(OutputFile::new(path, file.text.as_bytes()));
    }
    let manifest = serde_json::to_string_pretty(&compiled.manifest)? + "\n";
    let header = commented(" *");
    let board = &project.config.board.name;
    let title = format!(
        "{}, board {board}, tritforge {}",
        project.name,
        env!("CARGO_PKG_VERSION")
    );
    files.extend([
        OutputFile::new("filelist.f", filelist),
        OutputFile::new("filelist_sim.f", simulation),
        OutputFile::new("image.bin", compiled.image.as_slice()),
        OutputFile::new("program.bin", compiled.program.as_slice()),
        OutputFile::new("program.s", commented(";") + &listing(compiled)),
        OutputFile::new("manifest.json", manifest),
        OutputFile::new(
            "csr.h",
            format!("/*\n{header} */\n{}", csr_h(project.abi())),
        ),
        OutputFile::new("csr.rdl", commented("//") + &systemrdl()),
        OutputFile::new("diagram.svg", diagram::svg(&project.params, &title)),
        OutputFile::new("tritforge.toml", project.config.source().text()),
    ]);
    Ok(files)
}

/// Assembler text of the program; every line says what its instruction is for.
fn listing(compiled: &Compiled) -> String {
    let mut notes = compiled.notes.iter();
    let mut out = String::from("\n");
    for line in disassemble_program(&compiled.instrs).lines() {
        // Labels start at the margin, instructions do not.
        let note = if line.starts_with(' ') {
            notes.next()
        } else {
            None
        };
        let text = match note {
            Some(note) if !note.is_empty() => format!("{line}  {note}"),
            _ => line.to_owned(),
        };
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}
