//! A core in the native simulator or in Verilator, and the run of one product on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hw::rtl::{Design, Module, NativeSim, PortDir};
use hw::tlmm::core::{CoreParams, Reduction};
use hw::vendor::simulation_files;
use num_bigint::BigUint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortId, PortSpec, Sim};

use super::product::{Product, pack};

/// Writes of a K tile's activations: an element of a block each.
fn block_writes(p: &CoreParams) -> usize {
    (p.act_blocks() * p.group()) as usize
}

pub enum Dut {
    Native(Box<NativeSim>),
    Verilator(Box<Sim>, BTreeMap<String, PortId>),
}

impl Dut {
    pub fn native(core: &Arc<Module>) -> Dut {
        let mut sim = NativeSim::new(core).unwrap();
        sim.scramble(3);
        sim.reset("clk", "rst");
        Dut::Native(Box::new(sim))
    }

    pub fn verilator(core: &Arc<Module>) -> Dut {
        let files = Design::new(core).unwrap().emit("").into_iter();
        let spec = BuildSpec {
            top: core.name.clone(),
            files: files
                .map(|f| (f.name, f.text))
                .chain(simulation_files(core))
                .collect(),
            ports: core
                .ports
                .iter()
                .map(|p| match p.dir {
                    PortDir::Input => PortSpec::input(&p.name, p.ty.width),
                    PortDir::Output => PortSpec::output(&p.name, p.ty.width),
                })
                .collect(),
            ..BuildSpec::default()
        };
        let model = Model::build(&spec).unwrap_or_else(|e| panic!("{e}"));
        let mut sim = Sim::new(&model).unwrap();
        // The harness drives the clock.
        let driven = core.ports.iter().filter(|p| p.name != "clk");
        let ids = driven.map(|p| (p.name.clone(), sim.port(&p.name).unwrap()));
        let ids = ids.collect();
        sim.reset(3).unwrap();
        Dut::Verilator(Box::new(sim), ids)
    }

    fn set(&mut self, name: &str, value: u64) {
        match self {
            Dut::Native(sim) => sim.set(name, value),
            Dut::Verilator(sim, ids) => sim.set(ids[name], value),
        }
    }

    fn set_wide(&mut self, name: &str, value: &BigUint) {
        match self {
            Dut::Native(sim) => sim.set_wide(name, value),
            Dut::Verilator(sim, ids) => {
                let id = ids[name];
                let mut words = value.to_u32_digits();
                words.resize(id.width().div_ceil(32) as usize, 0);
                sim.set_wide(id, &words);
            }
        }
    }

    fn get(&mut self, name: &str) -> u64 {
        match self {
            Dut::Native(sim) => sim.get(name),
            Dut::Verilator(sim, ids) => sim.get(ids[name]),
        }
    }

    fn get_wide(&mut self, name: &str) -> BigUint {
        match self {
            Dut::Native(sim) => sim.get_wide(name),
            Dut::Verilator(sim, ids) => BigUint::from_slice(sim.get_wide(ids[name])),
        }
    }

    /// Outputs for the inputs of this cycle.
    fn settle(&mut self) {
        if let Dut::Verilator(sim, _) = self {
            sim.eval().unwrap();
        }
    }

    fn tick(&mut self) {
        match self {
            Dut::Native(sim) => sim.tick("clk"),
            Dut::Verilator(sim, _) => sim.edge().unwrap(),
        }
    }

    /// Sets the inputs that write one element of a block, the `nth` of the product: by K tile, block, element.
    fn write_block(&mut self, p: &CoreParams, product: &Product, half: u64, nth: usize) {
        let (group, groups) = (p.group() as usize, p.groups as usize);
        let (lanes, blocks) = (p.act_lanes as usize, block_writes(p));
        let (t, block, e) = (nth / blocks, nth % blocks / group, nth % group);
        self.set_wide("act_we", &(BigUint::from(1u32) << block));
        let (b, first) = (block * lanes / groups, block * lanes % groups);
        let bytes = (first..first + lanes).map(|g| product.act(p, b, t, g, e) as u64);
        self.set_wide("act_data", &pack(bytes, 8));
        let word = (t as u64) << p.element_bits() | e as u64;
        self.set("act_addr", half << (p.act_addr_bits() - 1) | word);
    }

    /// Runs products of one size, each started as soon as `may_start` allows, their activations written in time; returns
    /// in which cycles the last sums of each came.
    pub fn run_in_turn(&mut self, p: &CoreParams, products: &[Product]) -> Vec<u64> {
        let (k_tiles, row_tiles) = (products[0].k_tiles, products[0].row_tiles);
        let writes = k_tiles * block_writes(p);
        let want: Vec<_> = products.iter().map(|x| x.golden(p)).collect();
        let (mut written, mut started, mut word, mut got) = (0, 0, 0, 0);
        let (mut cycle, mut ends) = (0, Vec::new());
        self.set("k_tiles", k_tiles as u64 - 1);
        self.set("row_tiles", row_tiles as u64 - 1);
        self.set("hold", 0);
        while ends.len() < products.len() {
            self.settle();
            let start = self.get("may_start") == 1 && started < products.len();
            self.set("start", start.into());
            self.set("act_half", started as u64 % 2);
            started += usize::from(start);
            // A half is free again when the product after its own has started.
            let write = written < writes * products.len() && written / writes < started.max(1) + 1;
            self.set_wide("act_we", &BigUint::ZERO);
            // Written before this cycle, of the product that was started last.
            let ready = written.saturating_sub(writes * (started.max(1) - 1));
            self.set("act_tiles", (ready / block_writes(p)).min(k_tiles) as u64);
            if write {
                let x = written / writes;
                self.write_block(p, &products[x], x as u64 % 2, written % writes);
                written += 1;
            }
            let words = k_tiles * row_tiles;
            let offer = word < words * products.len();
            self.set("w_valid", offer.into());
            if offer {
                let at = word % words;
                let data = products[word / words].word(p, at / row_tiles, at % row_tiles);
                self.set_wide("w_data", &data);
            }
            self.settle();
            word += usize::from(offer && self.get("w_ready") == 1);
            if self.get("sum_valid") == 1 {
                self.compare(p, &want[got / row_tiles][got % row_tiles], got);
                got += 1;
                if self.get("sum_last") == 1 {
                    ends.push(cycle);
                    assert_eq!(got, ends.len() * row_tiles);
                }
            }
            self.tick();
            cycle += 1;
            assert!(cycle < 500_000, "no end: {got} row tiles");
        }
        self.settle();
        assert_eq!(self.get("idle"), 1);
        ends
    }

    /// Writes the activations, runs the product with stalls of words and holds, and compares every sum. Returns the cycles
    /// from `start` to the last sum.
    pub fn run(
        &mut self,
        p: &CoreParams,
        reduction: Reduction,
        product: &Product,
        rng: &mut ChaCha8Rng,
        stall: u32,
    ) -> u64 {
        let half = rng.random_range(0..2u64);
        let blocks = block_writes(p);
        let words = product.k_tiles * blocks;
        let (want, latency) = (product.golden(p), p.latency(reduction));
        let (mut written, mut tile, mut row, mut got, mut held) = (0, 0, 0, 0, 0);
        let mut cycle = 0u64;
        self.set("k_tiles", product.k_tiles as u64 - 1);
        self.set("row_tiles", product.row_tiles as u64 - 1);
        self.set("act_half", half);
        while got < product.row_tiles {
            // Activations arrive while the product runs.
            let write = written < words && rng.random_range(0..100) >= stall;
            self.set("act_tiles", (written / blocks) as u64);
            self.set_wide("act_we", &BigUint::ZERO);
            if write {
                self.write_block(p, product, half, written);
                written += 1;
            }
            self.set("start", (cycle == 0).into());
            let offer = tile < product.k_tiles && rng.random_range(0..100) >= stall;
            self.set("w_valid", offer.into());
            let word = if offer {
                product.word(p, tile, row)
            } else {
                let noise: Vec<u64> = (0..p.rows * p.groups).map(|_| rng.random()).collect();
                pack(noise.into_iter(), p.code_bits())
            };
            self.set_wide("w_data", &word);
            let hold = rng.random_range(0..100) < stall;
            held = if hold { held + 1 } else { 0 };
            self.set("hold", hold.into());
            self.settle();
            assert_eq!(self.get("idle"), u64::from(cycle == 0), "cycle {cycle}");
            if offer && self.get("w_ready") == 1 {
                row += 1;
                if row == product.row_tiles {
                    (row, tile) = (0, tile + 1);
                }
            }
            if self.get("sum_valid") == 1 {
                assert!(held <= latency, "a sum {held} cycles after hold");
                self.compare(p, &want[got], got);
                got += 1;
                assert_eq!(self.get("sum_last"), u64::from(got == product.row_tiles));
            }
            self.tick();
            cycle += 1;
            assert!(
                cycle < 500_000,
                "no end: {got} row tiles of {}",
                product.row_tiles
            );
        }
        self.set_wide("act_we", &BigUint::ZERO);
        for name in ["w_valid", "start"] {
            self.set(name, 0);
        }
        cycle
    }

    fn compare(&mut self, p: &CoreParams, want: &[i32], row: usize) {
        let a = p.acc_bits();
        let data = self.get_wide("sum_data");
        for (k, &want) in want.iter().enumerate() {
            let field = (&data >> (k * a as usize)) & BigUint::from((1u64 << a) - 1);
            let value = field.iter_u64_digits().next().unwrap_or(0) as i64;
            let value = value - if value >> (a - 1) == 1 { 1 << a } else { 0 };
            assert_eq!(value, i64::from(want), "{p:?} row tile {row}, sum {k}");
        }
    }
}
