//! The lanes of a layout as a picture: ports above, lanes below, bit by bit.

use std::fmt::Write as _;

use hw::packing::{Field, Layout, Multiplier};

/// One row of the picture: a name, and for each bit that is used what it is.
struct Row {
    name: String,
    bits: u32,
    spans: Vec<Span>,
}

struct Span {
    at: u32,
    width: u32,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Operand,
    Low,
    Read,
}

fn rows(layout: &Layout) -> Vec<Row> {
    let operands = |name: &str, port: &str, bits: u32, at: &[u32], width: u32| Row {
        name: port.into(),
        bits,
        spans: at
            .iter()
            .enumerate()
            .map(|(i, &at)| Span {
                at,
                width,
                kind: Kind::Operand,
                text: format!("{name}{i}"),
            })
            .collect(),
    };
    let m = layout.multiplier;
    let first = match m {
        Multiplier::Dsp48e2 => "A + D",
        Multiplier::Mult18x18d => "A",
    };
    let mut rows = vec![
        operands("a", first, m.a_bits(), &layout.a_at, layout.a.bits),
        operands("b", "B", m.b_bits(), &layout.b_at, layout.b.bits),
    ];
    let fields = layout.fields();
    if !fields.is_empty() {
        rows.push(Row {
            name: if layout.subtracts() { "- C" } else { "+ C" }.into(),
            bits: m.sum_bits(),
            spans: fields
                .iter()
                .map(|&(field, at, width)| {
                    let (kind, text) = match field {
                        Field::Low(k) => (Kind::Low, format!("low {k}")),
                        Field::A(i) => (Kind::Operand, format!("a{i}")),
                        Field::B(j) => (Kind::Operand, format!("b{j}")),
                    };
                    Span {
                        at,
                        width,
                        kind,
                        text,
                    }
                })
                .collect(),
        });
    }
    for (k, lane) in layout.lanes.iter().enumerate() {
        let mut spans = vec![Span {
            at: lane.at + lane.low,
            width: lane.width - lane.low,
            kind: Kind::Read,
            text: format!("a{} b{}", lane.a, lane.b),
        }];
        if lane.low > 0 {
            spans.push(Span {
                at: lane.at,
                width: lane.low,
                kind: Kind::Low,
                text: "low".into(),
            });
        }
        rows.push(Row {
            name: format!("lane {k}"),
            bits: m.sum_bits(),
            spans,
        });
    }
    rows
}

/// The picture as text: `=` operands on a port, `#` bits read from the sum, `~` bits computed in fabric.
pub fn lanes(layout: &Layout) -> String {
    let sum = layout.multiplier.sum_bits();
    let ruler: String = (0..sum)
        .rev()
        .map(|bit| match (bit % 8, bit / 8) {
            (0, tens) => char::from_digit(tens * 8 / 10, 10).unwrap_or(' '),
            _ => ' ',
        })
        .collect();
    let units: String = (0..sum)
        .rev()
        .map(|bit| match bit % 8 {
            0 => char::from_digit(bit % 10, 10).unwrap_or(' '),
            _ => ' ',
        })
        .collect();
    let mut text = format!(
        "  {:<8}{}\n  {:<8}{}\n",
        "",
        ruler.trim_end(),
        "bit",
        units.trim_end()
    );
    for row in rows(layout) {
        let line: String = (0..sum)
            .rev()
            .map(|bit| {
                let span = row
                    .spans
                    .iter()
                    .find(|s| (s.at..s.at + s.width).contains(&bit));
                match span.map(|s| s.kind) {
                    Some(Kind::Operand) => '=',
                    Some(Kind::Low) => '~',
                    Some(Kind::Read) => '#',
                    None if bit < row.bits => '.',
                    None => ' ',
                }
            })
            .collect();
        // Writing to a String never fails.
        let _ = writeln!(text, "  {:<8}{line}", row.name);
    }
    text
}

/// The picture as SVG.
pub fn svg(layout: &Layout) -> String {
    const CELL: u32 = 16;
    const LEFT: u32 = 80;
    const TOP: u32 = 64;
    const STEP: u32 = 26;
    let sum = layout.multiplier.sum_bits();
    let rows = rows(layout);
    let (width, height) = (LEFT + sum * CELL + 20, TOP + rows.len() as u32 * STEP + 40);
    let x = |bit: u32| LEFT + (sum - 1 - bit) * CELL;
    let mut body = String::new();
    let mut put = |text: String| {
        body.push_str("  ");
        body.push_str(&text);
        body.push('\n');
    };
    put(format!(
        r#"<text class="title" x="{LEFT}" y="22">{} products of {} and {} in one {}</text>"#,
        layout.products(),
        layout.a,
        layout.b,
        layout.multiplier.word().to_uppercase()
    ));
    for bit in (0..sum).step_by(4) {
        put(format!(
            r#"<text class="bit" x="{}" y="{}">{bit}</text>"#,
            x(bit) + CELL / 2,
            TOP - 8
        ));
    }
    for (i, row) in rows.iter().enumerate() {
        let y = TOP + i as u32 * STEP;
        put(format!(
            r#"<text class="name" x="{}" y="{}">{}</text>"#,
            LEFT - 10,
            y + 15,
            row.name
        ));
        put(format!(
            r#"<rect class="port" x="{}" y="{y}" width="{}" height="20"/>"#,
            x(row.bits - 1),
            row.bits * CELL
        ));
        for span in &row.spans {
            let class = match span.kind {
                Kind::Operand => "operand",
                Kind::Low => "low",
                Kind::Read => "read",
            };
            let left = x(span.at + span.width - 1);
            put(format!(
                r#"<rect class="{class}" x="{left}" y="{y}" width="{}" height="20"/>"#,
                span.width * CELL
            ));
            put(format!(
                r#"<text class="cell" x="{}" y="{}">{}</text>"#,
                left + span.width * CELL / 2,
                y + 14,
                if span.width * CELL >= 8 * span.text.len() as u32 {
                    &span.text
                } else {
                    ""
                }
            ));
        }
    }
    let foot = TOP + rows.len() as u32 * STEP + 20;
    put(format!(
        r#"<text x="{LEFT}" y="{foot}">blue: operands; orange: low bits, computed in fabric and taken off through C; green: read from the sum</text>"#
    ));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n  \
         <style>.title{{font-size:14px;font-weight:bold}}.bit{{fill:#777;font-size:10px;text-anchor:middle}}.name{{text-anchor:end}}\
         .port{{fill:#f4f4f4;stroke:#ccc}}.operand{{fill:#90caf9;stroke:#1565c0}}.low{{fill:#ffcc80;stroke:#e65100}}\
         .read{{fill:#a5d6a7;stroke:#2e7d32}}.cell{{font-size:10px;text-anchor:middle}}</style>\n  \
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}
