//! Bench for a ternary matrix core (`hw::tlmm::core`): a product on either simulator, with stalls and holds at random.

// Each test binary uses a part of the bench.
#![allow(dead_code)]

mod exercise;
mod matrix;
mod turns;

pub use exercise::{Core, check, exercise, params};
pub use matrix::Case;

use std::sync::Arc;

use hw::rtl::{Design, Module, NativeSim, PortDir};
use hw::tlmm::core::CoreParams;
use hw::vendor::simulation_files;
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

/// What the bench needs of a simulator. After `tick`, `get` gives what was there before the edge.
pub trait Dut {
    fn set(&mut self, port: &str, value: &BigUint);
    /// Settles the outputs.
    fn get(&mut self, port: &str) -> BigUint;
    fn edge(&mut self);
}

impl Dut for NativeSim {
    fn set(&mut self, port: &str, value: &BigUint) {
        self.set_wide(port, value);
    }

    fn get(&mut self, port: &str) -> BigUint {
        self.get_wide(port)
    }

    fn edge(&mut self) {
        self.tick("clk");
    }
}

/// A verilated model; evaluated when an output is asked for after an input has changed.
pub struct Verilated {
    sim: Sim,
    stale: bool,
}

impl Dut for Verilated {
    fn set(&mut self, port: &str, value: &BigUint) {
        let id = self.sim.port(port).unwrap();
        self.sim.set_wide(id, &value.to_u32_digits());
        self.stale = true;
    }

    fn get(&mut self, port: &str) -> BigUint {
        if std::mem::take(&mut self.stale) {
            self.sim.eval().unwrap();
        }
        let id = self.sim.port(port).unwrap();
        BigUint::new(self.sim.get_wide(id).to_vec())
    }

    fn edge(&mut self) {
        self.sim.tick().unwrap();
        self.stale = true;
    }
}

/// Builds the Verilator model of a core; `models` are files of its primitives, none takes ours.
pub fn build(top: &Arc<Module>, models: &[(&str, &str)]) -> Model {
    let ports = top.ports.iter().map(|p| PortSpec {
        name: p.name.clone(),
        width: p.ty.width,
        input: p.dir == PortDir::Input,
    });
    let files = Design::new(top).unwrap().emit("");
    let files = files.into_iter().map(|f| (f.name, f.text));
    let models = match models {
        [] => simulation_files(top),
        _ => (models.iter().map(|(n, t)| (n.to_string(), t.to_string()))).collect(),
    };
    let spec = BuildSpec {
        top: top.name.clone(),
        files: files.chain(models).collect(),
        ports: ports.collect(),
        ..BuildSpec::default()
    };
    Model::build(&spec).unwrap_or_else(|e| panic!("{e}"))
}

pub fn verilated(model: &Model, seed: u32) -> Bench<Verilated> {
    let mut sim = Sim::with_seed(model, seed).unwrap();
    sim.reset(3).unwrap();
    Bench::new(Verilated { sim, stale: true }, seed)
}

pub fn native(top: &Arc<Module>, seed: u32) -> Bench<NativeSim> {
    let mut sim = NativeSim::new(top).unwrap();
    sim.scramble(seed.into());
    sim.reset("clk", "rst");
    Bench::new(sim, seed)
}

/// One product: weight words in order, activation words, and how both are laid out in tiles.
pub struct Product {
    pub k_tiles: u32,
    pub row_tiles: u32,
    /// Weight words, K tile outermost.
    pub words: Vec<BigUint>,
    /// Words of the activation memory: the elements of the groups of a K tile, element by element.
    pub acts: Vec<BigUint>,
}

/// Probabilities of idle cycles in percent.
#[derive(Clone, Copy, Default)]
pub struct Stalls {
    pub words: u32,
    pub hold: u32,
    pub acts: u32,
}

pub struct Bench<D> {
    dut: D,
    rng: ChaCha8Rng,
    half: bool,
}

impl<D: Dut> Bench<D> {
    fn new(mut dut: D, seed: u32) -> Bench<D> {
        for port in ["act_we", "start", "w_valid", "hold"] {
            dut.set(port, &BigUint::ZERO);
        }
        Bench {
            dut,
            rng: ChaCha8Rng::seed_from_u64(seed.into()),
            half: false,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.random_range(0..100) < percent
    }

    fn noise(&mut self, bits: u32) -> BigUint {
        let digits = (0..bits.div_ceil(32)).map(|_| self.rng.random()).collect();
        BigUint::new(digits) & ((BigUint::from(1u32) << bits) - 1u32)
    }

    /// Sums of a row tile, appended to those of each vector.
    fn take_sums(&mut self, p: &CoreParams, sums: &mut [Vec<i64>]) {
        let word = self.dut.get("sum_data");
        for b in 0..p.batch {
            for q in 0..p.rows {
                sums[b as usize].push(signed(&word, b * p.rows + q, p.acc_bits()));
            }
        }
    }

    /// Runs one product; returns the sums, that of row r and vector b at `[b][r]`, and the cycles from start to idle.
    pub fn run(
        &mut self,
        p: &CoreParams,
        product: &Product,
        stalls: Stalls,
        latency: u32,
    ) -> (Vec<Vec<i64>>, u64) {
        self.half = !self.half;
        let ab = p.act_addr_bits();
        assert_eq!(product.acts.len() as u32, product.k_tiles * p.group());
        let blocks = p.act_blocks() as usize;
        let base = BigUint::from(u32::from(self.half)) << (ab - 1);
        let small = |v: u32| BigUint::from(v);
        assert_eq!(self.dut.get("idle"), small(1), "idle before the start");
        self.dut.set("act_half", &small(self.half.into()));
        self.dut.set("k_tiles", &small(product.k_tiles - 1));
        self.dut.set("row_tiles", &small(product.row_tiles - 1));
        let (mut written, mut taken) = (0, 0);
        let mut offered = false;
        let mut after_hold = 0;
        let mut sums = vec![Vec::new(); p.batch as usize];
        let mut finished = false;
        for cycle in 0..400_000u64 {
            // As many activations as will do without stalls, all of them before the start now and then.
            let stalled = self.chance(stalls.acts);
            let write = written < product.acts.len() * blocks && !stalled;
            let (at, block) = (written / blocks, written % blocks);
            let data = match product.acts.get(at) {
                Some(word) if write => {
                    let bits = 8 * p.act_lanes;
                    (word >> (block as u32 * bits)) & ((BigUint::from(1u32) << bits) - 1u32)
                }
                _ => self.noise(8 * p.act_lanes),
            };
            self.dut.set("act_tiles", &small(at as u32 / p.group()));
            self.dut.set("act_we", &(small(write.into()) << block));
            let at = at.min(product.acts.len() - 1) as u32;
            let place = ((at / p.group()) << p.element_bits()) | (at % p.group());
            self.dut.set("act_addr", &(&base + place));
            self.dut.set("act_data", &data);
            self.dut.set("start", &small((cycle == 0).into()));
            offered |= !self.chance(stalls.words);
            let word = product.words.get(taken).filter(|_| offered).cloned();
            self.dut.set("w_valid", &small(word.is_some().into()));
            let word_bits = self.noise(p.word_bits());
            self.dut.set("w_data", word.as_ref().unwrap_or(&word_bits));
            let hold = self.chance(stalls.hold);
            self.dut.set("hold", &small(hold.into()));
            after_hold = if hold { after_hold + 1 } else { 0 };

            if self.dut.get("w_ready") == small(1) && word.is_some() {
                let last = taken as u32 / product.row_tiles + 1 == product.k_tiles;
                assert!(!(hold && last), "took a word of the last K tile while held");
                taken += 1;
                offered = false;
                let final_word = taken == product.words.len();
                assert_eq!(self.dut.get("w_last"), small(final_word.into()));
            }
            if self.dut.get("sum_valid") == small(1) {
                assert!(!finished, "sums after the last");
                assert!(after_hold <= u64::from(latency), "sums long after hold");
                self.take_sums(p, &mut sums);
                finished = self.dut.get("sum_last") == small(1);
            }
            if cycle > 0 && self.dut.get("idle") == small(1) {
                assert!(finished && taken == product.words.len(), "idle too early");
                assert_eq!(sums[0].len() as u32, product.row_tiles * p.rows);
                self.dut.set("w_valid", &BigUint::ZERO);
                self.dut.set("act_we", &BigUint::ZERO);
                return (sums, cycle);
            }
            self.dut.edge();
            written += usize::from(write);
        }
        panic!(
            "no end: {taken} of {} words taken, {written} activations",
            product.words.len()
        );
    }
}

fn signed(word: &BigUint, at: u32, bits: u32) -> i64 {
    let field: BigUint = (word >> (at * bits)) & ((BigUint::from(1u32) << bits) - 1u32);
    let value = field.to_u64_digits().first().copied().unwrap_or(0) as i64;
    value << (64 - bits) >> (64 - bits)
}
