//! LUT per MAC against MAC per cycle as SVG, both axes logarithmic.

use std::fmt::Write as _;

use super::{RIVALS, Row};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Ends of the axes: products a cycle, LUT per product.
const X: (f64, f64) = (10.0, 10_000.0);
const Y: (f64, f64) = (1.0, 200.0);

fn x(macs: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * (macs / X.0).ln() / (X.1 / X.0).ln()
}

fn y(luts: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (luts / Y.0).ln() / (Y.1 / Y.0).ln()
}

/// The picture. Small is good: the lower right is where one wants to be.
pub fn svg(rows: &[Row]) -> String {
    let mut body = String::new();
    let mut put = |text: std::fmt::Arguments<'_>| {
        // Writing to a String never fails.
        let _ = writeln!(body, "  {text}");
    };
    let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for tick in [10.0, 100.0, 1000.0, 10_000.0] {
        let at = x(tick);
        put(format_args!(
            r#"<line class="grid" x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{floor}"/>"#
        ));
        put(format_args!(
            r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{tick}</text>"#,
            floor + 20.0
        ));
    }
    for tick in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0] {
        let at = y(tick);
        put(format_args!(
            r#"<line class="grid" x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}"/>"#
        ));
        put(format_args!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{tick}</text>"#,
            LEFT - 8.0,
            at + 4.0
        ));
    }
    let middle = (LEFT + right) / 2.0;
    put(format_args!(
        r#"<text class="title" x="{middle}" y="28" text-anchor="middle">LUT for each ternary product a cycle (filled: UltraScale+, Yosys)</text>"#
    ));
    put(format_args!(
        r#"<text x="{middle}" y="{:.1}" text-anchor="middle">ternary products a cycle</text>"#,
        HEIGHT - 18.0
    ));
    put(format_args!(
        r#"<text x="22" y="{0:.1}" text-anchor="middle" transform="rotate(-90 22 {0:.1})">LUT / MAC</text>"#,
        (TOP + floor) / 2.0
    ));
    for r in &RIVALS {
        let (px, py) = (x(r.macs_per_cycle.into()), y(r.lut_per_mac()));
        put(format_args!(
            r#"<circle class="rival" cx="{px:.1}" cy="{py:.1}" r="4"><title>{}: {:.1}</title></circle>"#,
            r.name,
            r.lut_per_mac()
        ));
        put(format_args!(
            r#"<text class="name" x="{:.1}" y="{:.1}">{}</text>"#,
            px + 8.0,
            py + 4.0,
            r.name
        ));
    }
    for r in rows {
        let Some(luts) = r.lut_per_mac else { continue };
        let (px, py) = (x(r.macs_per_cycle.into()), y(luts));
        let place = if r.technology.starts_with("ECP5") {
            " ecp5"
        } else {
            ""
        };
        put(format_args!(
            r#"<circle class="{}{place}" cx="{px:.1}" cy="{py:.1}" r="5"><title>{}, {}: {luts:.3}</title></circle>"#,
            r.format, r.config, r.technology
        ));
    }
    for (k, (class, text)) in [
        ("g3", "tritforge g3, sustained"),
        ("sherry", "tritforge sherry, sustained"),
        ("two_bit", "tritforge select and add"),
        ("g3 ecp5", "hollow: ECP5, LUT4, placed"),
        ("rival", "published, peak"),
    ]
    .iter()
    .enumerate()
    {
        let at = TOP + 14.0 + 22.0 * k as f64;
        put(format_args!(
            r#"<circle class="{class}" cx="{:.1}" cy="{at:.1}" r="5"/>"#,
            right + 24.0
        ));
        put(format_args!(
            r#"<text x="{:.1}" y="{:.1}">{text}</text>"#,
            right + 36.0,
            at + 4.0
        ));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n  \
         <style>.grid{{stroke:#ddd}}.g3{{fill:#1565c0}}.sherry{{fill:#c62828}}.two_bit{{fill:#2e7d32}}.ecp5{{fill-opacity:0;stroke-width:2}}.g3.ecp5{{stroke:#1565c0}}\
         .sherry.ecp5{{stroke:#c62828}}.two_bit.ecp5{{stroke:#2e7d32}}.rival{{fill:#777}}.name{{fill:#555;font-size:10px}}\
         .title{{font-size:14px;font-weight:bold}}</style>\n  <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}
