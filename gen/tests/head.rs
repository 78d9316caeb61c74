//! The output head in every mode of the array: golden logits of the shipped model against the float reference.
#![allow(clippy::unwrap_used)]

mod texts;

use hw::params::MachineParams;
use hw::pe::{PeMode, PeModes};
use tritforge_gen::compile::{Compiled, Plan, compile};
use tritforge_gen::model::reference::{Reference, argmax};
use tritforge_gen::model::{Model, import};

use texts::{held_out, logits, shipped};

/// A machine with all modes: int4 needs three rows.
fn machine() -> MachineParams {
    MachineParams {
        scratchpad_words: 4096,
        weight_buffer_beats: 4096,
        pe_modes: PeModes::of(&PeMode::ALL),
        ..MachineParams::tiny()
    }
}

fn compiled(model: &Model, p: &MachineParams, head: PeMode) -> Compiled {
    compile(model, p, Plan { context: 256, head }).unwrap()
}

/// Bytes that a decoded token reads for an empty context.
fn bytes(c: &Compiled) -> u64 {
    c.manifest.traffic.weight_bytes + c.manifest.traffic.head_bytes
}

/// How far logits are from the reference's.
struct Distance {
    /// Relative L2, mean over positions.
    l2: f64,
    /// Share of positions with the reference's best token.
    agree: f64,
    /// Perplexity of the text.
    perplexity: f64,
}

fn distance(found: &[Vec<f32>], wanted: &[Vec<f32>], next: &[u32]) -> Distance {
    let square = |v: f64| v * v;
    let (mut l2, mut agree, mut nll) = (0.0, 0.0, 0.0);
    for ((f, w), &next) in found.iter().zip(wanted).zip(next) {
        let difference = f.iter().zip(w);
        let difference: f64 = difference.map(|(a, b)| square(f64::from(a - b))).sum();
        let norm: f64 = w.iter().map(|&v| square(v.into())).sum();
        l2 += (difference / norm).sqrt();
        agree += f64::from(u8::from(argmax(f) == argmax(w)));
        let total: f64 = f.iter().map(|&v| f64::from(v).exp()).sum();
        nll += total.ln() - f64::from(f[next as usize]);
    }
    let n = found.len() as f64;
    Distance {
        l2: l2 / n,
        agree: agree / n,
        perplexity: (nll / n).exp(),
    }
}

/// Printed as the table of docs/decisions.md. What fp16 has is the distance of int8 attention; int8 rows add next to nothing,
/// int4 rows what four bits cost.
#[test]
fn every_mode_follows_the_reference() {
    let model = import(&shipped("tale")).unwrap();
    let texts = held_out(&model, &shipped("tale"), 3);
    let mut wanted = Vec::new();
    let mut reference = Reference::new(&model);
    for tokens in &texts {
        reference.reset();
        let forward = |&t: &u32| reference.forward(t).unwrap();
        wanted.extend(tokens[..tokens.len() - 1].iter().map(forward));
    }
    let next: Vec<u32> = texts.iter().flat_map(|t| t[1..].to_vec()).collect();
    let float = distance(&wanted, &wanted, &next).perplexity;
    println!(
        "float reference, {} positions: perplexity {float:.3}",
        next.len()
    );
    println!("| head | bytes a token | of the head | relative L2 | top-1 agreement | perplexity |");
    let p = machine();
    for head in PeMode::ALL {
        let c = compiled(&model, &p, head);
        let found: Vec<Vec<f32>> = texts.iter().flat_map(|t| logits(&c, &p, t)).collect();
        let d = distance(&found, &wanted, &next);
        println!(
            "| {} | {} | {} | {:.4} | {:.1} % | {:.3} |",
            head.word(),
            bytes(&c),
            c.manifest.traffic.head_bytes,
            d.l2,
            d.agree * 100.0,
            d.perplexity
        );
        // int8 and 16-bit rows: a hundredth of the logits' length, and nearly every best token. int4 rows: seven and a half
        // hundredths, and one best token in sixteen another.
        let (l2, agree) = if head.nibbles() {
            (0.1, 0.8)
        } else {
            (0.02, 0.95)
        };
        assert!(
            d.l2 < l2 && d.agree > agree,
            "{head:?}: {} {}",
            d.l2,
            d.agree
        );
    }
}

/// Rows and scales of the int8 head of the shipped model are what they were when it was the only one.
#[test]
fn the_int8_head_stays_as_it_is() {
    let c = compiled(&import(&shipped("tale")).unwrap(), &machine(), PeMode::Int8);
    let crc = |name: &str| {
        let mut regions = c.manifest.regions.iter();
        regions.find(|r| r.name == name).map(|r| r.crc32.as_str())
    };
    assert_eq!(crc("head"), Some("3fdfc062"));
    assert_eq!(crc("head.scales"), Some("284107d8"));
}

/// An array without the mode, one without room for a row of it, and rows that are no whole beats.
#[test]
fn a_head_that_does_not_fit_is_refused() {
    let model = import(&shipped("tale")).unwrap();
    let refused = |model: &Model, p: &MachineParams, head| {
        let plan = Plan { context: 64, head };
        compile(model, p, plan).unwrap_err().to_string()
    };
    let lacking = MachineParams {
        pe_modes: PeModes::of(&[PeMode::Fp16]),
        ..machine()
    };
    assert_eq!(
        refused(&model, &lacking, PeMode::Fp16Int4),
        "the output head is fp16_int4, but the attention array has int8, fp16 only: set engine.head to one of them"
    );
    let low = MachineParams {
        pe_rows: 2,
        pe_modes: PeModes::of(&[PeMode::Int8Int4]),
        ..machine()
    };
    let error = refused(&model, &low, PeMode::Int8Int4);
    assert!(error.contains("has int8 only"), "{error}");
    let wide = MachineParams {
        bus_bits: 256,
        pe_max_len: 256,
        ..machine()
    };
    let mut odd = model;
    odd.config.hidden = 224;
    assert_eq!(
        refused(&odd, &wide, PeMode::Int8Int4),
        "hidden_size is 224, but it must be a multiple of 64 (elements of a beat of engine.head = \"int8_int4\")"
    );
}
