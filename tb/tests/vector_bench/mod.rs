//! Bench for a unit with any number of scratchpad read ports: instructions, and a scratchpad that grants at random.

use std::sync::Arc;

use hw::rtl::{Design, Module, PortDir};
use hw::scratchpad::Scratchpad;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortId, PortSpec, Sim};

/// Words of the scratchpad of the bench.
pub const WORDS: u32 = 512;

/// Builds the Verilator model of a unit; a lint warning fails it.
pub fn build(top: &Arc<Module>) -> Model {
    let files = Design::new(top).unwrap().emit("").into_iter();
    let ports = top.ports.iter().map(|p| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    });
    let spec = BuildSpec {
        top: top.name.clone(),
        files: files.map(|f| (f.name, f.text)).collect(),
        ports: ports.collect(),
        ..BuildSpec::default()
    };
    Model::build(&spec).unwrap_or_else(|e| panic!("{e}"))
}

/// What became of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Retired after this many cycles.
    Done(u64),
    Fault {
        cause: u8,
        info: u32,
    },
}

struct ReadPort {
    valid: PortId,
    ready: PortId,
    addr: PortId,
    rsp_valid: PortId,
    rsp_data: PortId,
    /// Responses of this cycle and the next.
    responses: [Option<Vec<u32>>; 2],
}

/// A unit with its surroundings.
pub struct Unit {
    sim: Sim,
    reads: Vec<ReadPort>,
    pub pad: Scratchpad,
    lanes: usize,
    /// Percent of the cycles in which a port is not granted.
    pub stalls: u32,
    rng: ChaCha8Rng,
}

impl Unit {
    pub fn new(model: &Model, reads: &[&str], lanes: u32, seed: u32) -> Unit {
        let mut sim = Sim::with_seed(model, seed).unwrap();
        let port = |name: String| sim.port(&name).unwrap();
        let read = |name: &&str| ReadPort {
            valid: port(format!("{name}_req_valid")),
            ready: port(format!("{name}_req_ready")),
            addr: port(format!("{name}_req_addr")),
            rsp_valid: port(format!("{name}_rsp_valid")),
            rsp_data: port(format!("{name}_rsp_data")),
            responses: [None, None],
        };
        let reads = reads.iter().map(read).collect();
        sim.reset(3).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
        let mut pad = Scratchpad::new(WORDS, lanes);
        // Noise everywhere: what a unit reads past a vector or forgets to write must show.
        for a in 0..WORDS {
            let word: Vec<u32> = (0..lanes).map(|_| rng.random()).collect();
            pad.write_word(a, &word).unwrap();
        }
        Unit {
            sim,
            reads,
            pad,
            lanes: lanes as usize,
            stalls: 0,
            rng,
        }
    }

    pub fn reset(&mut self) {
        self.sim.reset(3).unwrap();
        for r in &mut self.reads {
            r.responses = [None, None];
        }
    }

    fn granted(&mut self) -> u64 {
        u64::from(self.stalls == 0 || self.rng.random_range(0..100) >= self.stalls)
    }

    fn noise(&mut self, words: usize) -> Vec<u32> {
        (0..words).map(|_| self.rng.random()).collect()
    }

    /// Runs one instruction until it retires or faults. `head` is opcode, flags and pc.
    pub fn run(&mut self, head: u32, fields: [u32; 7]) -> End {
        let port = |sim: &Sim, name: &str| sim.port(name).unwrap();
        let [
            op_valid,
            op_ready,
            op_data,
            done,
            fault,
            wr_valid,
            wr_ready,
            wr_addr,
            wr_data,
        ] = [
            "op_valid",
            "op_ready",
            "op_data",
            "done",
            "fault_valid",
            "wr_valid",
            "wr_ready",
            "wr_addr",
            "wr_data",
        ]
        .map(|name| port(&self.sim, name));
        let mut op = vec![head];
        op.extend(fields);
        let mut offered = true;
        for cycle in 0..50_000 {
            self.sim.set(op_valid, u64::from(offered));
            let data = if offered { op.clone() } else { self.noise(8) };
            self.sim.set_wide(op_data, &data);
            let accept = self.granted();
            self.sim.set(wr_ready, accept);
            for k in 0..self.reads.len() {
                let (grant, noise) = (self.granted(), self.noise(self.lanes));
                let r = &mut self.reads[k];
                self.sim.set(r.ready, grant);
                let response = r.responses[0].take();
                r.responses.swap(0, 1);
                self.sim.set(r.rsp_valid, u64::from(response.is_some()));
                self.sim.set_wide(r.rsp_data, &response.unwrap_or(noise));
            }
            self.sim.tick().unwrap();
            let sim = &self.sim;
            for r in &mut self.reads {
                if sim.get(r.valid) == 1 && sim.get(r.ready) == 1 {
                    let word = self.pad.word(sim.get(r.addr) as u32).unwrap();
                    r.responses[1] = Some(word.to_vec());
                }
            }
            if sim.get(wr_valid) == 1 && sim.get(wr_ready) == 1 {
                let word = sim.get_wide(wr_data).to_vec();
                let addr = sim.get(wr_addr) as u32;
                self.pad.write_word(addr, &word).unwrap();
            }
            offered &= sim.get(op_ready) == 0;
            if sim.get(fault) == 1 {
                assert_eq!(sim.get(done), 0);
                return End::Fault {
                    cause: sim.get(port(sim, "fault_cause")) as u8,
                    info: sim.get(port(sim, "fault_info")) as u32,
                };
            }
            if sim.get(done) == 1 {
                assert!(!offered, "done before the instruction was taken");
                return End::Done(cycle);
            }
        }
        panic!("the unit neither retires nor faults");
    }
}
