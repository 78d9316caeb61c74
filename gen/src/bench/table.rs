//! Rows as text for people and as CSV.

use std::fmt::{Display, Write as _};

use super::{RIVALS, Row, SHAPE};

pub(super) fn or_empty(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

pub(super) fn fixed(value: Option<f64>, digits: usize) -> String {
    or_empty(value.map(|v| format!("{v:.digits$}")))
}

/// The measured rows, then the published engines.
pub fn text(rows: &[Row]) -> String {
    let mut out = format!(
        "\n  Ternary cores: UltraScale+ after synthesis (Yosys), ECP5 placed and routed (nextpnr), libraries mapped (abc).\n  \
         LUT/MAC and area/MAC sustained on a {} x {} product.\n\n",
        SHAPE.0, SHAPE.1
    );
    let mut line = |cells: [&str; 15]| {
        let [config, technology, rest @ ..] = cells;
        // Writing to a String never fails.
        let _ = write!(out, "  {config:<28}{technology:<30}");
        for (cell, width) in rest.iter().zip([10, 8, 8, 7, 6, 6, 8, 9, 8, 7, 10, 10, 7]) {
            let _ = write!(out, "{cell:>width$}");
        }
        out.push('\n');
    };
    line([
        "core",
        "technology",
        "MAC/cycle",
        "LUT",
        "LUTRAM",
        "FF",
        "DSP",
        "BRAM",
        "used",
        "LUT/MAC",
        "levels",
        "MHz",
        "area",
        "area/MAC",
        "delay",
    ]);
    for r in rows {
        line([
            &r.config,
            &r.technology,
            &r.macs_per_cycle.to_string(),
            &or_empty(r.lut),
            &or_empty(r.lutram),
            &or_empty(r.ff),
            &or_empty(r.dsp),
            &or_empty(r.bram),
            &format!("{:.1}%", 100.0 * r.utilisation),
            &fixed(r.lut_per_mac, 3),
            &or_empty(r.levels),
            &fixed(r.fmax_mhz, 1),
            &fixed(r.area, 0),
            &fixed(r.area_per_mac, 1),
            &fixed(r.delay, 2),
        ]);
    }
    let _ = writeln!(
        out,
        "\n  published engines in the flow for UltraScale+, at their peak"
    );
    for r in RIVALS {
        let _ = writeln!(
            out,
            "  {:<25}{:>9} MAC/cycle{:>8} LUT{:>8} FF{:>6} DSP{:>7.1} LUT/MAC{:>4} levels  {}",
            r.name,
            r.macs_per_cycle,
            r.lut,
            r.ff,
            r.dsp,
            r.lut_per_mac(),
            r.levels,
            r.what
        );
    }
    out
}

/// One line a row, with the keys of [`Row`] as its head, but the path; what there is not is empty.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from(
        "config,technology,format,macs_per_cycle,lut,ff,dsp,lutram,bram,uram,utilisation,lut_per_mac,levels,fmax_mhz,\
         area,area_per_mac,delay\n",
    );
    for r in rows {
        let cells = [
            r.config.clone(),
            r.technology.clone(),
            r.format.clone(),
            r.macs_per_cycle.to_string(),
            or_empty(r.lut),
            or_empty(r.ff),
            or_empty(r.dsp),
            or_empty(r.lutram),
            or_empty(r.bram),
            or_empty(r.uram),
            format!("{:.4}", r.utilisation),
            fixed(r.lut_per_mac, 4),
            or_empty(r.levels),
            fixed(r.fmax_mhz, 1),
            fixed(r.area, 1),
            fixed(r.area_per_mac, 2),
            fixed(r.delay, 3),
        ];
        out += &(cells.join(",") + "\n");
    }
    out
}
