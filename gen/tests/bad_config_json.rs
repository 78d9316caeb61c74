//! Mistakes in config.json: each is named with field, legal values and place.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::{Draft, import_files, refusal};
use serde_json::{Value, json};
use tritforge_gen::model::Activation;

fn with(field: &str, value: Value) -> Draft {
    let mut draft = Draft::legal();
    draft.config[field] = value;
    draft
}

#[test]
fn illegal_fields_are_named_with_their_legal_values() {
    let layers = "`num_hidden_layers` must be an integer from 1 to 4096, not ";
    let hidden = "`hidden_size` must be an integer from 1 to 1048576, not ";
    for (field, value, wanted) in [
        ("hidden_size", json!(0), format!("{hidden}0")),
        ("hidden_size", json!(-16), format!("{hidden}-16")),
        (
            "hidden_size",
            json!(16.0),
            format!("{hidden}the fraction 16.0"),
        ),
        (
            "hidden_size",
            json!("16"),
            format!("{hidden}the string \"16\""),
        ),
        ("hidden_size", json!(null), format!("{hidden}null")),
        ("hidden_size", json!([16]), format!("{hidden}the list [16]")),
        (
            "num_hidden_layers",
            json!(1_000_000_000_u64),
            format!("{layers}1000000000"),
        ),
        ("num_hidden_layers", json!(u64::MAX), layers.to_owned()),
        (
            "vocab_size",
            json!(1_u64 << 40),
            "`vocab_size` must be".to_owned(),
        ),
        (
            "num_attention_heads",
            json!(0),
            "`num_attention_heads` must be".to_owned(),
        ),
        (
            "num_attention_heads",
            json!(3),
            "does not divide `hidden_size` = 16".to_owned(),
        ),
        (
            "num_attention_heads",
            json!(16),
            "need an even number".to_owned(),
        ),
        (
            "num_key_value_heads",
            json!(3),
            "= 3 does not divide".to_owned(),
        ),
        (
            "num_key_value_heads",
            json!(8),
            "= 8 does not divide".to_owned(),
        ),
        (
            "hidden_act",
            json!("gelu"),
            "must be `relu2` or `silu`, not the string".to_owned(),
        ),
        (
            "hidden_act",
            json!(2),
            "must be `relu2` or `silu`, not 2".to_owned(),
        ),
        (
            "architectures",
            json!(["BitNetForCasualLM"]),
            "`BitNetForCausalLM`?".to_owned(),
        ),
        (
            "architectures",
            json!(["HGRNBitForCausalLM"]),
            "not `HGRNBitForCausalLM`".to_owned(),
        ),
        ("architectures", json!([]), "a list of one of".to_owned()),
        (
            "rms_norm_eps",
            json!(0.0),
            "`rms_norm_eps` must be a number above 0".to_owned(),
        ),
        (
            "rms_norm_eps",
            json!(-1e-5),
            "`rms_norm_eps` must be".to_owned(),
        ),
        (
            "rope_theta",
            json!(0.0),
            "`rope_theta` must be a number above 0".to_owned(),
        ),
        (
            "rope_scaling",
            json!({"type": "linear", "factor": 2.0}),
            "not supported".to_owned(),
        ),
        (
            "rope_scaling",
            json!({"factor": 2.0}),
            "not supported".to_owned(),
        ),
        (
            "rope_parameters",
            json!({"rope_type": "yarn"}),
            "not supported".to_owned(),
        ),
        (
            "rope_parameters",
            json!({"rope_theta": 5e5}),
            "but `rope_parameters".to_owned(),
        ),
        (
            "tie_word_embeddings",
            json!("yes"),
            "must be true or false".to_owned(),
        ),
        (
            "torch_dtype",
            json!("int8"),
            "`bfloat16`, `float16` or `float32`".to_owned(),
        ),
        (
            "attention_bias",
            json!(true),
            "must be false or absent".to_owned(),
        ),
        (
            "eos_token_id",
            json!("two"),
            "a token id, a list of token ids".to_owned(),
        ),
        (
            "quantization_config",
            json!(null),
            "`quantization_config` is missing".to_owned(),
        ),
        (
            "quantization_config",
            json!("bitnet"),
            "must be an object".to_owned(),
        ),
        (
            "quantization_config",
            json!({"quant_method": "gptq"}),
            "must be `bitnet`".to_owned(),
        ),
        (
            "quantization_config",
            json!({"quant_method": "bitnet", "linear_class": "bitlineer"}),
            "`autobitlinear` or `bitlinear`, not the string \"bitlineer\"".to_owned(),
        ),
        (
            "quantization_config",
            json!({"quant_method": "bitnet", "quantization_mode": "online"}),
            "needs `linear_class` \"autobitlinear\"".to_owned(),
        ),
        (
            "quantization_config",
            json!({"quant_method": "bitnet", "modules_to_not_convert": ["up_proj"]}),
            "[\"lm_head\"]".to_owned(),
        ),
        ("num_hidden_layers", json!(3), "`model.layers.2.".to_owned()),
        (
            "num_hidden_layers",
            json!(1),
            "belongs to layer 1".to_owned(),
        ),
        (
            "vocab_size",
            json!(12),
            "config.json asks for [12, 16]".to_owned(),
        ),
        (
            "intermediate_size",
            json!(20),
            "config.json asks for [20]".to_owned(),
        ),
        (
            "tie_word_embeddings",
            json!(false),
            "`lm_head.weight` is missing".to_owned(),
        ),
    ] {
        let case = format!("{field} = {value}");
        let text = refusal(with(field, value).import(), &case);
        assert!(text.contains(&wanted), "{case}: {text}");
    }
}

#[test]
fn missing_fields_are_all_named_at_once() {
    let mut draft = Draft::legal();
    let map = draft.config.as_object_mut().unwrap();
    for field in ["hidden_size", "vocab_size", "rope_theta", "architectures"] {
        map.remove(field);
    }
    let text = refusal(draft.import(), "missing");
    for field in ["hidden_size", "vocab_size", "rope_theta", "architectures"] {
        assert!(
            text.contains(&format!("`{field}` is missing; it must be")),
            "{text}"
        );
    }
}

#[test]
fn mistakes_are_shown_in_the_users_file() {
    let text = serde_json::to_string_pretty(&with("hidden_size", json!(-16)).config).unwrap();
    let found = refusal(import_files(&text, &[]), "place");
    let line = text
        .lines()
        .position(|line| line.contains("hidden_size"))
        .unwrap()
        + 1;
    assert!(found.contains(&format!("config.json:{line}:18")), "{found}");
    assert!(found.contains("^^^"), "{found}");
}

#[test]
fn text_that_is_no_json_object_is_refused() {
    let legal = Draft::legal().config.to_string();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for (text, wanted) in [
        ("", "is not JSON"),
        ("{ hidden", "config.json:1:"),
        ("[1, 2]", "must be a JSON object"),
        (
            &legal.replace("0.00001", "NaN"),
            "JSON knows no comments, NaN",
        ),
        (&deep, "is not JSON"),
    ] {
        let found = refusal(import_files(text, &[]), text);
        assert!(found.contains(wanted), "{text}: {found}");
    }
    let dir = tempfile::tempdir().unwrap();
    let found = refusal(common::import_dir(dir.path()), "empty directory");
    assert!(
        found.contains("can not be read") && found.contains("config.json"),
        "{found}"
    );
    let found = refusal(common::import_dir(&dir.path().join("no")), "no directory");
    assert!(found.contains("there is no such directory"), "{found}");
}

#[test]
fn both_spellings_of_transformers_are_read() {
    let mut draft = Draft::legal();
    let map = draft.config.as_object_mut().unwrap();
    map.remove("rope_theta");
    map.remove("torch_dtype");
    draft.config["rope_parameters"] = json!({"rope_theta": 5e5, "rope_type": "default"});
    draft.config["dtype"] = json!("bfloat16");
    draft.config["eos_token_id"] = json!([1, 2]);
    draft.config["rope_scaling"] = Value::Null;
    let model = draft.import().unwrap();
    assert_eq!(
        (model.config.rope_theta, model.config.eos),
        (5e5, vec![1, 2])
    );
    assert_eq!(
        with("hidden_act", json!("silu"))
            .import()
            .unwrap()
            .config
            .activation,
        Activation::Silu
    );
}

#[test]
fn the_linear_class_decides_what_a_scale_means() {
    let half = vec![0x00, 0x3f];
    let mut draft = Draft::legal();
    draft.set(
        "model.layers.0.mlp.up_proj.weight_scale",
        "BF16",
        &[1],
        half,
    );
    assert_eq!(draft.import().unwrap().layers[0].up.scale, 0.5);
    draft.config["quantization_config"] = json!({"quant_method": "bitnet"});
    assert_eq!(draft.import().unwrap().layers[0].up.scale, 2.0);
}
