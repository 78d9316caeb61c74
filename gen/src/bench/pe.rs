//! Products of the array: the table as text, CSV and SVG.

use std::fmt::Write as _;

pub use tb::bench::pe::{Config, Kind, Row, Source, configs, published, relate};

use super::chart::{Axis, Chart};
use super::table::{fixed, or_empty};

/// What was measured, then what is published.
pub fn text(rows: &[Row]) -> String {
    let mut out = String::from(
        "\n  Products of the array on UltraScale+ after synthesis (Yosys).\n  A chain of MACs is one stage of it: it grows in proportion.\n",
    );
    let mut line = |cells: [&str; 10]| {
        let [config, rest @ ..] = cells;
        // Writing to a String never fails.
        let _ = write!(out, "  {config:<48}");
        for (cell, width) in rest.iter().zip([10, 6, 10, 8, 8, 8, 10, 8, 10]) {
            let _ = write!(out, "{cell:>width$}");
        }
        out.push('\n');
    };
    for source in [Source::Measured, Source::Published] {
        let words = match source {
            Source::Measured => "measured",
            Source::Published => "published, in its authors' flow",
        };
        line([""; 10]);
        line([
            words, "products", "DSP", "prod/DSP", "LUT", "packed", "FF", "LUT/prod", "levels",
            "of chain",
        ]);
        for r in rows.iter().filter(|r| r.source == source) {
            line([
                &r.config,
                &r.products.to_string(),
                &r.dsp.to_string(),
                &fixed(r.products_per_dsp, 2),
                &or_empty(r.lut),
                &or_empty(r.lut_packed),
                &or_empty(r.ff),
                &fixed(r.lut_per_product, 2),
                &or_empty(r.levels),
                &or_empty(r.of_chain_percent.map(|p| format!("{p:.1} %"))),
            ]);
        }
    }
    out
}

/// One line a row, with the keys of [`Row`] as its head; what there is not is empty.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from(
        "config,kind,technology,products,dsp,products_per_dsp,lut,lut_packed,ff,lut_per_product,levels,proof,\
         of_chain_percent,source\n",
    );
    for r in rows {
        let cells = [
            // Operands and sizes have commas.
            format!("\"{}\"", r.config),
            word(r.kind),
            r.technology.clone(),
            r.products.to_string(),
            r.dsp.to_string(),
            fixed(r.products_per_dsp, 4),
            or_empty(r.lut),
            or_empty(r.lut_packed),
            or_empty(r.ff),
            fixed(r.lut_per_product, 4),
            or_empty(r.levels),
            r.proof.clone(),
            fixed(r.of_chain_percent, 2),
            word(r.source),
        ];
        out += &(cells.join(",") + "\n");
    }
    out
}

/// A name as JSON has it.
fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().into()
}

/// LUT for each product against products for each DSP48E2. The lower right is where one wants to be.
pub fn svg(rows: &[Row]) -> String {
    let mut chart = Chart::new(
        "LUT for each product against products for each DSP48E2",
        Axis {
            label: "products / DSP48E2",
            ends: (0.0, 13.0),
            ticks: &[0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 9.0, 12.0],
            logarithmic: false,
        },
        Axis {
            label: "LUT / product (none: at the foot)",
            ends: (0.5, 1000.0),
            ticks: &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0],
            logarithmic: true,
        },
    );
    for r in rows {
        let Some(luts) = r.lut_per_product else {
            continue;
        };
        let at = (r.products_per_dsp.unwrap_or(0.0), luts);
        let title = format!("{}: {luts:.2}", r.config);
        match r.source {
            Source::Measured => chart.point(&word(r.kind), at, 5, &title),
            Source::Published => {
                chart.point("rival", at, 4, &title);
                chart.name(at, &r.config);
            }
        }
    }
    for (class, text) in [
        ("packed", "packed multiplier"),
        ("chain", "sums in DSP cascades"),
        ("array", "broadcast array"),
        ("mac", "chain of fp16 MACs"),
        ("unit", "whole unit, products of int8"),
        ("rival", "published"),
    ] {
        chart.legend(class, text);
    }
    chart.svg(".packed{fill:#1565c0}.chain{fill:#6a1b9a}.array{fill:#2e7d32}.mac{fill:#c62828}.unit{fill:#ef6c00}.rival{fill:#777}")
}
