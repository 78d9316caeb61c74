//! The whole machine: RTL against golden on the shipped models, under stalls, and through faults.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::OnceLock;

use hw::isa::{Cause, FaultUnit, Instr, Op, Operand, Unit};
use hw::params::MachineParams;
use tb::system::{Bench, Environment, Job, Report, SystemError, SystemModel, run};
use tritforge_gen::compile::{Compiled, compile};
use tritforge_gen::model::import;
use tritforge_gen::session::{self, Sampling, memory};

fn machine(sherry: bool) -> MachineParams {
    let tiny = if sherry {
        MachineParams::tiny_sherry()
    } else {
        MachineParams::tiny()
    };
    MachineParams {
        scratchpad_words: 4096,
        weight_buffer_beats: 4096,
        stream_buffer_beats: 1024,
        queue_depth: 16,
        outstanding: 8,
        max_burst: 64,
        ..tiny
    }
}

/// One build for all tests of a format.
fn model(sherry: bool) -> &'static SystemModel {
    static G3: OnceLock<SystemModel> = OnceLock::new();
    static SHERRY: OnceLock<SystemModel> = OnceLock::new();
    let cell = if sherry { &SHERRY } else { &G3 };
    cell.get_or_init(|| SystemModel::build(&machine(sherry), false).unwrap())
}

fn compiled(sherry: bool) -> Compiled {
    let name = if sherry { "tale-sherry" } else { "tale" };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gen/models")
        .join(name);
    compile(&import(&dir).unwrap(), &machine(sherry), 64).unwrap()
}

fn job(c: &Compiled, tokens: u32, sampling: Sampling, environment: Environment) -> Job {
    let prompt = vec![0, 40, 300];
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

fn agree(c: &Compiled, sherry: bool, job: &Job) -> Report {
    match run(model(sherry), job, &mut |_| ()) {
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
    let c = compiled(false);
    let quiet = agree(
        &c,
        false,
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
        let report = agree(&c, false, &job(&c, 6, Sampling::GREEDY, e));
        assert_eq!(report.tokens, quiet.tokens, "seed {seed}");
        assert_eq!(report.state, quiet.state, "seed {seed}");
        assert_eq!(report.compared, quiet.compared, "seed {seed}");
    }
}

#[test]
fn a_draw_follows_its_seed() {
    let c = compiled(false);
    let drawn = |seed| {
        let sampling = Sampling {
            top_k: 8,
            temperature: 1.5,
            seed,
        };
        agree(&c, false, &job(&c, 6, sampling, Environment::default())).tokens
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn sherry_weights_agree_too() {
    let c = compiled(true);
    let e = Environment {
        stall_percent: 20,
        ..Environment::default()
    };
    assert_eq!(
        agree(&c, true, &job(&c, 3, Sampling::GREEDY, e))
            .tokens
            .len(),
        3
    );
}

/// Faults one after the other on the same machine; after each a correct run must be exact.
#[test]
fn every_fault_is_reported_and_forgotten() {
    let c = compiled(false);
    let good = job(&c, 1, Sampling::GREEDY, Environment::default());
    let mut bench = Bench::new(model(false), &good).unwrap();
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
