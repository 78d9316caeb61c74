//! `tritforge packing`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use hw::packing::{Found, Layout, Multiplier, NotExact, Operand, packed_multiplier};
use hw::rtl::Design;
use hw::vendor::simulation_files;
use tb::tools::workspace;

use super::output::write_files;
use super::{Failure, Out};
use crate::config::read_source;
use crate::diag::Diagnostic;
use crate::packing::{Description, choose, describe, lanes, measure, prove_cached, read_layout};

/// Look-up tables that the best rival takes for its layout of INT4 products (papers.md, 2.5).
const LUTS: u32 = 75;

#[derive(Debug, Args)]
pub struct PackingArgs {
    /// One operand: bits and kind, u unsigned, s signed, y signed and symmetric.
    #[arg(long, value_name = "OPERAND", required_unless_present = "layout")]
    a: Option<Operand>,
    /// The other operand.
    #[arg(long, value_name = "OPERAND", required_unless_present = "layout")]
    b: Option<Operand>,
    /// Most look-up tables that a layout may take.
    #[arg(long, value_name = "N", default_value_t = LUTS, conflicts_with = "products")]
    luts: u32,
    /// The cheapest layout of this many products instead.
    #[arg(long, value_name = "N")]
    products: Option<usize>,
    /// The multiplier: dsp48e2 (UltraScale+) or mult18x18d (ECP5).
    #[arg(long, value_name = "NAME", default_value = "dsp48e2", value_parser = multiplier)]
    multiplier: Multiplier,
    /// A layout of yours (TOML) to prove or refuse, instead of a search.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b", "products"])]
    layout: Option<PathBuf>,
    /// Synthesise the multiplier and count its cells.
    #[arg(long)]
    synth: bool,
    /// Directory for the picture, the layout and the Verilog; it is made when absent. Without it only the picture is
    /// written, into target/packing.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn multiplier(text: &str) -> Result<Multiplier, String> {
    let found = Multiplier::ALL.into_iter().find(|m| m.word() == text);
    found.ok_or_else(|| {
        format!(
            "known: {}",
            Multiplier::ALL.map(Multiplier::word).join(", ")
        )
    })
}

pub fn packing(args: &PackingArgs, out: &mut Out) -> Result<(), Failure> {
    let scratch = workspace().join("target/packing");
    let (layout, frontier) = match (&args.layout, args.a, args.b) {
        (Some(path), ..) => {
            let source = read_source(path).map_err(Failure::Input)?;
            (read_layout(&source).map_err(Failure::Input)?, Vec::new())
        }
        (None, Some(a), Some(b)) => search(args, a, b)?,
        // clap requires both operands when there is no file.
        (None, ..) => return Err(Failure::failed("no operands")),
    };
    let proof = prove_cached(&layout, &scratch).map_err(|e| refused(&e))?;
    let mut found = describe(layout, proof);
    if args.synth {
        out.step("synthesising the multiplier");
        let measured = measure(&found.layout).map_err(|e| Failure::failed(e.to_string()))?;
        found.measured = Some(measured);
    }
    let dir = args.out.as_deref().unwrap_or(&scratch);
    let files = files(&found, args.out.is_some())?;
    write_files(dir, &files)?;
    let text = text(&found, &frontier, dir, &files);
    out.result(&text, &found)
}

fn search(args: &PackingArgs, a: Operand, b: Operand) -> Result<(Layout, Vec<Found>), Failure> {
    let (best, frontier) = choose(args.multiplier, (a, b), args.luts, args.products);
    match best {
        Some(found) => Ok((found.layout, frontier)),
        None => {
            let known: Vec<String> = frontier
                .iter()
                .map(|f| format!("{} ({} look-up tables)", f.layout.products(), f.cost.lut()))
                .collect();
            let wanted = match args.products {
                Some(n) => format!("{n} products"),
                None => format!("at most {} look-up tables", args.luts),
            };
            let message = Diagnostic::error(format!(
                "no layout of {a} and {b} in a {} has {wanted}",
                args.multiplier.word()
            ));
            let help = match known.is_empty() {
                true => "the operands do not fit its ports".to_string(),
                false => format!("products there are: {}", known.join(", ")),
            };
            Err(Failure::Input(message.help(help).into()))
        }
    }
}

fn refused(error: &NotExact) -> Failure {
    let message = Diagnostic::error(format!("the layout is refused: {error}"));
    let help = match error {
        NotExact::Counterexample { .. } => {
            "recompute more low bits of the lane above, or move the operands apart"
        }
        NotExact::Broken(_) => "operands on a port may not overlap, nor fields on C",
        NotExact::Undecided(_) => "let the inequality hold, or use narrower operands",
    };
    Failure::Input(message.help(help).into())
}

fn files(found: &Description, all: bool) -> Result<Vec<(String, String)>, Failure> {
    let name = found.layout.name();
    let mut files = vec![(format!("{name}.svg"), found.svg.clone())];
    if all {
        let failed = |e: &dyn std::fmt::Display| Failure::failed(e.to_string());
        let module = packed_multiplier(&found.layout).map_err(|e| failed(&e))?;
        let design = Design::new(&module).map_err(|e| failed(&e))?;
        files.extend(design.emit("").into_iter().map(|f| (f.name, f.text)));
        files.extend(
            simulation_files(&module)
                .into_iter()
                .map(|(n, t)| (format!("sim_{n}"), t)),
        );
        let toml = toml::to_string(&found.layout).map_err(|e| failed(&e))?;
        files.push((format!("{name}.toml"), toml));
    }
    Ok(files)
}

fn text(found: &Description, frontier: &[Found], dir: &Path, files: &[(String, String)]) -> String {
    let layout = &found.layout;
    let mut text = String::new();
    let mut line = |s: String| {
        // Writing to a String never fails.
        let _ = writeln!(text, "{s}");
    };
    line(format!(
        "\n  {layout}, {}\n",
        layout.multiplier.word().to_uppercase()
    ));
    line(lanes(layout));
    line("  = operands   # read from the sum   ~ computed in fabric, taken off through C\n".into());
    line(format!("  {:<22}{}", "proof", proof(found)));
    line(format!("  {:<22}1", "DSP"));
    let c = &found.cost;
    line(format!(
        "  {:<22}{} (low bits {}, ports {}, lanes {}, adder {}), {:.1} a product",
        "LUT", found.lut, c.low, c.ports, c.lanes, c.adder, found.lut_per_product
    ));
    if let Some(m) = found.measured {
        line(format!(
            "  {:<22}{} LUT ({} packed), {} FF, {} DSP",
            "after synthesis", m.lut, m.lut_packed, m.ff, m.dsp
        ));
    }
    line(format!("  {:<22}{}", "constant on D", found.d));
    line(format!("  {:<22}{}", "constant of the sum", found.rnd));
    if !frontier.is_empty() {
        line(format!(
            "\n  {:>10}{:>8}{:>14}   {}",
            "products", "LUT", "LUT/product", "weights"
        ));
        for f in frontier {
            let l = &f.layout;
            let n = l.products();
            let here = if n == layout.products() { '>' } else { ' ' };
            line(format!(
                "{here} {n:>10}{:>8}{:>14.1}   {} {:?}, {} {:?}",
                f.cost.lut(),
                f64::from(f.cost.lut()) / n as f64,
                l.a,
                l.a_at,
                l.b,
                l.b_at
            ));
        }
    }
    let names: Vec<&str> = files.iter().map(|f| f.0.as_str()).collect();
    line(format!(
        "\n  wrote {} in {}",
        names.join(", "),
        dir.display()
    ));
    text
}

fn proof(found: &Description) -> String {
    match found.proof {
        hw::packing::Proof::Exhaustive { cases } => {
            format!("exact: all {cases} sets of operands")
        }
        hw::packing::Proof::Intervals => {
            "exact: no port wraps, no lane leaves its field (ends of intervals)".into()
        }
    }
}
