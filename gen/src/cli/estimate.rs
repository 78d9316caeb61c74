//! `tritforge estimate`.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use hw::params::{Technology, WeightFormat};
use serde_json::json;

use super::{Failure, Out};
use crate::config::{Board, read_source};
use crate::diag::{Diagnostic, one_of};
use crate::estimate::{LAYER_2B4T, Proposal, Shape, Wish, propose};

/// Proposals that are printed.
const SHOWN: usize = 8;

#[derive(Debug, Args)]
pub struct EstimateArgs {
    /// Board whose bus, clock and device are meant: a name or a board file.
    #[arg(long, value_name = "BOARD", default_value = "kv260")]
    board: String,
    /// Weights in the engine: g3, sherry or two_bit.
    #[arg(long, value_name = "FORMAT", default_value = "g3")]
    format: String,
    /// Width of the memory bus, when not the board's.
    #[arg(long, value_name = "BITS")]
    bus_bits: Option<u32>,
    /// Clock, when not the board's.
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Look-up tables that the engine may take; else --share of the device.
    #[arg(long, value_name = "N")]
    luts: Option<u64>,
    /// Multipliers that it may take; else --share of the device.
    #[arg(long, value_name = "N")]
    dsps: Option<u64>,
    /// Block memories of 18 Kbit that it may take; else --share of the device.
    #[arg(long, value_name = "N")]
    brams: Option<u64>,
    /// Percent of the device that the engine may take.
    #[arg(long, value_name = "PERCENT", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100))]
    share: u64,
    /// A ternary product of a layer, inputs x outputs; several make a layer. Without: those of BitNet 2B4T.
    #[arg(long, value_name = "KxN", value_parser = shape)]
    shape: Vec<Shape>,
}

fn shape(text: &str) -> Result<Shape, String> {
    let parts = text.split_once('x');
    let parsed = parts.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((k, n)) if (1..=65_535).contains(&k) && (1..=1 << 20).contains(&n) => Ok((k, n)),
        _ => Err(
            "a shape is inputs x outputs, 1 to 65535 and 1 to 1048576, such as 2560x6912".into(),
        ),
    }
}

pub fn estimate(args: &EstimateArgs, out: &mut Out) -> Result<(), Failure> {
    let refuse = |message: Diagnostic| Failure::Input(message.into());
    let board = if args.board.ends_with(".toml") {
        Board::parse(&read_source(Path::new(&args.board)).map_err(Failure::Input)?)
    } else {
        Board::built_in(&args.board).unwrap_or_else(|| {
            let message = Diagnostic::error(format!("unknown board \"{}\"", args.board));
            let names = one_of(Board::names());
            Err(message
                .help(format!("known boards: {names}; or give a board file"))
                .into())
        })
    }
    .map_err(Failure::Input)?;
    let format = WeightFormat::ALL
        .into_iter()
        .find(|f| f.word() == args.format)
        .ok_or_else(|| {
            let words = one_of(WeightFormat::ALL.map(WeightFormat::word));
            refuse(Diagnostic::error(format!(
                "format \"{}\" is none of {words}",
                args.format
            )))
        })?;
    let share = |given: Option<u64>, of: Option<u64>, name: &str| {
        given.or(of.map(|n| n * args.share / 100)).ok_or_else(|| {
            let message = format!(
                "board \"{}\" does not say how many {name} it has",
                board.name
            );
            refuse(Diagnostic::error(message).help(format!("give --{name}")))
        })
    };
    let wish = Wish {
        technology: board.technology,
        format,
        bus_bits: args.bus_bits.unwrap_or(board.bus_bits),
        luts: share(args.luts, board.resources.luts, "luts")?,
        dsps: share(args.dsps, board.resources.dsps.or(Some(0)), "dsps")?,
        brams: share(
            args.brams,
            // UltraScale+ counts memories of 36 Kbit.
            board.resources.block_rams.map(|n| match board.technology {
                Technology::XilinxUscale => 2 * n,
                _ => n,
            }),
            "brams",
        )?,
        shapes: match &args.shape[..] {
            [] => LAYER_2B4T.to_vec(),
            shapes => shapes.to_vec(),
        },
    };
    let clock = args.clock.unwrap_or(board.clock_mhz);
    let all = propose(&wish);
    if all.is_empty() {
        return Err(refuse(
            Diagnostic::error(format!(
                "no engine fits {} LUT, {} DSP and {} block memories",
                wish.luts, wish.dsps, wish.brams
            ))
            .help("the smallest table engine takes about 240 LUT, 10 DSP and 10 block memories"),
        ));
    }
    let shown = &all[..SHOWN.min(all.len())];
    let value = json!({
        "board": board.name,
        "technology": board.technology,
        "format": format.word(),
        "bus_bits": wish.bus_bits,
        "clock_mhz": clock,
        "luts": wish.luts,
        "dsps": wish.dsps,
        "brams": wish.brams,
        "proposals": shown,
    });
    out.result(&text(&wish, clock, shown), &value)
}

fn text(wish: &Wish, clock: f64, shown: &[Proposal]) -> String {
    let mut out = format!(
        "  {} on {}, {}-bit bus at {clock} MHz, at most {} LUT, {} DSP, {} block memories\n\n  \
         {:>4} {:>3} {:>3}  {:<7}{:>7}{:>7}{:>6}{:>6}{:>8}{:>20}{:>22}\n",
        wish.format.word(),
        wish.technology.word(),
        wish.bus_bits,
        wish.luts,
        wish.dsps,
        wish.brams,
        "T",
        "Q",
        "B",
        "style",
        "MAC",
        "LUT",
        "DSP",
        "BRAM",
        "used",
        "decode Gweight/s",
        "prefill Gproduct/s",
    );
    for p in shown {
        let bram = p.bram.map_or_else(|| "-".into(), |n| n.to_string());
        let limit = if p.keeps_up() { "(bus)" } else { "(engine)" };
        // Writing to a String never fails.
        let _ = writeln!(
            out,
            "  {:>4} {:>3} {:>3}  {:<7}{:>7}{:>7}{:>6}{:>6}{:>7.1}%{:>11.1} {limit:<9}{:>22.1}",
            p.groups,
            p.rows,
            p.batch,
            p.style,
            p.macs_per_cycle,
            p.lut,
            p.dsp,
            bram,
            100.0 * p.utilisation,
            p.decode_weights * clock / 1000.0,
            p.prefill_macs * clock / 1000.0,
        );
    }
    let best = &shown[0];
    let _ = writeln!(
        out,
        "\n  In a configuration: groups = {}, rows = {}, batch = {}; decode is limited by the {}.",
        best.groups,
        best.rows,
        best.batch,
        if best.keeps_up() {
            "bus"
        } else {
            "engine: raise the budget"
        },
    );
    out
}
