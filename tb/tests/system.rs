//! The whole machine: RTL against golden on the shipped models.

use std::path::Path;

use hw::params::MachineParams;
use tb::system::{Environment, Job, Progress, SystemModel, run};
use tritforge_gen::compile::compile;
use tritforge_gen::model::import;
use tritforge_gen::session::{self, Sampling, memory};

fn machine(sherry: bool) -> MachineParams {
    let tiny = if sherry { MachineParams::tiny_sherry() } else { MachineParams::tiny() };
    MachineParams {
        scratchpad_words: 4096,
        program_words: 1024,
        weight_buffer_beats: 4096,
        stream_buffer_beats: 1024,
        queue_depth: 16,
        outstanding: 8,
        max_burst: 64,
        timeout: 1 << 16,
        watchdog: 1 << 20,
        ..tiny
    }
}

fn job(name: &str, p: &MachineParams, tokens: u32, environment: Environment) -> (Job, Vec<String>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gen/models").join(name);
    let model = import(&dir).unwrap();
    let c = compile(&model, p, 64).unwrap();
    let prompt = vec![0, 40, 300];
    let request = session::Job { prompt: prompt.clone(), tokens, sampling: Sampling::GREEDY, eos: None };
    let args = request.arguments(&c).unwrap();
    let notes = c.instrs.iter().zip(&c.notes).map(|(i, n)| format!("{} // {n}", hw::isa::disassemble(i)));
    let notes = notes.collect();
    let job = Job {
        memory: memory(&c, &prompt),
        args,
        token_bytes: u64::from(c.state.layers) * 4,
        environment,
        waves: None,
        cycle_limit: 5_000_000,
    };
    (job, notes)
}

#[test]
fn rtl_equals_golden_on_the_shipped_model() {
    let p = machine(false);
    let (job, notes) = job("tale", &p, 4, Environment::default());
    let model = SystemModel::build(&p, false).unwrap();
    let start = std::time::Instant::now();
    let result = run(&model, &job, &mut |progress| {
        if let Progress::Token { token, cycle } = progress {
            println!("token {token} at cycle {cycle}");
        }
    });
    match result {
        Ok(report) => {
            println!("{:?} in {:?}", report.counters, start.elapsed());
            println!("bus utilisation {:.3}", report.counters.bus_utilisation());
            assert_eq!(report.tokens.len(), 4);
        }
        Err(e) => {
            if let tb::system::SystemError::Mismatch(m) = &e
                && let Some((_, pc)) = m.place
            {
                println!("{}", notes[pc as usize]);
            }
            panic!("{e}");
        }
    }
}
