//! Rows as text for people and as CSV.

use std::fmt::Write as _;

use super::{RIVALS, Row, SHAPE};

/// The measured rows, then the published engines.
pub fn text(rows: &[Row]) -> String {
    let mut out = format!(
        "\n  Ternary cores after synthesis (Yosys, UltraScale+); LUT/MAC sustained on a {} x {} product\n\n",
        SHAPE.0, SHAPE.1
    );
    // Writing to a String never fails.
    let _ = writeln!(
        out,
        "  {:<24}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}{:>7}{:>9}{:>8}",
        "core", "MAC/cycle", "LUT", "LUTRAM", "FF", "DSP", "BRAM", "used", "LUT/MAC", "levels"
    );
    for r in rows {
        let _ = writeln!(
            out,
            "  {:<24}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}{:>6.1}%{:>9.3}{:>8}",
            r.config,
            r.macs_per_cycle,
            r.lut,
            r.lutram,
            r.ff,
            r.dsp,
            r.bram,
            100.0 * r.utilisation,
            r.lut_per_mac,
            r.levels
        );
    }
    let _ = writeln!(out, "\n  published engines in the same flow, at their peak");
    for r in RIVALS {
        let _ = writeln!(
            out,
            "  {:<24}{:>9}{:>8}{:>8}{:>8}{:>7}{:>7}{:>7}{:>9.1}{:>8}  {}",
            r.name,
            r.macs_per_cycle,
            r.lut,
            "",
            r.ff,
            r.dsp,
            "",
            "",
            r.lut_per_mac(),
            r.levels,
            r.what
        );
    }
    out
}

/// One line a row, with the keys of [`Row`] as its head.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from(
        "config,technology,format,macs_per_cycle,lut,ff,dsp,lutram,bram,uram,utilisation,lut_per_mac,levels\n",
    );
    for r in rows {
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{:.4},{:.4},{}",
            r.config,
            r.technology,
            r.format,
            r.macs_per_cycle,
            r.lut,
            r.ff,
            r.dsp,
            r.lutram,
            r.bram,
            r.uram,
            r.utilisation,
            r.lut_per_mac,
            r.levels
        );
    }
    out
}
