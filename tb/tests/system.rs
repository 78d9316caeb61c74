//! The whole machine: RTL against golden on the shipped models, under stalls, and through faults.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::OnceLock;

use hw::isa::{Cause, FaultUnit, Instr, Op, Operand, Unit};
use hw::params::{DramFormat, MachineParams, Technology, WeightFormat};
use tb::system::{Bench, Environment, Job, Report, SystemError, SystemModel, run};
use tritforge_gen::compile::{Compiled, compile};
use tritforge_gen::model::{Activation, Model as LanguageModel, Reference, import};
use tritforge_gen::session::{self, Sampling, memory};

/// Which of the test machines: its table index and its layout of weights in memory.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Base3,
    Sherry,
    /// g3 in memory too; its array takes the longer vectors of the Llama model.
    G3,
    /// Tables of UltraScale+ behind a bus that is faster than the engine, so that products are fused.
    Table,
    /// ECP5, two-bit weights.
    Ecp5,
    /// Four activation vectors a weight pass, so that prefill takes blocks of four tokens.
    Blocks,
}

fn machine(kind: Kind) -> MachineParams {
    let tiny = match kind {
        Kind::Base3 => MachineParams::tiny(),
        Kind::Sherry => MachineParams::tiny_sherry(),
        Kind::G3 => MachineParams {
            dram_format: DramFormat::G3,
            pe_max_len: 256,
            ..MachineParams::tiny()
        },
        Kind::Table => MachineParams {
            bus_bits: 128,
            ..MachineParams::tiny_uscale()
        },
        Kind::Ecp5 => MachineParams {
            technology: Technology::Ecp5,
            weight_format: WeightFormat::TwoBit,
            dram_format: DramFormat::TwoBit,
            groups: 16,
            ..MachineParams::tiny()
        },
        Kind::Blocks => MachineParams {
            batch: 4,
            pe_rows: 12,
            pe_max_len: 256,
            program_words: 1024,
            ..MachineParams::tiny()
        },
    };
    MachineParams {
        scratchpad_words: if kind == Kind::Blocks { 8192 } else { 4096 },
        weight_buffer_beats: 4096,
        stream_buffer_beats: 1024,
        queue_depth: 16,
        outstanding: 8,
        max_burst: 64,
        ..tiny
    }
}

/// One build for all tests of a machine.
fn model(kind: Kind) -> &'static SystemModel {
    static MODELS: [OnceLock<SystemModel>; 6] = [const { OnceLock::new() }; 6];
    MODELS[kind as usize].get_or_init(|| SystemModel::build(&machine(kind), false).unwrap())
}

fn compiled(kind: Kind) -> Compiled {
    let name = match kind {
        Kind::Sherry => "tale-sherry",
        _ => "tale",
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gen/models")
        .join(name);
    compile(&import(&dir).unwrap(), &machine(kind), 64).unwrap()
}

/// A model of another family (gen/tests/data/ref).
fn family(name: &str) -> LanguageModel {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gen/tests/data/ref")
        .join(name);
    import(&dir).unwrap()
}

fn job(c: &Compiled, tokens: u32, sampling: Sampling, environment: Environment) -> Job {
    // The last one is a token of the smallest vocabulary too.
    let prompt = vec![0, 40, 300 % c.manifest.model.vocab as u32];
    job_of(c, prompt, tokens, sampling, environment)
}

fn job_of(
    c: &Compiled,
    prompt: Vec<u32>,
    tokens: u32,
    sampling: Sampling,
    environment: Environment,
) -> Job {
    let request = session::Job {
        prompt: prompt.clone(),
        tokens,
        sampling,
        eos: None,
    };
    Job {
        memory: memory(c, &prompt),
        args: request.arguments(c).unwrap(),
        token_bytes: u64::from(c.state.layers) * 4,
        environment,
        waves: None,
        cycle_limit: 3_000_000,
    }
}

fn agree(c: &Compiled, kind: Kind, job: &Job) -> Report {
    match run(model(kind), job, &mut |_| ()) {
        Ok(report) => report,
        Err(SystemError::Mismatch(m)) => {
            let note = m.place.map(|(_, pc)| {
                let at = pc as usize;
                format!("{} // {}", hw::isa::disassemble(&c.instrs[at]), c.notes[at])
            });
            panic!("{m}\n{}", note.unwrap_or_default());
        }
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn tokens_do_not_depend_on_memory() {
    let c = compiled(Kind::Base3);
    let quiet = agree(
        &c,
        Kind::Base3,
        &job(&c, 6, Sampling::GREEDY, Environment::default()),
    );
    assert_eq!(quiet.tokens.len(), 6);
    assert!(
        quiet.counters.bus_utilisation() > 0.6,
        "{:?}",
        quiet.counters
    );
    for (seed, stall_percent, latency) in [(1, 30, (4, 90)), (2, 60, (20, 20)), (3, 10, (1, 300))] {
        let e = Environment {
            latency,
            stall_percent,
            seed,
            ..Environment::default()
        };
        let report = agree(&c, Kind::Base3, &job(&c, 6, Sampling::GREEDY, e));
        assert_eq!(report.tokens, quiet.tokens, "seed {seed}");
        assert_eq!(report.state, quiet.state, "seed {seed}");
        assert_eq!(report.compared, quiet.compared, "seed {seed}");
    }
}

#[test]
fn technologies_write_the_same_text() {
    let c = compiled(Kind::Base3);
    let text = |kind| {
        let c = compiled(kind);
        let e = Environment {
            stall_percent: 15,
            ..Environment::default()
        };
        let report = agree(&c, kind, &job(&c, 4, Sampling::GREEDY, e));
        assert_eq!(report.tokens.len(), 4, "{kind:?}");
        report.tokens
    };
    let gemvs = |c: &Compiled| c.instrs.iter().filter(|i| i.op == Op::Gemv).count();
    assert_eq!((gemvs(&c), gemvs(&compiled(Kind::Table))), (7, 4), "fused");
    assert_eq!(text(Kind::Table), text(Kind::Ecp5));
}

#[test]
fn a_draw_follows_its_seed() {
    let c = compiled(Kind::Base3);
    let drawn = |seed| {
        let sampling = Sampling {
            top_k: 8,
            temperature: 1.5,
            seed,
        };
        agree(
            &c,
            Kind::Base3,
            &job(&c, 6, sampling, Environment::default()),
        )
        .tokens
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn sherry_weights_agree_too() {
    let c = compiled(Kind::Sherry);
    let e = Environment {
        stall_percent: 20,
        ..Environment::default()
    };
    assert_eq!(
        agree(&c, Kind::Sherry, &job(&c, 3, Sampling::GREEDY, e))
            .tokens
            .len(),
        3
    );
}

/// Runs a few tokens under stalls, and asks the float reference whether the text is the model's.
fn family_agrees(model: &LanguageModel, kind: Kind, stalls: u32) -> Compiled {
    let c = compile(model, &machine(kind), 32).unwrap();
    let e = Environment {
        latency: (4, 90),
        stall_percent: stalls,
        seed: u64::from(stalls),
        ..Environment::default()
    };
    let job = job(&c, 4, Sampling::GREEDY, e);
    let report = agree(&c, kind, &job);
    assert_eq!(report.tokens.len(), 4);
    let mut reference = Reference::new(model);
    let mut logits = Vec::new();
    for token in [0, 40, 300 % model.config.vocab as u32] {
        logits = reference.forward(token).unwrap();
    }
    for &token in &report.tokens {
        let best = logits.iter().copied().fold(f32::MIN, f32::max);
        let spread = best - logits.iter().copied().fold(f32::MAX, f32::min);
        let behind = (best - logits[token as usize]) / spread;
        assert!(behind < 0.05, "{:?}: token {token}", report.tokens);
        logits = reference.forward(token).unwrap();
    }
    c
}

/// SiLU, sub-norms, a head for each query, and a vocabulary of two whole tiles of the output head and a part, on the
/// machine that was built for the shipped model.
#[test]
fn a_silu_model_agrees() {
    let model = family("nano1b");
    let c = &model.config;
    assert!(c.activation == Activation::Silu && c.sub_norms && c.tied && c.vocab < 1100);
    let model = model.with_vocabulary(1100);
    family_agrees(&model, Kind::Base3, 30);
    family_agrees(&model, Kind::G3, 0);
}

/// SiLU without sub-norms, an untied head, inverse scales in the file, g3 in memory.
#[test]
fn a_llama_model_agrees() {
    let model = family("llama");
    let c = &model.config;
    assert!(c.activation == Activation::Silu && !c.sub_norms && !c.tied);
    let c = family_agrees(&model, Kind::G3, 40);
    // 5 bits for 3 weights, and rows of 256 padded to whole tiles of 24.
    let bits = c.manifest.traffic.bits_per_weight;
    assert!((bits - 5.0 / 3.0 * 264.0 / 256.0).abs() < 1e-9, "{bits}");
}

/// The layout in memory changes neither tokens nor state: both run the same instructions on the same numbers.
#[test]
fn g3_in_memory_gives_the_text_of_base3() {
    let run = |kind| {
        let c = compiled(kind);
        let e = Environment {
            stall_percent: 20,
            ..Environment::default()
        };
        agree(&c, kind, &job(&c, 2, Sampling::GREEDY, e))
    };
    let (base3, g3) = (run(Kind::Base3), run(Kind::G3));
    assert_eq!(base3.tokens, g3.tokens);
    assert_eq!(base3.state, g3.state);
}

/// A prompt in blocks: whole ones and one that does some tokens again, under stalls. The cache and the text are those of the
/// machine that takes one position after the other.
#[test]
fn blocks_leave_the_state_of_single_positions() {
    let (blocks, single) = (compiled(Kind::Blocks), compiled(Kind::Base3));
    assert_eq!(blocks.manifest.prefill_block, 4);
    let prompt: Vec<u32> = (0..12).map(|i| (i * i * 31) % 512).collect();
    let run = |c: &Compiled, kind, stall_percent| {
        let e = Environment {
            stall_percent,
            seed: 5,
            ..Environment::default()
        };
        let job = job_of(c, prompt.clone(), 2, Sampling::GREEDY, e);
        agree(c, kind, &job)
    };
    let wanted = run(&single, Kind::Base3, 0);
    let quiet = run(&blocks, Kind::Blocks, 0);
    for report in [&quiet, &run(&blocks, Kind::Blocks, 40)] {
        assert_eq!(report.tokens, wanted.tokens);
        assert_eq!(report.state, wanted.state);
    }
    let first = |report: &Report| report.token_cycles[0];
    assert!(
        first(&quiet) < first(&wanted),
        "{} {}",
        first(&quiet),
        first(&wanted)
    );

    // Two query heads a KV head: the array has rows to spare.
    let c = compile(&family("llama"), &machine(Kind::Blocks), 32).unwrap();
    let prompt = (0..10).map(|i| i * i * 31 % c.manifest.model.vocab as u32);
    let e = Environment {
        stall_percent: 20,
        ..Environment::default()
    };
    let job = job_of(&c, prompt.collect(), 2, Sampling::GREEDY, e);
    assert_eq!(agree(&c, Kind::Blocks, &job).tokens.len(), 2);
}

/// One wrong bit in the RTL's weights must be found where it first matters.
#[test]
fn a_wrong_bit_is_found_and_named() {
    let c = compiled(Kind::Base3);
    let region = |name: &str| c.manifest.regions.iter().find(|r| r.name == name).unwrap();
    let base = c.manifest.image.base;
    for (name, unit) in [
        ("layer1.gate", "load"),
        ("layer2.constants", "load"),
        ("rope", "load"),
    ] {
        let flipped = Some(base + region(name).offset);
        let e = Environment {
            flipped,
            ..Environment::default()
        };
        match run(
            model(Kind::Base3),
            &job(&c, 1, Sampling::GREEDY, e),
            &mut |_| (),
        ) {
            Err(SystemError::Mismatch(m)) => {
                let (found, pc) = m.place.unwrap();
                assert_eq!(found, unit, "{name}: {m}");
                assert!(
                    c.notes[pc as usize].len() > 3,
                    "{name}: the instruction has a note"
                );
                assert_eq!(m.element.is_some(), name != "layer1.gate", "{name}: {m}");
            }
            other => panic!("{name}: {:?}", other.map(|r| r.tokens)),
        }
    }
}

/// Faults one after the other on the same machine; after each a correct run must be exact.
#[test]
fn every_fault_is_reported_and_forgotten() {
    let c = compiled(Kind::Base3);
    let good = job(&c, 1, Sampling::GREEDY, Environment::default());
    let mut bench = Bench::new(model(Kind::Base3), &good).unwrap();
    let reference = bench.run(&good, &mut |_| ()).unwrap();
    let first = good.memory.program.start - good.memory.origin + 64;
    let patched = |place: u64, instr: &[u8]| {
        let mut bad = good.clone();
        let at = (first + 32 * place) as usize;
        bad.memory.bytes[at..at + instr.len()].copy_from_slice(instr);
        bad
    };
    let far = Instr::new(Op::Ldw)
        .with(1, Operand::new(0, 1 << 26).unwrap())
        .with(2, Operand::new(0, 64).unwrap());
    let past = Instr::new(Op::Ld1)
        .with(0, Operand::new(0, 1 << 20).unwrap())
        .with(1, Operand::new(0, 16).unwrap());
    let odd = Instr::new(Op::Ldw)
        .with(1, Operand::new(0, 1).unwrap())
        .with(2, Operand::new(0, 64).unwrap());
    let wide = Instr::new(Op::Topk).with(4, Operand::new(0, 99).unwrap());
    let mut foreign = good.clone();
    foreign.memory.bytes[(good.memory.image.start - good.memory.origin) as usize + 8] ^= 1;
    let mut broken = good.clone();
    broken.environment.error = Some(good.memory.image.start + 4096..good.memory.image.start + 8192);
    let mut silent = good.clone();
    silent.environment.silent_from = Some(40);
    let load = FaultUnit::Queue(Unit::Load);
    let cases = [
        (
            "illegal opcode",
            patched(2, &[0xee]),
            Cause::Illegal,
            FaultUnit::Issue,
            Some(2),
        ),
        (
            "outside its window",
            patched(1, &far.encode()),
            Cause::Window,
            load,
            Some(1),
        ),
        (
            "past the scratchpad",
            patched(1, &past.encode()),
            Cause::ScratchRange,
            load,
            Some(1),
        ),
        (
            "off the beat",
            patched(1, &odd.encode()),
            Cause::Align,
            load,
            Some(1),
        ),
        (
            "k too large",
            patched(1, &wide.encode()),
            Cause::Operand,
            FaultUnit::Queue(Unit::Sample),
            Some(1),
        ),
        (
            "foreign image",
            foreign,
            Cause::AbiImage,
            FaultUnit::Fetch,
            None,
        ),
        ("memory error", broken, Cause::AxiRead, load, None),
        ("silent memory", silent, Cause::Timeout, load, None),
    ];
    for (name, bad, cause, unit, pc) in cases {
        let fault = match bench.run(&bad, &mut |_| ()) {
            Ok(report) => report.fault.unwrap_or_else(|| panic!("{name}: no fault")),
            Err(e) => panic!("{name}: {e}"),
        };
        assert_eq!((fault.cause, fault.unit), (cause, unit), "{name}: {fault}");
        assert!(pc.is_none_or(|pc| pc == fault.pc), "{name}: {fault}");
        let after = bench
            .run(&good, &mut |_| ())
            .unwrap_or_else(|e| panic!("after {name}: {e}"));
        assert_eq!(after.tokens, reference.tokens, "after {name}");
        assert_eq!(after.state, reference.state, "after {name}");
    }
}
