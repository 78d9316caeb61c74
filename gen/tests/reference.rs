//! The importer and the float reference against the models' own framework (tests/data/ref/README.md).

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use serde_json::Value;
use std::path::PathBuf;
use tritforge_gen::model::reference::{argmax, rms_norm};
use tritforge_gen::model::rope::{RopeTable, inverse_frequencies};
use tritforge_gen::model::{Model, Reference, ReferenceError, import, quant};

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ref")
        .join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(data(path)).unwrap()).unwrap()
}

fn tokens(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(list) => list.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn trits(value: &Value) -> Vec<i8> {
    floats(value).iter().map(|v| *v as i8).collect()
}

fn hex(value: &Value) -> u32 {
    u32::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

fn relative_l2(found: &[f32], wanted: &[f32]) -> f64 {
    let square = |v: f64| v * v;
    let difference: f64 = found
        .iter()
        .zip(wanted)
        .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
        .sum();
    let norm: f64 = wanted.iter().map(|v| square(f64::from(*v))).sum();
    (difference / norm).sqrt()
}

/// Runs every case of a family; the worst relative L2 of a position's logits.
fn worst_distance(family: &str, model: &Model) -> f64 {
    let bytes = std::fs::read(data(&format!("{family}/logits.f32"))).unwrap();
    let values: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| f32::from_le_bytes(*word))
        .collect();
    let mut rows = values.chunks_exact(model.config.vocab);
    let mut reference = Reference::new(model);
    let mut worst = 0.0_f64;
    for case in json(&format!("{family}/tokens.json"))["cases"]
        .as_array()
        .unwrap()
    {
        let prompt = tokens(&case["prompt"]);
        reference.reset();
        let mut greedy = Vec::new();
        for (position, token) in tokens(&case["sequence"]).into_iter().enumerate() {
            let logits = reference.forward(token).unwrap();
            worst = worst.max(relative_l2(&logits, rows.next().unwrap()));
            if position + 1 >= prompt.len() {
                greedy.push(argmax(&logits));
            }
        }
        assert_eq!(greedy, tokens(&case["greedy"]), "{family}: greedy tokens");
    }
    assert!(
        rows.next().is_none(),
        "{family}: every row of the reference is used"
    );
    worst
}

#[test]
fn every_family_agrees_with_its_framework() {
    for family in ["main", "nano", "llama", "nano1b"] {
        let model = import(&data(family)).unwrap_or_else(|e| panic!("{e}"));
        assert!(model.warnings.is_empty(), "{family}: {:?}", model.warnings);
        let worst = worst_distance(family, &model);
        println!("{family}: worst relative L2 of a position {worst:.2e}");
        assert!(worst <= 5e-6, "{family}: relative L2 {worst:e}");
    }
}

#[test]
fn likelihood_is_the_mean_over_predicted_tokens() {
    let model = import(&data("nano")).unwrap();
    let mut reference = Reference::new(&model);
    let text = [17, 121, 94, 43];
    let mut sum = 0.0;
    for pair in text.windows(2) {
        let logits = reference.forward(pair[0]).unwrap();
        let total: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
        sum += total.ln() - f64::from(logits[pair[1] as usize]);
    }
    // The second run starts anew although the first left its cache behind.
    let nll = reference.nll(&text).unwrap();
    assert!(
        (nll - sum / 3.0).abs() < 1e-9,
        "{nll} against {}",
        sum / 3.0
    );
    assert_eq!(reference.nll(&[1]), Err(ReferenceError::TooShort));
    let vocab = model.config.vocab;
    assert_eq!(
        reference.nll(&[1, 129]),
        Err(ReferenceError::Token { token: 129, vocab })
    );
    let long = vec![1; model.config.max_positions + 2];
    assert_eq!(reference.nll(&long), Err(ReferenceError::Full(128)));
}

#[test]
fn activations_quantise_as_the_framework_does_ties_included() {
    for case in json("vectors.json")["activation_quant"].as_array().unwrap() {
        let words = case["x_hex"].as_array().unwrap();
        let x: Vec<f32> = words.iter().map(|word| f32::from_bits(hex(word))).collect();
        let (codes, scale) = quant::quantise_activations(&x);
        assert_eq!(scale.to_bits(), hex(&case["scale_hex"]));
        assert_eq!(codes, trits(&case["q"]));
    }
}

#[test]
fn master_weights_ternarise_as_the_framework_does() {
    for case in json("vectors.json")["weight_ternarize"].as_array().unwrap() {
        let (found, scale) = quant::ternarise(&floats(&case["w"]));
        assert_eq!(found, trits(&case["t"]));
        let wanted = case["absmean_mult"].as_f64().unwrap();
        assert!(
            (f64::from(scale) / wanted - 1.0).abs() < 2e-7,
            "{scale} against {wanted}"
        );
    }
}

#[test]
fn packing_is_the_frameworks_and_its_own_inverse() {
    let pack = &json("vectors.json")["pack"];
    let unpacked = trits(&pack["t"]);
    let columns = pack["t"][0].as_array().unwrap().len();
    let bytes: Vec<u8> = pack["hf_uint8_rows"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(row)
        .collect();
    assert_eq!(quant::pack(&unpacked), bytes);
    assert_eq!(quant::unpack(&bytes, columns), Ok(unpacked));

    fn row(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }
}

#[test]
fn rms_norm_is_the_frameworks_to_the_last_bits() {
    let case = &json("vectors.json")["rmsnorm"];
    let weight = floats(&case["w"]);
    let eps = case["eps"].as_f64().unwrap() as f32;
    let rows = case["x"]
        .as_array()
        .unwrap()
        .iter()
        .zip(case["y_f32"].as_array().unwrap());
    for (x, y) in rows {
        let distance = relative_l2(&rms_norm(&floats(x), &weight, eps), &floats(y));
        assert!(distance < 2e-7, "{distance:e}");
    }
}

#[test]
fn rope_table_and_rotation_are_the_frameworks() {
    let vectors = json("vectors.json");
    for (name, theta) in [("rope_10000", 1e4), ("rope_500000", 5e5)] {
        let case = &vectors[name];
        let head_dim = case["head_dim"].as_u64().unwrap() as usize;
        let frequencies = inverse_frequencies(theta, head_dim);
        for (found, wanted) in frequencies.iter().zip(floats(&case["inv_freq"])) {
            assert!(
                (found / wanted - 1.0).abs() < 3e-7,
                "{found} against {wanted}"
            );
        }
        let table = RopeTable::new(theta, head_dim, 4096);
        for (index, position) in tokens(&case["pos"]).into_iter().enumerate() {
            // One bit of inv_freq grows with the position.
            let limit = 1e-6 + 1.3e-7 * f64::from(position);
            let row = position as usize * table.half;
            let near = |found: &[f32], wanted: &[f32]| {
                found
                    .iter()
                    .zip(wanted)
                    .all(|(a, b)| f64::from((a - b).abs()) <= limit)
            };
            assert!(near(
                &table.cos[row..row + table.half],
                &floats(&case["cos"][index])
            ));
            assert!(near(
                &table.sin[row..row + table.half],
                &floats(&case["sin"][index])
            ));
            let mut x = floats(&case["x"][index]);
            table.rotate(&mut x, position as usize);
            let distance = relative_l2(&x, &floats(&case["y"][index]));
            assert!(distance <= limit, "{name} at {position}: {distance:e}");
        }
    }
}
