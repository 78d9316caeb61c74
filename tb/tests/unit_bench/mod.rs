//! Bench for a compute unit: instructions, its weight stream, and a scratchpad that grants at random.

use std::collections::VecDeque;

use hw::rtl::{Design, Module, PortDir};
use hw::scratchpad::Scratchpad;
use hw::vendor::simulation_files;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortId, PortSpec, Sim};

/// Words of the scratchpad of the bench.
pub const WORDS: u32 = 2048;

/// Builds the Verilator model of a unit.
pub fn build(top: &std::sync::Arc<Module>) -> Model {
    let ports = top.ports.iter().map(|p| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    });
    let files = Design::new(top).unwrap().emit("");
    let spec = BuildSpec {
        top: top.name.clone(),
        files: files
            .into_iter()
            .map(|f| (f.name, f.text))
            .chain(simulation_files(top))
            .collect(),
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

struct Ports {
    op_valid: PortId,
    op_ready: PortId,
    op_data: PortId,
    done: PortId,
    fault_valid: PortId,
    fault_cause: PortId,
    fault_info: PortId,
    w_valid: PortId,
    w_ready: PortId,
    w_data: PortId,
    w_last: PortId,
    req_valid: PortId,
    req_ready: PortId,
    req_addr: PortId,
    rsp_valid: PortId,
    rsp_data: PortId,
    wr_valid: PortId,
    wr_ready: PortId,
    wr_addr: PortId,
    wr_data: PortId,
}

/// A unit with its surroundings.
pub struct Unit {
    sim: Sim,
    ports: Ports,
    pub pad: Scratchpad,
    lanes: usize,
    beat_bytes: usize,
    beats: VecDeque<(Vec<u32>, bool)>,
    offering: bool,
    /// Responses of this cycle and the next.
    responses: [Option<Vec<u32>>; 2],
    stall_percent: u32,
    rng: ChaCha8Rng,
    writes: u32,
    /// Words that had been written at each `done`, since the last call.
    #[allow(dead_code, reason = "one of the units' tests reads it")]
    pub writes_at_done: Vec<u32>,
}

impl Unit {
    pub fn new(model: &Model, lanes: u32, bus_bits: u32, stall_percent: u32, seed: u32) -> Unit {
        let mut sim = Sim::with_seed(model, seed).unwrap();
        let port = |name: &str| sim.port(name).unwrap();
        let ports = Ports {
            op_valid: port("op_valid"),
            op_ready: port("op_ready"),
            op_data: port("op_data"),
            done: port("done"),
            fault_valid: port("fault_valid"),
            fault_cause: port("fault_cause"),
            fault_info: port("fault_info"),
            w_valid: port("w_valid"),
            w_ready: port("w_ready"),
            w_data: port("w_data"),
            w_last: port("w_last"),
            req_valid: port("rd_req_valid"),
            req_ready: port("rd_req_ready"),
            req_addr: port("rd_req_addr"),
            rsp_valid: port("rd_rsp_valid"),
            rsp_data: port("rd_rsp_data"),
            wr_valid: port("wr_valid"),
            wr_ready: port("wr_ready"),
            wr_addr: port("wr_addr"),
            wr_data: port("wr_data"),
        };
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
            ports,
            pad,
            lanes: lanes as usize,
            beat_bytes: bus_bits as usize / 8,
            beats: VecDeque::new(),
            offering: false,
            responses: [None, None],
            stall_percent,
            rng,
            writes: 0,
            writes_at_done: Vec::new(),
        }
    }

    /// Queues a packet for the weight stream; whole beats.
    pub fn packet(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len() % self.beat_bytes, 0);
        let beats = bytes.len() / self.beat_bytes;
        for (i, beat) in bytes.chunks(self.beat_bytes).enumerate() {
            let words = beat.chunks(4);
            let words = words.map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
            self.beats.push_back((words.collect(), i + 1 == beats));
        }
    }

    /// Beats not yet taken.
    pub fn beats_left(&self) -> usize {
        self.beats.len()
    }

    pub fn reset(&mut self) {
        self.sim.reset(3).unwrap();
        self.beats.clear();
        self.offering = false;
        self.responses = [None, None];
    }

    fn stalls(&mut self) -> bool {
        self.stall_percent > 0 && self.rng.random_range(0..100) < self.stall_percent
    }

    /// Runs one instruction until it retires or faults. `head` is opcode, flags and pc.
    pub fn run(&mut self, head: u32, fields: [u32; 7]) -> End {
        self.run_all(&[word(head, fields)])
    }

    /// Runs instructions, offered as soon as the unit takes them, until all have retired or one faults.
    pub fn run_all(&mut self, all: &[[u32; 8]]) -> End {
        let (mut taken, mut retired) = (0, 0);
        (self.writes, self.writes_at_done) = (0, Vec::new());
        for cycle in 0..200_000 {
            let (sim, p) = (&mut self.sim, &self.ports);
            let op = all.get(taken);
            sim.set(p.op_valid, op.is_some().into());
            let noise: [u32; 8] = self.rng.random();
            sim.set_wide(p.op_data, op.unwrap_or(&noise));
            self.drive();
            self.sim.tick().unwrap();
            self.observe();
            let (sim, p) = (&self.sim, &self.ports);
            if op.is_some() && sim.get(p.op_ready) == 1 {
                taken += 1;
            }
            if sim.get(p.fault_valid) == 1 {
                assert_eq!(sim.get(p.done), 0);
                let cause = sim.get(p.fault_cause) as u8;
                let info = sim.get(p.fault_info) as u32;
                return End::Fault { cause, info };
            }
            if sim.get(p.done) == 1 {
                retired += 1;
                self.writes_at_done.push(self.writes);
                assert!(retired <= taken, "retired before it was taken");
                if retired == all.len() {
                    return End::Done(cycle);
                }
            }
        }
        panic!("the unit neither retires nor faults");
    }

    fn drive(&mut self) {
        let stall = self.stalls();
        self.offering |= !self.beats.is_empty() && !stall;
        let grant = !self.stalls();
        let accept = !self.stalls();
        let (sim, p) = (&mut self.sim, &self.ports);
        sim.set(p.w_valid, u64::from(self.offering));
        match self.beats.front().filter(|_| self.offering) {
            Some((data, last)) => {
                sim.set_wide(p.w_data, data);
                sim.set(p.w_last, u64::from(*last));
            }
            None => {
                let noise: Vec<u32> = (0..8).map(|_| self.rng.random()).collect();
                sim.set_wide(p.w_data, &noise);
                sim.set(p.w_last, self.rng.random_range(0..2));
            }
        }
        sim.set(p.req_ready, u64::from(grant));
        sim.set(p.wr_ready, u64::from(accept));
        let response = self.responses[0].take();
        self.responses.swap(0, 1);
        sim.set(p.rsp_valid, u64::from(response.is_some()));
        let noise: Vec<u32> = (0..self.lanes).map(|_| self.rng.random()).collect();
        sim.set_wide(p.rsp_data, &response.unwrap_or(noise));
    }

    fn observe(&mut self) {
        let (sim, p) = (&self.sim, &self.ports);
        let fires = |valid, ready| sim.get(valid) == 1 && sim.get(ready) == 1;
        if fires(p.w_valid, p.w_ready) {
            self.beats.pop_front();
            self.offering = false;
        }
        if fires(p.req_valid, p.req_ready) {
            let word = self.pad.word(sim.get(p.req_addr) as u32).unwrap().to_vec();
            self.responses[1] = Some(word);
        }
        if fires(p.wr_valid, p.wr_ready) {
            let word = sim.get_wide(p.wr_data).to_vec();
            let addr = sim.get(p.wr_addr) as u32;
            self.pad.write_word(addr, &word).unwrap();
            self.writes += 1;
        }
    }
}

/// An instruction: opcode, flags and pc, then its fields.
pub fn word(head: u32, fields: [u32; 7]) -> [u32; 8] {
    let mut all = [head; 8];
    all[1..].copy_from_slice(&fields);
    all
}

/// Deterministic random numbers of a test.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// int8 codes with the extremes more often than chance has it.
pub fn codes(rng: &mut ChaCha8Rng, n: usize) -> Vec<i8> {
    let mode = rng.random_range(0..4);
    (0..n)
        .map(|_| match mode {
            0 => -128,
            1 => *[-128, -127, 127, 0].get(rng.random_range(0..4)).unwrap(),
            _ => rng.random_range(-128..=127),
        })
        .collect()
}
