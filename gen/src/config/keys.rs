//! The keys of a configuration file, and what is made from them: JSON Schema and starter file.

use super::board::BUS_BITS;
use super::read::{Absent, Datum, Key, Kind};
use hw::pe::PeMode;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Rows of the attention array that an instruction can name (docs/machine.md, section 4).
pub const MOST_PE_ROWS: u32 = 16;

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    absent: Absent,
    doc: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        absent,
        doc,
    }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count {
        min,
        max,
        power_of_two: false,
    }
}

const fn power_of_two(min: u64, max: u64) -> Kind {
    Kind::Count {
        min,
        max,
        power_of_two: true,
    }
}

const fn number(default: u64) -> Absent {
    Absent::Default(Datum::Count(default))
}

const fn word(default: &'static str) -> Absent {
    Absent::Default(Datum::Text(Cow::Borrowed(default)))
}

/// The keys of a configuration file, in the order of the starter file.
pub const CONFIG_KEYS: &[Key] = &[
    key(
        "model",
        "path",
        Kind::Text,
        Absent::Refuse,
        "Directory with config.json, model.safetensors and tokenizer.json, relative to this file.",
    ),
    key(
        "model",
        "context",
        count(1, 1 << 20),
        Absent::Derive("the model's max_position_embeddings"),
        "Longest sequence, prompt and answer together, in tokens. Sizes the KV cache and the RoPE table.",
    ),
    key(
        "target",
        "board",
        Kind::Text,
        word("sim64"),
        "Name of a board the program knows (sim64, kv260, ulx3s-85f), or a board file ending in .toml.",
    ),
    key(
        "engine",
        "weight_format",
        Kind::Choice(&["g3", "sherry", "two_bit"]),
        word("g3"),
        "Weights in the ternary engine: g3 = 3 an index; sherry = 4 an index, exactly one of them 0; two_bit = one by one.",
    ),
    key(
        "engine",
        "dram_format",
        Kind::Choice(&["base3", "g3", "sherry", "two_bit"]),
        Absent::Derive("weight_format: base3 for g3 and two_bit, sherry for sherry"),
        "Weights in memory: base3 = 5 in 8 bits, g3 = 3 in 5 bits, sherry = 4 in 5 bits, two_bit = 1 in 2 bits.",
    ),
    key(
        "engine",
        "style",
        Kind::Choice(&["table", "select"]),
        Absent::Derive("the board: table on UltraScale+ (not for two_bit), select elsewhere"),
        "table = a group of weights looks its sum up; select = each weight picks plus, minus or nothing.",
    ),
    key(
        "engine",
        "storage",
        Kind::Choice(&["distributed", "registers"]),
        Absent::Derive("the board: distributed on UltraScale+, registers elsewhere"),
        "Tables of style table: distributed = full tables in LUT RAM; registers = half tables in registers.",
    ),
    key(
        "engine",
        "reduction",
        Kind::Choice(&["dsp", "fabric"]),
        word("dsp"),
        "Sums of distributed tables: dsp = DSP48E2 in SIMD mode; fabric = carry chains of three operands.",
    ),
    key(
        "engine",
        "groups",
        count(1, 256),
        number(8),
        "Groups of activations in parallel (T). Tables want a multiple of 8.",
    ),
    key(
        "engine",
        "rows",
        count(1, 32),
        number(4),
        "Output rows computed in parallel (Q): divides vec_lanes or is a multiple; tables want a multiple of 4.",
    ),
    key(
        "engine",
        "batch",
        count(1, 16),
        number(1),
        "Activation vectors that one pass over the weights can serve (B): tokens of a prefill block at most.",
    ),
    key(
        "engine",
        "pe_rows",
        count(1, MOST_PE_ROWS as u64),
        Absent::Derive("the model's query heads per KV head, times the tokens of a prefill block"),
        "Rows of the attention array (R): query heads, of a token or a block of them, that a pass over the keys serves. Modes with int4 raise it to 3.",
    ),
    key(
        "engine",
        "head",
        Kind::Choice(&PeMode::WORDS),
        word(PeMode::Int8.word()),
        "Products of the output head, activations_rows: int4 rows halve its bytes and cost accuracy, 16-bit rows (fp16, bf16) double them; float activations are not quantised and make the array larger.",
    ),
    key(
        "engine",
        "pe_modes",
        Kind::Words(&PeMode::WORDS),
        Absent::Default(Datum::Words(Vec::new())),
        "What the attention array multiplies beside int8 and the head's: programs with other heads then run on the same hardware.",
    ),
    key(
        "engine",
        "vec_lanes",
        power_of_two(2, 16),
        number(4),
        "Elements a cycle of the vector unit (L), and width of a scratchpad word in 32-bit elements.",
    ),
    key(
        "engine",
        "scratchpad_words",
        power_of_two(64, 1 << 16),
        Absent::Derive("what the program needs"),
        "Words of the scratchpad, each vec_lanes x 32 bits.",
    ),
    key(
        "engine",
        "weight_buffer_beats",
        power_of_two(16, 1 << 16),
        number(4096),
        "Depth of the weight prefetch buffer, in beats of the memory bus.",
    ),
    key(
        "engine",
        "stream_buffer_beats",
        power_of_two(16, 1 << 16),
        number(1024),
        "Depth of the buffer for keys, values, norms and embeddings, in beats of the memory bus.",
    ),
    key(
        "engine",
        "queue_depth",
        power_of_two(2, 64),
        number(16),
        "Instructions waiting in front of each unit.",
    ),
    key(
        "engine",
        "bus_bits",
        Kind::OneOf(BUS_BITS),
        Absent::Derive("the board"),
        "Width of the memory bus, in bits.",
    ),
    key(
        "numerics",
        "element",
        Kind::Choice(&["fp32"]),
        word("fp32"),
        "Format of elements outside the integer products.",
    ),
    key(
        "numerics",
        "attention",
        Kind::Choice(&["int8"]),
        word("int8"),
        "Format of keys and values in the cache and of the attention products.",
    ),
];

/// The JSON Schema of a configuration file, for editors.
pub fn schema() -> schemars::Schema {
    let mut sections: Map<String, Value> = Map::new();
    for key in CONFIG_KEYS {
        let section = sections.entry(key.section).or_insert_with(
            || json!({"type": "object", "additionalProperties": false, "properties": {}}),
        );
        section["properties"][key.name] = property(key);
        if key.absent == Absent::Refuse {
            section["required"] = json!([key.name]);
        }
    }
    let mut schema = schemars::json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tritforge configuration",
        "type": "object",
        "additionalProperties": false,
        "required": ["model"],
    });
    schema.insert("properties".into(), Value::Object(sections));
    schema
}

fn property(key: &Key) -> Value {
    let mut property = match key.kind {
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::Words(words) => {
            json!({"type": "array", "items": {"type": "string", "enum": words}})
        }
        Kind::Count {
            min,
            max,
            power_of_two: false,
        } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Kind::Count {
            min,
            max,
            power_of_two: true,
        } => {
            let values: Vec<u64> = (0..64)
                .map(|b| 1 << b)
                .filter(|v| (min..=max).contains(v))
                .collect();
            json!({"type": "integer", "enum": values})
        }
        Kind::OneOf(values) => json!({"type": "integer", "enum": values}),
        Kind::Positive => json!({"type": "number", "exclusiveMinimum": 0}),
    };
    property["description"] = json!(key.doc);
    match &key.absent {
        Absent::Default(Datum::Text(text)) => property["default"] = json!(text),
        Absent::Default(Datum::Words(words)) => property["default"] = json!(words),
        Absent::Default(Datum::Count(count)) => property["default"] = json!(count),
        Absent::Default(Datum::Number(number)) => property["default"] = json!(number),
        Absent::Refuse | Absent::Derive(_) => {}
    }
    property
}

/// A configuration for the model at `model_path` that says what every key means.
///
/// Defaults are written out; keys whose default is derived stand as comments.
pub fn starter_config(model_path: &str) -> String {
    let mut out = String::from(
        "# Tritforge configuration: a model, a target and the sizes of the machine.\n\
         # Every key but [model] path may be left out.\n",
    );
    let mut section = "";
    for key in CONFIG_KEYS {
        if key.section != section {
            section = key.section;
            // Writing to a String never fails.
            let _ = writeln!(out, "\n[{section}]");
        }
        let _ = writeln!(out, "# {}", key.doc);
        let legal = match key.kind {
            Kind::Text => String::new(),
            kind => format!("Legal: {}. ", kind.to_string().replace('`', "")),
        };
        let _ = match &key.absent {
            Absent::Refuse => {
                writeln!(out, "{} = {}", key.name, Value::from(model_path))
            }
            Absent::Default(datum) => {
                let legal = legal.trim_end();
                let comment = if legal.is_empty() {
                    String::new()
                } else {
                    format!("# {legal}\n")
                };
                writeln!(out, "{comment}{} = {datum}", key.name)
            }
            Absent::Derive(from) => {
                writeln!(
                    out,
                    "# {legal}When left out: from {from}.\n# {} =",
                    key.name
                )
            }
        };
    }
    out
}
