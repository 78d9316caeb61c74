//! Damaged weights: containers that lie, tensors that do not fit, values that are no weights.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::{Draft, import_files, refusal, with_header};
use serde_json::json;

const UP: &str = "model.layers.1.mlp.up_proj.weight";
const SCALE: &str = "model.layers.1.mlp.up_proj.weight_scale";
const NORM: &str = "model.layers.0.self_attn.attn_sub_norm.weight";

#[test]
fn the_base_of_all_cases_is_legal_for_us_and_for_the_formats_own_library() {
    let draft = Draft::legal();
    let model = draft.import().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(model.layers.len(), 2);
    assert_eq!(model.layers[1].up.row(0), [1; 16]);
    assert_eq!(model.layers[1].up.row(6), [0; 16]);
    assert_eq!(model.layers[1].up.row(12), [-1; 16]);
    let file = draft.safetensors();
    let theirs = safetensors::SafeTensors::deserialize(&file).unwrap();
    assert_eq!(theirs.len(), draft.tensors.len());
}

#[test]
fn damaged_tensors_are_named_with_what_is_wrong() {
    type Damage = fn(&mut Draft);
    let cases: &[(&str, Damage, &str)] = &[
        (
            "missing",
            |d| drop(d.tensors.remove(UP)),
            "up_proj.weight` is missing",
        ),
        (
            "no scale",
            |d| drop(d.tensors.remove(SCALE)),
            "up_proj.weight_scale` is missing",
        ),
        (
            "no norm",
            |d| drop(d.tensors.remove(NORM)),
            "attn_sub_norm.weight` is missing",
        ),
        (
            "no embedding",
            |d| drop(d.tensors.remove("model.embed_tokens.weight")),
            "`model.embed_tokens.weight` is missing",
        ),
        (
            "rows",
            |d| d.set(UP, "U8", &[7, 16], vec![0x86; 112]),
            "has shape [7, 16]; config.json asks for [6, 16]",
        ),
        (
            "columns",
            |d| d.set(UP, "U8", &[6, 15], vec![0x86; 90]),
            "has shape [6, 15]",
        ),
        (
            "one dimension",
            |d| d.set(UP, "U8", &[96], vec![0x86; 96]),
            "has shape [96]",
        ),
        (
            "transposed",
            |d| d.set(UP, "U8", &[16, 6], vec![0x86; 96]),
            "has shape [16, 6]",
        ),
        (
            "scalar",
            |d| d.set(UP, "U8", &[], vec![0x86]),
            "has shape []",
        ),
        (
            "i8",
            |d| d.set(UP, "I8", &[6, 16], vec![0x86; 96]),
            "is I8; packed ternary",
        ),
        (
            "master",
            |d| d.ones(UP, &[24, 16]),
            "\"autobitlinear\" with `quantization_mode`",
        ),
        (
            "norm length",
            |d| d.ones(NORM, &[8]),
            "has shape [8]; config.json asks for [16]",
        ),
        (
            "norm i16",
            |d| d.set(NORM, "I16", &[16], vec![1; 32]),
            "is I16; it must be BF16, F16",
        ),
        (
            "all zero",
            |d| d.set(UP, "U8", &[6, 16], vec![0x55; 96]),
            "is all zero",
        ),
        (
            "zero norm",
            |d| d.set(NORM, "BF16", &[16], vec![0; 32]),
            "is all zero",
        ),
        (
            "code 3",
            |d| d.tensors.get_mut(UP).unwrap().2[2 * 16 + 5] = 0b01_11_01_01,
            "holds code 3 at row 14, column 5",
        ),
        (
            "two scales",
            |d| d.set(SCALE, "BF16", &[2], vec![1; 4]),
            "has shape [2]",
        ),
        (
            "zero scale",
            |d| d.set(SCALE, "BF16", &[1], vec![0, 0]),
            "is 0e0; a scale",
        ),
        (
            "negative scale",
            |d| d.set(SCALE, "BF16", &[1], vec![0x80, 0xbf]),
            "is -1e0",
        ),
        (
            "subnormal scale",
            |d| d.set(SCALE, "BF16", &[1], vec![1, 0]),
            "not subnormal",
        ),
        (
            "NaN scale",
            |d| d.set(SCALE, "BF16", &[1], vec![0xc0, 0x7f]),
            "holds NaN",
        ),
        (
            "infinite scale",
            |d| d.set(SCALE, "BF16", &[1], vec![0x80, 0x7f]),
            "holds inf",
        ),
        (
            "infinite embedding",
            |d| {
                let bytes = &mut d.tensors.get_mut("model.embed_tokens.weight").unwrap().2;
                bytes[2 * 37..2 * 38].copy_from_slice(&[0x80, 0x7f]);
            },
            "holds inf at row 2, column 5; every value must be finite",
        ),
        (
            "third layer",
            |d| d.layer(2),
            "belongs to layer 2, but `num_hidden_layers` is 2",
        ),
        (
            "bias",
            |d| d.ones("model.layers.0.mlp.up_proj.bias", &[24]),
            "is a bias",
        ),
        (
            "unknown norm",
            |d| d.ones("model.layers.0.self_attn.q_norm.weight", &[4]),
            "is unknown in this family",
        ),
        (
            "dtype",
            |d| d.set(UP, "U7", &[6, 16], vec![0; 96]),
            "unknown dtype \"U7\"; legal are",
        ),
    ];
    for (case, damage, wanted) in cases {
        let mut draft = Draft::legal();
        damage(&mut draft);
        let text = refusal(draft.import(), case);
        assert!(
            text.contains(wanted) && text.contains("model.safetensors"),
            "{case}: {text}"
        );
    }
}

#[test]
fn unused_tensors_are_ignored_and_named() {
    let mut draft = Draft::legal();
    draft.ones("model.layers.0.self_attn.rotary_emb.inv_freq", &[2]);
    draft.ones("lm_head.weight", &[11, 16]);
    let model = draft.import().unwrap();
    assert_eq!(
        model.warnings,
        ["tensor `lm_head.weight` is ignored: `tie_word_embeddings` is true"]
    );
}

#[test]
fn scales_may_be_of_any_float_type() {
    let mut draft = Draft::legal();
    draft.set(SCALE, "F32", &[], 0.3_f32.to_le_bytes().to_vec());
    assert_eq!(draft.import().unwrap().layers[1].up.scale, 0.3);
}

#[test]
fn master_weights_are_ternarised() {
    let mut draft = Draft::legal();
    draft.config["quantization_config"]["quantization_mode"] = json!("online");
    let names: Vec<String> = draft.tensors.keys().cloned().collect();
    for name in names.iter().filter(|name| name.contains("_proj")) {
        let (_, shape, _) = draft.tensors.remove(name).unwrap();
        if name.ends_with(".weight") {
            draft.ones(name, &[shape[0] * 4, shape[1]]);
        }
    }
    let up = &draft.import().unwrap().layers[1].up;
    assert_eq!((up.trits[0], up.scale, up.rows), (1, 1.0, 24));
}

/// Every container fault is refused here, and all but one by the format's own library.
#[test]
fn containers_that_lie_are_refused() {
    let draft = Draft::legal();
    let config = draft.config.to_string();
    let file = draft.safetensors();
    let size = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&file[8..8 + size]).unwrap();
    let data = &file[8 + size..];
    let length = |value: u64| [&value.to_le_bytes()[..], &file[8..]].concat();
    let edit = |from: &str, to: &str| {
        assert!(header.contains(from), "{from}");
        with_header(&header.replacen(from, to, 1), data)
    };
    let embed = r#""dtype":"BF16","shape":[11,16],"data_offsets":[0,352]"#;
    let other = |dtype: &str, shape: &str, offsets: &str| {
        let to = format!(r#""dtype":{dtype},"shape":{shape},"data_offsets":{offsets}"#);
        edit(embed, &to)
    };
    let twice = edit(
        "{",
        &format!(r#"{{"model.embed_tokens.weight":{{{embed}}},"#),
    );
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(3000), "]".repeat(3000));
    for (case, file, wanted) in [
        ("empty", vec![], "0 bytes, too short"),
        ("seven bytes", file[..7].to_vec(), "7 bytes, too short"),
        ("header length 0", length(0), "not a JSON object"),
        (
            "header length 2^63",
            length(1 << 63),
            "header of 9223372036854775808 bytes",
        ),
        (
            "header length max",
            length(u64::MAX),
            "at most 100000000 are legal",
        ),
        (
            "header length 100 MB",
            length(100_000_000),
            "truncated: header of 100000000",
        ),
        ("header length + 1", length(file.len() as u64), "truncated"),
        (
            "header length - 1",
            length(size as u64 - 1),
            "can not be understood",
        ),
        ("truncated header", file[..size / 2].to_vec(), "truncated"),
        (
            "truncated data",
            file[..file.len() - 40].to_vec(),
            "truncated?",
        ),
        (
            "one byte short",
            file[..file.len() - 1].to_vec(),
            "truncated?",
        ),
        (
            "trailing",
            [&file[..], &[0; 16]].concat(),
            "16 bytes follow the last tensor",
        ),
        (
            "not JSON",
            with_header("{ nonsense", data),
            "can not be understood",
        ),
        ("array", with_header("[]", data), "not a JSON object"),
        ("nested", with_header(&deep, data), "can not be understood"),
        (
            "metadata",
            edit("{", r#"{"__metadata__":{"format":3},"#),
            "`__metadata__`",
        ),
        ("duplicate", twice, "appears twice"),
        (
            "dtype",
            other("\"BF17\"", "[11,16]", "[0,352]"),
            "unknown dtype \"BF17\"",
        ),
        (
            "dtype number",
            other("3", "[11,16]", "[0,352]"),
            "`model.embed_tokens.weight`",
        ),
        (
            "shape",
            other("\"BF16\"", "[11,15]", "[0,352]"),
            "is 330 bytes, but its range",
        ),
        (
            "negative shape",
            other("\"BF16\"", "[-11,16]", "[0,352]"),
            "integer `-11`",
        ),
        (
            "overflow",
            other("\"BF16\"", "[4294967296,4294967296]", "[0,352]"),
            "overflows",
        ),
        (
            "reversed",
            other("\"BF16\"", "[11,16]", "[352,0]"),
            "before its start",
        ),
        (
            "beyond",
            other("\"BF16\"", "[11,16]", "[99999648,100000000]"),
            "ends at data byte",
        ),
        (
            "2^64",
            other("\"BF16\"", "[11,16]", "[0,18446744073709551616]"),
            "understood",
        ),
        (
            "fraction",
            other("\"BF16\"", "[11,16]", "[0.0,352]"),
            "understood",
        ),
        (
            "negative offset",
            other("\"BF16\"", "[11,16]", "[-352,0]"),
            "understood",
        ),
        (
            "three offsets",
            other("\"BF16\"", "[11,16]", "[0,352,352]"),
            "understood",
        ),
        ("overlap", edit("[352,", "[350,"), "but its range holds"),
        (
            "overlap of whole tensors",
            edit("[352,384]", "[320,352]"),
            "inside the tensor before",
        ),
        (
            "gap",
            with_header(
                r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
                &[0; 2],
            ),
            "belong to no tensor",
        ),
    ] {
        let text = refusal(import_files(&config, &file), case);
        assert!(
            text.contains(wanted) && text.contains("model.safetensors"),
            "{case}: {text}"
        );
        // A duplicate is the one fault that library lets through: its last entry wins.
        let theirs = safetensors::SafeTensors::deserialize(&file);
        assert!(
            theirs.is_err() || case == "duplicate",
            "{case}: the format's own library accepts it"
        );
    }
    let mut broken = file.clone();
    broken[9] = 0xff;
    assert!(refusal(import_files(&config, &broken), "UTF-8").contains("not UTF-8 at byte 1"));
    let padded = with_header(&format!("{header}{}", " ".repeat(4096)), data);
    assert!(import_files(&config, &padded).is_ok());
}

/// Damage to any one byte ends in a model or in a message, never in a panic.
#[test]
fn no_single_damaged_byte_panics() {
    let draft = Draft::legal();
    let file = draft.safetensors();
    let config = draft.config.to_string();
    for at in (0..file.len()).step_by(5) {
        let mut damaged = file.clone();
        damaged[at] = [b'"', b'9', 0xff][at % 3];
        let _ = import_files(&config, &damaged);
    }
    for at in 0..config.len() {
        let mut damaged = config.clone().into_bytes();
        damaged[at] = [b'"', b'9', b'}'][at % 3];
        let _ = import_files(&String::from_utf8(damaged).unwrap(), &file);
    }
}

#[test]
fn shards_are_read_through_their_index() {
    let draft = Draft::legal();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("config.json", draft.config.to_string().as_bytes());
    let (mut map, mut halves) = (serde_json::Map::new(), [Draft::legal(), Draft::legal()]);
    for name in draft.tensors.keys() {
        let half = usize::from(name.contains("layers.1"));
        halves[1 - half].tensors.remove(name);
        map.insert(name.clone(), json!(format!("part-{half}.safetensors")));
    }
    write("part-0.safetensors", &halves[0].safetensors());
    write("part-1.safetensors", &halves[1].safetensors());
    let index =
        |map: &serde_json::Map<_, _>| json!({"metadata": {}, "weight_map": map}).to_string();
    write("model.safetensors.index.json", index(&map).as_bytes());
    assert_eq!(
        common::import_dir(dir.path()).unwrap(),
        draft.import().unwrap()
    );

    let mut wrong = map.clone();
    wrong.insert(UP.to_owned(), json!("part-0.safetensors"));
    write("model.safetensors.index.json", index(&wrong).as_bytes());
    let text = refusal(common::import_dir(dir.path()), "wrong shard");
    assert!(text.contains("is not in part-0.safetensors"), "{text}");
    wrong.insert(UP.to_owned(), json!("../part-1.safetensors"));
    write("model.safetensors.index.json", index(&wrong).as_bytes());
    let text = refusal(common::import_dir(dir.path()), "outside");
    assert!(text.contains("in this directory"), "{text}");
}
