//! The output head in every mode of the array: one machine that has them all, a program and an image for each, RTL against
//! golden, as a user's configuration makes them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use hw::pe::PeMode;
use tritforge_gen::compile::Compiled;
use tritforge_gen::project::{Origin, Project};
use tritforge_gen::report::SystemStats;
use tritforge_gen::session::{Job, Sampling};
use tritforge_gen::simulate::{SimOptions, simulate};

/// The shipped model on a board, with a configuration that asks for this head, and for all modes.
fn project(board: &str, head: PeMode) -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gen/models/tale");
    let text = format!(
        "[model]\npath = {root:?}\n[target]\nboard = {board:?}\n[engine]\nhead = {:?}\npe_modes = {:?}\n",
        head.word(),
        PeMode::WORDS
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("head.toml");
    std::fs::write(&file, text).unwrap();
    Project::open(Origin::File(&file), true).unwrap_or_else(|e| panic!("{e}"))
}

/// Every instruction, token and byte of state is compared with golden's; a difference is an error.
fn agree(project: &Project, compiled: &Compiled, tokens: u32, stalls: u32) -> SystemStats {
    let job = Job {
        prompt: vec![0, 40, 300],
        tokens,
        sampling: Sampling::GREEDY,
        eos: None,
    };
    let options = SimOptions {
        seed: 7,
        stalls,
        latency: 20,
        trace: None,
        mismatch_trace: None,
        flipped: None,
    };
    let stats = simulate(project, compiled, &job, &options, &mut |_| ());
    let stats = stats.unwrap_or_else(|e| panic!("{}: {e}", project.derived.head.word()));
    assert_eq!(stats.tokens.len(), tokens as usize);
    stats
}

/// All heads run on the same hardware, and stalls change no token. Printed: what the table of docs/decisions.md says of cycles.
#[test]
fn every_head_runs_on_one_machine() {
    let machine = project("sim64", PeMode::Int8).abi();
    println!("| head | bytes read a token, empty context | cycles a decoded token |");
    let mut cycles = Vec::new();
    for head in PeMode::ALL {
        let project = project("sim64", head);
        assert_eq!(project.abi(), machine, "{head:?}");
        let compiled = project.compile().unwrap();
        let quiet = agree(&project, &compiled, 5, 0);
        let stalled = agree(&project, &compiled, 2, 35);
        let ids = |stats: &SystemStats| -> Vec<u32> {
            stats.tokens[..2].iter().map(|t| t.token).collect()
        };
        assert_eq!(ids(&quiet), ids(&stalled), "{head:?}");
        let traffic = &compiled.manifest.traffic;
        let decode = quiet.decode(1.0).unwrap().cycles_a_token;
        println!(
            "| {} | {} | {decode:.0} |",
            head.word(),
            traffic.weight_bytes + traffic.head_bytes
        );
        cycles.push((head, decode));
    }
    // Beats of the head's rows are what its time is made of.
    let of = |head| cycles.iter().find(|c| c.0 == head).unwrap().1;
    assert!(of(PeMode::Int8Int4) < of(PeMode::Int8));
    assert!(of(PeMode::Fp16Int4) < of(PeMode::Fp16Int8));
    assert!(of(PeMode::Fp16Int8) < of(PeMode::Fp16));
}

/// Several tiles of the vocabulary, the last a part: rows of the next one arrive while a tile is multiplied.
#[test]
fn tiles_of_the_vocabulary_agree() {
    for head in [PeMode::Int8Int4, PeMode::Fp16Int8, PeMode::Fp16] {
        let mut project = project("sim64", head);
        project.model = project.model.with_vocabulary(1100);
        let compiled = project.compile().unwrap();
        agree(&project, &compiled, 2, 20);
    }
}

/// UltraScale+: products in chains of DSP48E2, and a bus of 128 bits, so that a beat of int4 has 32 elements.
#[test]
fn heads_run_on_ultrascale() {
    use PeMode::{Bf16Int4, Fp16, Fp16Int8, Int8Int4};
    for head in [Int8Int4, Bf16Int4, Fp16Int8, Fp16] {
        let project = project("kv260", head);
        assert_eq!(project.params.bus_bits, 128);
        let compiled = project.compile().unwrap();
        agree(&project, &compiled, 2, 25);
    }
}
