//! `tritforge check`.

use std::fmt::Write as _;

use hw::params::MachineParams;
use hw::pe::{PeMode, PeParams};
use serde_json::json;

use super::{ConfigArgs, Failure, Out};
use crate::compile::Compiled;
use crate::project::Project;
use crate::report::grouped;

pub fn check(args: &ConfigArgs, out: &mut Out) -> Result<(), Failure> {
    let project = Project::open(args.origin(), false)?;
    out.warn(&project.warnings);
    let compiled = project.compile()?;
    out.result(
        &summary(&project, &compiled),
        &json!({
            "ok": true,
            "name": project.name,
            "abi": compiled.manifest.abi,
            "model": project.model.config,
            "board": project.config.board,
            "derived": project.derived,
            "machine": project.params,
            "traffic": compiled.manifest.traffic,
            "program_instructions": compiled.manifest.program_instructions,
            "image_bytes": compiled.image.len(),
            "warnings": project.warnings.to_json(),
        }),
    )
}

/// What a user wants to know of a machine before making it.
pub fn summary(project: &Project, compiled: &Compiled) -> String {
    let (m, p, t) = (
        &project.model.config,
        &project.params,
        &compiled.manifest.traffic,
    );
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        // Writing to a String never fails.
        let _ = writeln!(out, "  {name:<14}{text}");
    };
    row(
        "machine",
        format!("{} ({})", project.name, compiled.manifest.abi),
    );
    row(
        "model",
        format!(
            "{} layers, hidden {}, {} heads over {} KV heads, ffn {}, vocabulary {}, {} ternary weights",
            m.layers,
            m.hidden,
            m.heads,
            m.kv_heads,
            m.ffn,
            m.vocab,
            grouped(compiled.manifest.model.ternary_weights)
        ),
    );
    row("context", format!("{} tokens", project.derived.context));
    let board = &project.config.board;
    row("board", format!("{}: {}", board.name, board.description));
    row(
        "tlmm",
        format!(
            "{}: {} groups x {} weights x {} rows = {} ternary weights a cycle, up to {} vectors a weight pass",
            p.style.word(),
            p.groups,
            p.weight_format.group(),
            p.rows,
            p.tile_k() * p.rows,
            p.batch
        ),
    );
    row("pe", pe(p));
    row("vec", format!("{} lanes fp32", p.vec_lanes));
    row(
        "scratchpad",
        format!(
            "{} words of {} bits, {} used",
            grouped(p.scratchpad_words.into()),
            p.word_bits(),
            grouped(compiled.manifest.scratchpad_words_used.into())
        ),
    );
    row(
        "program",
        format!(
            "{} of {} instructions, whatever the length of the text",
            compiled.manifest.program_instructions, p.program_words
        ),
    );
    row(
        "image",
        format!("{} bytes", grouped(compiled.image.len() as u64)),
    );
    row(
        "a token reads",
        format!(
            "{} bytes of weights ({:.0} ideal, {:.3} bits a weight), {} of the {} head, {} for each position of context",
            grouped(t.weight_bytes),
            t.weight_bytes_ideal,
            t.bits_per_weight,
            grouped(t.head_bytes),
            compiled.manifest.head.word(),
            grouped(t.kv_bytes_per_position)
        ),
    );
    let block = compiled.manifest.prefill_block;
    let text = if block == 1 {
        "one position after the other, as decode".into()
    } else {
        format!(
            "blocks of {block} tokens: {} bytes of weights a token, K and V read once a block",
            grouped(t.prefill_weight_bytes)
        )
    };
    row("prefill", text);
    out
}

/// The attention array: its int8 products, and those of other modes that it has.
fn pe(p: &MachineParams) -> String {
    let mut out = format!("{} x {} int8 products a cycle", p.bus_bytes(), p.pe_rows);
    let params = PeParams::new(p);
    for mode in p.pe_modes.iter().filter(|&m| m != PeMode::Int8) {
        let (beat, rows) = (params.beat_elements(mode), mode.most_rows(p.pe_rows));
        // Writing to a String never fails.
        let _ = write!(out, ", {beat} x {rows} {}", mode.word());
    }
    out
}
