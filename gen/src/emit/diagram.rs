//! Block diagram of a machine as SVG, its parameters written into the blocks.
//!
//! The layout is laid by hand on a fixed canvas; only the numbers change from machine to machine.

use std::fmt::Write as _;

use hw::isa::{REGISTERS, Unit};
use hw::params::MachineParams;
use hw::pe::{PeMode, PeModes};

const WIDTH: i32 = 1030;
const HEIGHT: i32 = 640;

/// What a line carries; it decides the colour.
#[derive(Clone, Copy)]
enum Wire {
    /// Instructions and tokens.
    Control,
    /// Streams of data.
    Data,
}

struct Canvas {
    body: String,
}

impl Canvas {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String never fails.
        let _ = writeln!(self.body, "  {text}");
    }

    /// A block with its name and what is to know of it, centred.
    fn block(
        &mut self,
        class: &str,
        at: (i32, i32),
        size: (i32, i32),
        name: &str,
        facts: &[String],
    ) {
        let ((x, y), (w, h)) = (at, size);
        self.line(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>"#
        ));
        let centre = x + w / 2;
        let lines = i32::try_from(facts.len()).unwrap_or(0);
        let first = y + h / 2 + 5 - lines * 8;
        self.line(format_args!(
            r#"<text class="name" x="{centre}" y="{first}">{name}</text>"#
        ));
        for (fact, row) in facts.iter().zip(1..) {
            let at = first + row * 17;
            self.line(format_args!(r#"<text x="{centre}" y="{at}">{fact}</text>"#));
        }
    }

    /// A line with an arrow at its end, or at both.
    fn wire(&mut self, wire: Wire, path: &str, both: bool) {
        let class = match wire {
            Wire::Control => "control",
            Wire::Data => "data",
        };
        let start = if both {
            format!(r#" marker-start="url(#{class})""#)
        } else {
            String::new()
        };
        self.line(format_args!(
            r#"<path class="{class}" d="{path}"{start} marker-end="url(#{class})"/>"#
        ));
    }

    fn label(&mut self, x: i32, y: i32, text: &str) {
        self.line(format_args!(
            r#"<text class="port" x="{x}" y="{y}">{text}</text>"#
        ));
    }
}

const STYLE: &str = r##"  <style>
    text { font: 12px system-ui, sans-serif; fill: #333; text-anchor: middle }
    .name { font-weight: 700; font-size: 15px; fill: #111 }
    .port { font-style: italic }
    .title { font-size: 13px; fill: #555; text-anchor: start }
    rect { stroke: #555; stroke-width: 1.2 }
    .c { fill: #e8eaf6 } .m { fill: #e0f2f1 } .u { fill: #fff3e0 } .b { fill: #f3f3f3 } .s { fill: #fce4ec } .f { fill: none; stroke: #aaa }
    path { fill: none; stroke-width: 1.8 }
    .control { stroke: #7986cb; stroke-dasharray: 5 3 } .data { stroke: #00796b }
  </style>
  <defs>
    <marker id="control" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse"><polygon points="0,0 8,4 0,8" fill="#7986cb"/></marker>
    <marker id="data" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse"><polygon points="0,0 8,4 0,8" fill="#00796b"/></marker>
  </defs>"##;

/// The diagram; `title` is one line of text.
pub fn svg(p: &MachineParams, title: &str) -> String {
    let mut c = Canvas {
        body: String::new(),
    };
    control(&mut c, p);
    memory(&mut c, p);
    units(&mut c, p);
    wires(&mut c);
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Block diagram\">\n{STYLE}\n  \
         <rect x=\"0\" y=\"0\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\" style=\"stroke:none\"/>\n\
         {}  <text class=\"title\" x=\"50\" y=\"625\">{title}</text>\n</svg>\n",
        c.body
    )
}

fn facts<const N: usize>(lines: [String; N]) -> Vec<String> {
    lines.to_vec()
}

fn control(c: &mut Canvas, p: &MachineParams) {
    c.block(
        "c",
        (70, 70),
        (180, 80),
        "csr",
        &facts(["AXI4-Lite, 32 bits".into(), "counters, faults".into()]),
    );
    c.block(
        "c",
        (290, 70),
        (180, 80),
        "fetch",
        &facts(["compares ABI hashes,".into(), "copies the program".into()]),
    );
    c.block(
        "c",
        (510, 70),
        (180, 80),
        "issue",
        &facts([
            format!("{} instructions", p.program_words),
            format!("{} scalar registers", REGISTERS - 1),
        ]),
    );
    c.block(
        "c",
        (50, 200),
        (640, 44),
        "queues",
        &facts([format!(
            "{} units, {} instructions each, wait and release tokens between every pair",
            Unit::COUNT,
            p.queue_depth
        )]),
    );
}

fn memory(c: &mut Canvas, p: &MachineParams) {
    c.block(
        "m",
        (740, 70),
        (220, 80),
        "guard",
        &facts([
            format!("AXI4, {} bits, {} a burst", p.bus_bits, p.max_burst),
            format!("{} bursts in flight", p.outstanding),
        ]),
    );
    // The queues feed both: one frame stands for both ends of the arrow.
    c.line(format_args!(
        r#"<rect class="f" x="732" y="182" width="236" height="80" rx="8"/>"#
    ));
    c.block("m", (740, 190), (105, 64), "load", &[]);
    c.block("m", (855, 190), (105, 64), "store", &[]);
    let kib = |beats: u32| u64::from(beats) * u64::from(p.bus_bytes()) / 1024;
    c.block(
        "b",
        (560, 300),
        (160, 46),
        "stream buffer",
        &facts([format!(
            "{} beats, {} KiB",
            p.stream_buffer_beats,
            kib(p.stream_buffer_beats)
        )]),
    );
    c.block(
        "b",
        (780, 300),
        (180, 46),
        "weight buffer",
        &facts([format!(
            "{} beats, {} KiB",
            p.weight_buffer_beats,
            kib(p.weight_buffer_beats)
        )]),
    );
    let bytes = u64::from(p.scratchpad_words) * u64::from(p.word_bytes());
    c.block(
        "s",
        (50, 535),
        (910, 56),
        "scratchpad",
        &facts([format!(
            "{} words of {} bits in {} banks, {} KiB",
            p.scratchpad_words,
            p.word_bits(),
            p.scratchpad_banks,
            bytes / 1024
        )]),
    );
}

fn units(c: &mut Canvas, p: &MachineParams) {
    let y = 385;
    c.block(
        "u",
        (50, y),
        (200, 100),
        "sample",
        &facts([format!("top-{}", p.sample_k), "seeded draw".into()]),
    );
    c.block(
        "u",
        (290, y),
        (200, 100),
        "vec",
        &facts([
            format!("{} lanes fp32", p.vec_lanes),
            "norm, RoPE, softmax,".into(),
            "activation, quantise".into(),
        ]),
    );
    c.block(
        "u",
        (520, y),
        (200, 100),
        "pe",
        &facts([
            format!("{} x {} int8 products", p.bus_bytes(), p.pe_rows),
            "attention, output head".into(),
            modes(p.pe_modes),
        ]),
    );
    c.block(
        "u",
        (760, y),
        (200, 100),
        "tlmm",
        &facts([
            format!(
                "{} groups of {} x {} rows",
                p.groups,
                p.weight_format.group(),
                p.rows
            ),
            format!(
                "{} ternary weights x {} vectors",
                p.tile_k() * p.rows,
                p.batch
            ),
            format!("{} in memory, {}", p.dram_format.word(), p.style.word()),
        ]),
    );
}

fn wires(c: &mut Canvas) {
    use Wire::{Control, Data};
    c.label(30, 98, "s_axil");
    c.wire(Control, "M10 110 H70", true);
    c.label(996, 98, "m_axi");
    c.wire(Data, "M960 110 H1020", true);
    c.wire(Control, "M250 110 H290", false);
    c.wire(Control, "M470 110 H510", false);
    // The program on its way from memory.
    c.wire(Data, "M850 70 V40 H380 V70", false);
    c.wire(Control, "M600 150 V200", false);
    c.wire(Control, "M690 222 H732", false);
    c.wire(Data, "M792 150 V190", false);
    c.wire(Data, "M907 190 V150", false);
    // Weights, keys, values and the head's rows go past the scratchpad.
    c.wire(Data, "M820 254 V300", false);
    c.wire(Data, "M765 254 V278 H640 V300", false);
    c.wire(Data, "M640 346 V385", false);
    c.wire(Data, "M870 346 V385", false);
    for x in [150, 390, 540] {
        c.wire(Control, &format!("M{x} 244 V385"), false);
    }
    c.wire(Control, "M670 244 V270 H745 V366 H785 V385", false);
    for x in [150, 390, 620, 860] {
        c.wire(Data, &format!("M{x} 485 V535"), true);
    }
    c.wire(Data, "M968 222 H990 V563 H960", true);
}

/// What the array multiplies, as far as a block is wide.
fn modes(modes: PeModes) -> String {
    let words: Vec<&str> = modes.iter().map(PeMode::word).collect();
    match words.len() {
        1 => format!("{} alone", words[0]),
        2 | 3 => words.join(", "),
        n => format!("{n} modes of {}", PeMode::ALL.len()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_machine_stand_in_its_blocks() {
        let p = MachineParams::tiny();
        let text = svg(&p, "a < b");
        for wanted in [
            "96 ternary weights x 1 vectors",
            "2048 words of 128 bits",
            "AXI4, 64 bits",
            "a &lt; b",
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert_ne!(text, svg(&MachineParams::tiny_sherry(), "a < b"));
        for (more, wanted) in [
            (&[][..], "int8 alone"),
            (&[PeMode::Fp16], "int8, fp16"),
            (&PeMode::ALL, "8 modes of 8"),
        ] {
            let p = MachineParams {
                pe_modes: PeModes::of(more),
                ..MachineParams::tiny()
            };
            assert!(svg(&p, "").contains(wanted), "{wanted}");
        }
    }
}
