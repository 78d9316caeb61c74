//! The models in gen/models on the golden machine.
#![allow(clippy::unwrap_used)]

mod texts;

use hw::params::{DramFormat, MachineParams, WeightFormat};
use tritforge_gen::compile::{Compiled, compile};
use tritforge_gen::model::import;
use tritforge_gen::model::reference::Reference;
use tritforge_gen::model::tokenizer::Tokenizer;
use tritforge_gen::session::{Job, Sampling, Session};

use texts::{held_out, logits, shipped};

fn machine(sherry: bool) -> MachineParams {
    let tiny = if sherry {
        MachineParams::tiny_sherry()
    } else {
        MachineParams::tiny()
    };
    MachineParams {
        scratchpad_words: 4096,
        program_words: 1024,
        weight_buffer_beats: 4096,
        ..tiny
    }
}

/// Sum of negative log-likelihoods of `tokens[1..]`, teacher-forced.
fn golden_nll(c: &Compiled, p: &MachineParams, tokens: &[u32]) -> f64 {
    let mut sum = 0.0;
    for (logits, &next) in logits(c, p, tokens).iter().zip(&tokens[1..]) {
        let top = logits.iter().copied().fold(f32::MIN, f32::max);
        let total: f64 = logits.iter().map(|&l| f64::from(l - top).exp()).sum();
        sum += total.ln() - f64::from(logits[next as usize] - top);
    }
    sum
}

#[test]
fn perplexity_is_within_two_percent_of_the_float_reference() {
    for (name, sherry) in [("tale", false), ("tale-sherry", true)] {
        let dir = shipped(name);
        let model = import(&dir).unwrap();
        let mut p = machine(sherry);
        p.dram_format = if sherry {
            DramFormat::Sherry
        } else {
            DramFormat::Base3
        };
        p.weight_format = if sherry {
            WeightFormat::Sherry
        } else {
            WeightFormat::G3
        };
        let c = compile(&model, &p, 256).unwrap();
        let (mut golden, mut float, mut count) = (0.0, 0.0, 0);
        for tokens in held_out(&model, &dir, 4) {
            golden += golden_nll(&c, &p, &tokens);
            count += tokens.len() - 1;
            let mut reference = Reference::new(&model);
            float += reference.nll(&tokens).unwrap() * (tokens.len() - 1) as f64;
        }
        let (golden, float) = ((golden / count as f64).exp(), (float / count as f64).exp());
        println!(
            "{name}: golden {golden:.4}, float reference {float:.4}, ratio {:.4}",
            golden / float
        );
        assert!(
            (golden / float - 1.0).abs() < 0.02,
            "{name}: {golden} against {float}"
        );
    }
}

#[test]
fn greedy_text_reads_as_a_story() {
    let dir = shipped("tale");
    let model = import(&dir).unwrap();
    let p = machine(false);
    let c = compile(&model, &p, 128).unwrap();
    let tokenizer = Tokenizer::open(&dir, model.config.vocab).unwrap().unwrap();
    let prompt = tokenizer.encode("One day").unwrap();
    let job = Job {
        prompt,
        tokens: 64,
        sampling: Sampling::GREEDY,
        eos: model.config.eos.first().copied(),
    };
    let mut s = Session::start(&c, &p, &job).unwrap();
    let mut tokens = Vec::new();
    while let Some(t) = s.next_token().unwrap() {
        tokens.push(t);
    }
    let text = tokenizer.decode(&tokens).unwrap();
    println!("One day{text}");
    assert!(text.matches('.').count() >= 3, "sentences end: {text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.len() >= 30, "{text}");
}
