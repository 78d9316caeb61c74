//! A user's mistakes in a configuration file, and what is said about each.

use super::*;
use hw::params::Technology;

use crate::model::{Activation, ModelConfig, ModelFamily};

fn parse(text: &str) -> Result<Config, Diagnostics> {
    Config::parse(&Source::new("c.toml", text), Path::new("/base"))
}

fn refused(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(diagnostics) => diagnostics.plain(),
    }
}

fn engine(lines: &str) -> String {
    format!("[model]\npath = \"m\"\n[engine]\n{lines}\n")
}

fn tale() -> ModelConfig {
    ModelConfig {
        family: ModelFamily::BitNet,
        hidden: 192,
        layers: 3,
        heads: 6,
        kv_heads: 2,
        head_dim: 32,
        ffn: 480,
        vocab: 512,
        activation: Activation::Relu2,
        sub_norms: true,
        tied: true,
        rope_theta: 10000.0,
        norm_eps: 1e-5,
        max_positions: 256,
        bos: None,
        eos: vec![],
    }
}

#[test]
fn the_starter_file_is_legal_and_says_the_defaults() {
    let text = starter_config("models/tale");
    let starter = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let bare = parse("[model]\npath = \"models/tale\"\n").unwrap();
    assert_eq!(starter.engine, bare.engine);
    assert_eq!(starter.board, bare.board);
    assert_eq!(starter.model_path, Path::new("/base/models/tale"));
    for key in keys::CONFIG_KEYS {
        assert!(text.contains(key.doc) && text.contains(&format!("{} =", key.name)));
    }
}

#[test]
fn a_quoted_model_path_survives_the_starter_file() {
    let starter = parse(&starter_config("a \"b\"\\c")).unwrap();
    assert_eq!(starter.model_path, Path::new("/base/a \"b\"\\c"));
}

#[test]
fn the_schema_lists_every_key() {
    let schema = schema().to_value();
    for key in keys::CONFIG_KEYS {
        let property = &schema["properties"][key.section]["properties"][key.name];
        assert_eq!(property["description"], key.doc);
    }
    let lanes = &schema["properties"]["engine"]["properties"]["vec_lanes"]["enum"];
    assert_eq!(*lanes, serde_json::json!([2, 4, 8, 16]));
    let modes = &schema["properties"]["engine"]["properties"]["pe_modes"];
    assert_eq!(modes["items"]["enum"], serde_json::json!(PeMode::WORDS));
    assert_eq!(modes["default"], serde_json::json!([]));
}

#[test]
fn all_unknown_keys_are_named_at_once_with_their_places() {
    let text = refused("[model]\npath = \"m\"\n[engin]\n[engine]\ngropus = 8\nboard = \"kv260\"\n");
    assert!(
        text.contains("unknown section `engin`\n --> c.toml:3:2"),
        "{text}"
    );
    assert!(text.contains("did you mean `engine`?"), "{text}");
    assert!(
        text.contains("unknown key `gropus` in `[engine]`\n --> c.toml:5:1"),
        "{text}"
    );
    assert!(text.contains("did you mean `groups`?"), "{text}");
    assert!(text.contains("`board` belongs below `[target]`"), "{text}");
}

#[test]
fn illegal_values_name_the_nearest_legal_one() {
    for (line, wanted) in [
        ("groups = 0", "the nearest legal value is 1"),
        ("groups = 300", "the nearest legal value is 256"),
        ("groups = -3", "the nearest legal value is 1"),
        (
            "groups = 99999999999999999999",
            "the nearest legal value is 256",
        ),
        (
            "groups = 8.0",
            "must be an integer from 1 to 256, not a float",
        ),
        (
            "groups = \"8\"",
            "must be an integer from 1 to 256, not a string",
        ),
        ("vec_lanes = 6", "the nearest legal value is 4"),
        (
            "weight_buffer_beats = 500",
            "the nearest legal value is 512",
        ),
        (
            "bus_bits = 96",
            "must be `32`, `64`, `128` or `256`, not 96",
        ),
        ("weight_format = \"sherri\"", "did you mean \"sherry\"?"),
        (
            "weight_format = 3",
            "must be `\"g3\"`, `\"sherry\"` or `\"two_bit\"`, not an integer",
        ),
        ("head = \"int4\"", "did you mean \"int8\"?"),
        (
            "pe_modes = \"fp16\"",
            "must be a list of `\"int8\"`, `\"int8_int4\"`,",
        ),
        ("pe_modes = [\"bf16\", \"fp17\"]", "did you mean \"fp16\"?"),
        ("pe_modes = [16]", "not a list with an integer"),
    ] {
        let text = refused(&engine(line));
        assert!(
            text.contains(wanted) && text.contains("c.toml:4:"),
            "{line}: {text}"
        );
    }
    assert_eq!(parse(&engine("groups = 0x1_0")).unwrap().engine.groups, 16);
}

/// The array has int8, the head's mode and what else is wanted, and rows for all of them.
#[test]
fn the_array_serves_the_head_and_what_else_is_wanted() {
    let derive = |lines: &str| {
        let config = parse(&engine(lines)).unwrap();
        let (derived, warnings) = config.derive(&tale()).unwrap();
        // Rows that were not asked for are told of, and nothing else.
        let raised = config.engine.pe_rows.is_some_and(|n| n < derived.pe_rows);
        let told = format!("{} are built", derived.pe_rows);
        assert_eq!(warnings.is_empty(), !raised, "{warnings}");
        assert_eq!(warnings.plain().contains(&told), raised, "{warnings}");
        derived
    };
    for (lines, head, modes, rows) in [
        ("", PeMode::Int8, vec![], 3),
        ("pe_rows = 1", PeMode::Int8, vec![], 1),
        (
            "head = \"fp16\"\npe_rows = 1",
            PeMode::Fp16,
            vec![PeMode::Fp16],
            1,
        ),
        (
            "head = \"int8_int4\"\npe_rows = 1",
            PeMode::Int8Int4,
            vec![PeMode::Int8Int4],
            3,
        ),
        (
            "head = \"bf16_int8\"\npe_modes = [\"bf16_int4\", \"int8\"]\npe_rows = 2",
            PeMode::Bf16Int8,
            vec![PeMode::Bf16Int8, PeMode::Bf16Int4],
            3,
        ),
    ] {
        let d = derive(lines);
        assert_eq!((d.head, d.pe_rows), (head, rows), "{lines}");
        assert_eq!(d.pe_modes, PeModes::of(&modes), "{lines}");
    }
}

#[test]
fn formats_must_fit_each_other() {
    let text = refused(&engine(
        "weight_format = \"sherry\"\ndram_format = \"base3\"",
    ));
    assert!(text.contains("dram_format must be `\"sherry\"`"), "{text}");
    assert!(text.contains("c.toml:5:15"), "{text}");
    let text = refused(&engine("dram_format = \"sherry\""));
    assert!(text.contains("`\"base3\"` or `\"g3\"`"), "{text}");
    let config = parse(&engine("weight_format = \"sherry\"")).unwrap();
    assert_eq!(config.engine.dram_format, DramFormat::Sherry);
}

#[test]
fn broken_files_are_refused_with_a_place() {
    assert!(refused("[model]\npath = m\n").contains("c.toml:2:"));
    assert!(refused("[model]\npath = \"m\"\npath = \"n\"\n").contains("c.toml:3:"));
    assert!(refused("").contains("`path` is missing in `[model]`"));
    assert!(refused("path = \"m\"").contains("write it below `[model]`"));
    assert!(refused("model = 3").contains("c.toml:1:1"));
    assert!(refused("[[model]]\npath = \"m\"").contains("c.toml:1:3"));
}

#[test]
fn boards_are_found_by_name_or_by_file() {
    let board = |name: &str| format!("[model]\npath = \"m\"\n[target]\nboard = \"{name}\"\n");
    let text = refused(&board("kv26"));
    assert!(text.contains("did you mean \"kv260\"?"), "{text}");
    assert!(text.contains("c.toml:4:9"), "{text}");
    assert!(refused(&board("nowhere.toml")).contains("nowhere.toml"));
    let ulx3s = parse(&board("ulx3s-85f")).unwrap();
    assert_eq!(
        (ulx3s.engine.bus_bits, ulx3s.board.technology),
        (32, Technology::Ecp5)
    );

    let folder = tempfile::tempdir().unwrap();
    let mine = include_str!("../../../constraints/boards/sim64.toml").replace("= 200", "= 100");
    std::fs::write(folder.path().join("mine.toml"), mine).unwrap();
    let text = board("mine.toml") + "[engine]\nbus_bits = 128\n";
    let config = Config::parse(&Source::new("c.toml", text), folder.path()).unwrap();
    assert_eq!(
        (config.board.clock_mhz, config.engine.bus_bits),
        (100.0, 128)
    );
}

#[test]
fn a_configuration_must_fit_its_model() {
    let check = |lines: &str, model: &ModelConfig| {
        parse(&format!("{lines}\n[model]\npath = \"m\"\n"))
            .unwrap()
            .derive(model)
    };
    let (derived, warnings) = check("", &tale()).unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    assert_eq!(
        (derived.gqa_group, derived.pe_rows, derived.pe_lanes),
        (3, 3, 8)
    );
    assert_eq!(
        (derived.tile_k, derived.weights_per_cycle, derived.context),
        (24, 96, 256)
    );
    assert_eq!((derived.longest_k, derived.accumulator_bits), (480, 17));

    // A block's query heads share a pass over K and V, as many as an instruction can name.
    for (batch, rows) in [(1, 3), (4, 12), (5, 15), (8, 15)] {
        let (derived, _) = check(&format!("[engine]\nbatch = {batch}"), &tale()).unwrap();
        assert_eq!((derived.pe_rows, derived.pe_passes), (rows, 1));
    }
    let (derived, _) = check("[engine]\npe_rows = 2", &tale()).unwrap();
    assert_eq!((derived.pe_rows, derived.pe_passes), (2, 2));
    let odd = ModelConfig { ffn: 482, ..tale() };
    let text = check("[engine]\nvec_lanes = 8", &odd).unwrap_err().plain();
    assert!(
        text.contains("intermediate_size of 482") && text.contains("value is 2"),
        "{text}"
    );
    let large = ModelConfig {
        vocab: 1 << 20,
        ..tale()
    };
    let text = check("[target]\nboard = \"ulx3s-85f\"", &large)
        .unwrap_err()
        .plain();
    assert!(text.contains("does not fit the 33554432 bytes"), "{text}");
    let (_, warnings) = check("[engine]\ngroups = 1\nrows = 1", &tale()).unwrap();
    assert!(
        warnings
            .plain()
            .contains("groups = 14 keeps up with 1 rows"),
        "{warnings}"
    );

    let long = parse("[model]\npath = \"m\"\ncontext = 300\n").unwrap();
    let text = long.derive(&tale()).unwrap_err().plain();
    assert!(
        text.contains("c.toml:3:11") && text.contains("value is 256"),
        "{text}"
    );
}
