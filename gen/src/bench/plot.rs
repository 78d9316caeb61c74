//! LUT per MAC against MAC per cycle as SVG, both axes logarithmic.

use super::chart::{Axis, Chart};
use super::{RIVALS, Row};

/// The picture. Small is good: the lower right is where one wants to be.
pub fn svg(rows: &[Row]) -> String {
    let mut chart = Chart::new(
        "LUT for each ternary product a cycle (filled: UltraScale+, Yosys)",
        Axis {
            label: "ternary products a cycle",
            ends: (10.0, 10_000.0),
            ticks: &[10.0, 100.0, 1000.0, 10_000.0],
            logarithmic: true,
        },
        Axis {
            label: "LUT / MAC",
            ends: (1.0, 200.0),
            ticks: &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0],
            logarithmic: true,
        },
    );
    for r in &RIVALS {
        let at = (r.macs_per_cycle.into(), r.lut_per_mac());
        let title = format!("{}: {:.1}", r.name, r.lut_per_mac());
        chart.point("rival", at, 4, &title);
        chart.name(at, r.name);
    }
    for r in rows {
        let Some(luts) = r.lut_per_mac else { continue };
        let place = if r.technology.starts_with("ECP5") {
            " ecp5"
        } else {
            ""
        };
        let title = format!("{}, {}: {luts:.3}", r.config, r.technology);
        let class = format!("{}{place}", r.format);
        chart.point(&class, (r.macs_per_cycle.into(), luts), 5, &title);
    }
    for (class, text) in [
        ("g3", "tritforge g3, sustained"),
        ("sherry", "tritforge sherry, sustained"),
        ("two_bit", "tritforge select and add"),
        ("g3 ecp5", "hollow: ECP5, LUT4, placed"),
        ("rival", "published, peak"),
    ] {
        chart.legend(class, text);
    }
    chart.svg(
        ".g3{fill:#1565c0}.sherry{fill:#c62828}.two_bit{fill:#2e7d32}.ecp5{fill-opacity:0;stroke-width:2}.g3.ecp5{stroke:#1565c0}\
         .sherry.ecp5{stroke:#c62828}.two_bit.ecp5{stroke:#2e7d32}.rival{fill:#777}",
    )
}
