//! What drives the top under test, with its golden twin.

use hw::isa::{Cause, Op};
use hw::memory::load::{ld, ld1, packet};
use hw::memory::store::{st, st1};
use hw::memory::{Dram, MoveParams, request_addr_bits};
use hw::rtl::{Design, PortDir};
use hw::scratchpad::Scratchpad;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::axi::{AxiConfig, AxiMemory};
use tb::sim::{BuildSpec, Model, PortSpec, Sim};
use tb::stream::{Beat, Sink, Source};

use crate::top::top;

pub const BASE_IMAGE: u64 = 0x1_0000_2000;
pub const IMAGE_BYTES: u64 = 0x3000;
pub const BASE_STATE: u64 = BASE_IMAGE + IMAGE_BYTES;
pub const STATE_BYTES: u64 = 0x2000;
pub const TIMEOUT: u32 = 200;
const ADDR_BITS: u32 = 34;
pub const WORDS: u32 = 1024;

/// Shape of the units under test.
pub fn shape(bus_bits: u32, lanes: u32) -> MoveParams {
    let addr_bits = ADDR_BITS;
    MoveParams {
        bus_bits,
        addr_bits,
        lanes,
    }
}

/// A fault as the guard reports it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    pub unit: u64,
    pub addr: u64,
    pub pc: u64,
}

/// The running top with its golden twin.
pub struct Rig {
    pub sim: Sim,
    pub axi: AxiMemory,
    pub rng: ChaCha8Rng,
    p: MoveParams,
    stalls: u32,
    agents: Agents,
    /// Instructions sent and not done: load, store.
    open: [u32; 2],
    bytes: Vec<u8>,
    pad: Scratchpad,
    /// Beats of packets and their last flags that golden expects: wgt, str.
    packets: [Vec<Beat>; 2],
}

struct Agents {
    ops: [Source; 2],
    packets: [Sink; 2],
    fetch: Source,
    fetched: Sink,
}

impl Agents {
    fn new(sim: &Sim, stalls: u32) -> Agents {
        let source = |name: &str, seed| Source::new(sim, name, stalls, seed).unwrap();
        let sink = |name: &str, seed| Sink::new(sim, name, stalls, seed).unwrap();
        Agents {
            ops: [source("load_op", 1), source("store_op", 2)],
            packets: [sink("load_wgt", 3), sink("load_str", 4)],
            fetch: source("fetch_req", 5),
            fetched: sink("fetch_rsp", 6),
        }
    }
}

impl Rig {
    pub fn new(p: MoveParams, mut config: AxiConfig, stalls: u32) -> Rig {
        let top = top(&p);
        let files = Design::new(&top).unwrap().emit("");
        let port = |p: &hw::rtl::Port| PortSpec {
            name: p.name.clone(),
            width: p.ty.width,
            input: p.dir == PortDir::Input,
        };
        let spec = BuildSpec {
            top: top.name.clone(),
            files: files.into_iter().map(|f| (f.name, f.text)).collect(),
            ports: top.ports.iter().map(port).collect(),
            ..BuildSpec::default()
        };
        let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let bytes: Vec<u8> = (0..IMAGE_BYTES + STATE_BYTES)
            .map(|_| rng.random())
            .collect();
        config.origin = BASE_IMAGE;
        config.max_burst = 128 / (p.bus_bits / 8);
        config.outstanding = 3;
        let axi = AxiMemory::new(&sim, "m_axi_0", config, bytes.clone()).unwrap();
        let limit = BASE_STATE + STATE_BYTES;
        for (name, value) in [
            ("image_base", BASE_IMAGE),
            ("image_limit", BASE_STATE),
            ("state_base", BASE_STATE),
            ("state_limit", limit),
        ] {
            let id = sim.port(name).unwrap();
            sim.set(id, value);
        }
        sim.reset(2).unwrap();
        let agents = Agents::new(&sim, stalls);
        let pad = Scratchpad::new(WORDS, p.lanes);
        let packets = [Vec::new(), Vec::new()];
        let open = [0; 2];
        let mut rig = Rig {
            sim,
            axi,
            rng,
            p,
            stalls,
            agents,
            open,
            bytes,
            pad,
            packets,
        };
        for addr in 0..WORDS {
            let word: Vec<u32> = (0..p.lanes).map(|_| rig.rng.random()).collect();
            rig.pad.write_word(addr, &word).unwrap();
            rig.poke(addr);
        }
        rig
    }

    pub fn get(&self, port: &str) -> u64 {
        self.sim.get(self.sim.port(port).unwrap())
    }

    pub fn set(&mut self, port: &str, value: u64) {
        let id = self.sim.port(port).unwrap();
        self.sim.set(id, value);
    }

    fn poke(&mut self, addr: u32) {
        let word = self.pad.word(addr).unwrap().to_vec();
        self.set("host_addr", addr.into());
        let data = self.sim.port("host_data").unwrap();
        self.sim.set_wide(data, &word);
        self.set("host_valid", 1);
        self.steps(1);
        assert_eq!(self.get("host_ready"), 1);
        self.set("host_valid", 0);
    }

    fn peek(&mut self, addr: u32) -> Vec<u32> {
        self.set("host_req_addr", addr.into());
        self.set("host_req_valid", 1);
        self.steps(1);
        self.set("host_req_valid", 0);
        self.steps(2);
        let data = self.sim.port("host_rsp_data").unwrap();
        self.sim.get_wide(data).to_vec()
    }

    /// Cycles with all agents.
    pub fn steps(&mut self, cycles: u32) {
        for _ in 0..cycles {
            let (sim, a) = (&mut self.sim, &mut self.agents);
            self.axi.drive(sim);
            a.ops.iter_mut().for_each(|s| s.drive(sim));
            a.packets.iter_mut().for_each(|s| s.drive(sim));
            a.fetch.drive(sim);
            a.fetched.drive(sim);
            sim.tick().unwrap();
            self.axi.sample(sim);
            a.ops.iter_mut().for_each(|s| s.sample(sim));
            // Units that are being reset, or dropped by the guard, may withdraw what they offer.
            if self.get("cancel") == 0 && self.get("fault_valid") == 0 {
                let (sim, a) = (&self.sim, &mut self.agents);
                a.packets.iter_mut().for_each(|s| s.sample(sim).unwrap());
                a.fetched.sample(sim).unwrap();
            }
            self.agents.fetch.sample(&self.sim);
            for (k, done) in ["load_done", "store_done"].iter().enumerate() {
                if self.get(done) == 1 {
                    assert!(self.open[k] > 0, "{done} without an instruction");
                    self.open[k] -= 1;
                }
            }
            self.axi.check().unwrap();
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Rig) -> bool) {
        for _ in 0..200_000 {
            if done(self) {
                return;
            }
            self.steps(1);
        }
        panic!(
            "{what} never came; open {:?}, guard fault {:?}",
            self.open,
            self.fault()
        );
    }

    pub fn send(&mut self, op: Op, state: bool, fields: [u32; 3]) {
        self.send_at(0, op, state, fields);
    }

    /// Queues an instruction: pc, operation, base, f0 to f2.
    pub fn send_at(&mut self, pc: u32, op: Op, state: bool, [f0, f1, f2]: [u32; 3]) {
        let store = matches!(op, Op::St | Op::St1);
        let head = u32::from(op.opcode()) | u32::from(state) << 11 | pc << 16;
        self.agents.ops[usize::from(store)].push(Beat::wide([head, f0, f1, f2, !0, !0, !0, !0]));
        self.open[usize::from(store)] += 1;
    }

    /// Runs until every instruction is done.
    pub fn finish(&mut self) {
        self.until("the end", |r| r.open == [0, 0]);
        self.agents.packets.iter_mut().for_each(|s| {
            s.take();
        });
    }

    pub fn fetch(&mut self, pc: u32, addr: u64, beats: u64) {
        let bits = request_addr_bits(ADDR_BITS);
        let value = u128::from(pc) << (bits + 24) | u128::from(beats) << bits | u128::from(addr);
        let words: Vec<u32> = (0..4).map(|i| (value >> (32 * i)) as u32).collect();
        self.agents.fetch.push(Beat::wide(words));
    }

    /// The bytes that fetch receives.
    pub fn fetched(&mut self, beats: usize) -> Vec<u8> {
        self.until("fetched data", |r| {
            r.agents.fetched.received().len() >= beats
        });
        let beats = self.agents.fetched.take();
        assert!(
            beats
                .iter()
                .rev()
                .enumerate()
                .all(|(i, b)| b.last == (i == 0))
        );
        beats
            .iter()
            .flat_map(|b| &b.data)
            .flat_map(|w| w.to_le_bytes())
            .collect()
    }

    pub fn image_bytes(&self, from: usize, len: usize) -> Vec<u8> {
        self.bytes[from..from + len].to_vec()
    }

    pub fn fault(&self) -> Option<Fault> {
        (self.get("fault_valid") == 1).then(|| Fault {
            cause: Cause::from_code(self.get("fault_cause") as u8).unwrap(),
            unit: self.get("fault_unit"),
            addr: self.get("fault_addr"),
            pc: self.get("fault_pc"),
        })
    }

    pub fn run_to_fault(&mut self) -> Fault {
        self.until("a fault", |r| r.fault().is_some());
        self.fault().unwrap()
    }

    /// Cause and info of the fault that the unit of `op` raises.
    pub fn run_to_unit_fault(&mut self, op: Op) -> (u64, u64) {
        let unit = if matches!(op, Op::St | Op::St1) {
            "store"
        } else {
            "load"
        };
        let valid = format!("{unit}_fault_valid");
        self.until("a fault", |r| r.get(&valid) == 1);
        assert_eq!(self.fault(), None);
        (
            self.get(&format!("{unit}_fault_cause")),
            self.get(&format!("{unit}_fault_info")),
        )
    }

    /// Resets the units and waits until memory owes nothing, as the top does.
    pub fn abort(&mut self) {
        self.set("cancel", 1);
        self.open = [0; 2];
        self.agents = Agents::new(&self.sim, self.stalls);
        self.steps(2);
        self.until("drained", |r| r.get("drained") == 1);
        assert_eq!(self.axi.owed(), 0);
        self.set("cancel", 0);
        self.agents = Agents::new(&self.sim, self.stalls);
    }

    pub fn clear(&mut self) {
        self.set("clear", 1);
        self.steps(1);
        self.set("clear", 0);
        self.steps(1);
        for addr in 0..WORDS {
            self.poke(addr);
        }
    }

    /// After an aborted store golden takes over what memory has: only bytes that the store covers may differ.
    pub fn reread_state(&mut self) {
        let start = IMAGE_BYTES as usize;
        assert_eq!(self.axi.bytes()[..start], self.bytes[..start]);
        self.bytes.copy_from_slice(self.axi.bytes());
    }

    /// Random loads, then random stores, each compared with golden.
    pub fn random_batch(&mut self, count: u32) {
        let mut expected = std::mem::take(&mut self.packets);
        for _ in 0..count {
            self.random_load(&mut expected);
        }
        self.until("loads", |r| r.open == [0, 0]);
        for (sink, expected) in self.agents.packets.iter_mut().zip(&expected) {
            assert_eq!(sink.take(), *expected);
        }
        for addr in 0..WORDS {
            let word = self.peek(addr);
            assert_eq!(word, self.pad.word(addr).unwrap(), "scratchpad word {addr}");
        }
        for _ in 0..count {
            self.random_store();
        }
        self.until("stores", |r| r.open == [0, 0]);
        assert!(self.axi.bytes() == self.bytes, "memory differs from golden");
        assert_eq!((self.fault(), self.get("pad_fault_valid")), (None, 0));
    }

    fn random_load(&mut self, expected: &mut [Vec<Beat>; 2]) {
        let per_beat = self.p.bus_bits / 32;
        let n = self.rng.random_range(0..300);
        let state = self.rng.random();
        let offset = self.rng.random_range(0..1500) / per_beat * per_beat;
        let dst = self.rng.random_range(0..WORDS - 160);
        let (p, dram) = (self.p, dram(&mut self.bytes));
        match self.rng.random_range(0..4) {
            0 => {
                ld(&p, &dram, &mut self.pad, state, (dst, offset, n)).unwrap();
                self.send(Op::Ld, state, [dst, offset, n]);
            }
            1 => {
                let offset = offset + n % 13;
                ld1(&p, &dram, &mut self.pad, state, (dst, offset)).unwrap();
                self.send(Op::Ld1, state, [dst, offset, n]);
            }
            kind => {
                let bytes = packet(&p, &dram, state, (offset, n)).unwrap();
                let (op, to) = [(Op::Ldw, 0), (Op::Ldp, 1)][kind - 2];
                expected[to].extend(beats(&bytes, per_beat as usize));
                self.send(op, state, [dst, offset, n]);
            }
        }
    }

    fn random_store(&mut self) {
        let per_beat = self.p.bus_bits / 32;
        let n = self.rng.random_range(0..300) / per_beat * per_beat;
        let offset = self.rng.random_range(0..1500) / per_beat * per_beat;
        let src = self.rng.random_range(0..WORDS - 160);
        let (p, mut dram) = (self.p, dram(&mut self.bytes));
        if self.rng.random() {
            st(&p, &mut dram, &self.pad, true, (src, offset, n)).unwrap();
            self.send(Op::St, true, [src, offset, n]);
        } else {
            let offset = offset + n % 13;
            st1(&p, &mut dram, &self.pad, true, (src, offset)).unwrap();
            self.send(Op::St1, true, [src, offset, n]);
        }
    }
}

fn dram(bytes: &mut [u8]) -> Dram<'_> {
    Dram {
        origin: BASE_IMAGE,
        bytes,
        image: BASE_IMAGE..BASE_STATE,
        state: BASE_STATE..BASE_STATE + STATE_BYTES,
    }
}

fn beats(bytes: &[u8], per_beat: usize) -> Vec<Beat> {
    let words: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let count = words.len() / per_beat;
    let beat = |(i, w): (usize, &[u32])| Beat::wide(w).with_last(i + 1 == count);
    words.chunks(per_beat).enumerate().map(beat).collect()
}
