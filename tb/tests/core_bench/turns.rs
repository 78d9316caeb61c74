//! Products that follow each other as fast as the core allows.

use hw::tlmm::core::CoreParams;
use num_bigint::BigUint;

use super::{Bench, Dut, Product};

impl<D: Dut> Bench<D> {
    /// Runs products of one size, each started as soon as `may_start` allows, its activations written in time; returns the
    /// sums of all, that of row r and vector b at `[b][r]`, and in which cycle the last sums of each came.
    pub fn in_turn(&mut self, p: &CoreParams, products: &[Product]) -> (Vec<Vec<i64>>, Vec<u64>) {
        let small = |v: u64| BigUint::from(v);
        let Product {
            k_tiles, row_tiles, ..
        } = products[0];
        let blocks = p.act_blocks() as usize;
        let writes = products[0].acts.len() * blocks;
        let words: Vec<&BigUint> = products.iter().flat_map(|x| &x.words).collect();
        let (mut written, mut started, mut taken) = (0usize, 0usize, 0usize);
        let (mut sums, mut ends) = (vec![Vec::new(); p.batch as usize], Vec::new());
        self.dut.set("k_tiles", &small(u64::from(k_tiles) - 1));
        self.dut.set("row_tiles", &small(u64::from(row_tiles) - 1));
        self.dut.set("hold", &small(0));
        for cycle in 0..500_000 {
            let start = self.dut.get("may_start") == small(1) && started < products.len();
            self.dut.set("start", &small(start.into()));
            self.dut.set("act_half", &small(started as u64 % 2));
            started += usize::from(start);
            let now = started.max(1);
            // What was written before this cycle of the product that was started last.
            let ready = written.saturating_sub(writes * (now - 1)) / blocks;
            let tiles = (ready as u32 / p.group()).min(k_tiles);
            self.dut.set("act_tiles", &small(tiles.into()));
            // A half is free again when the product after its own has started.
            let write = written < writes * products.len() && written / writes < now + 1;
            self.dut.set("act_we", &BigUint::ZERO);
            if write {
                let (x, at, block) = (
                    written / writes,
                    written % writes / blocks,
                    written % blocks,
                );
                let bits = 8 * p.act_lanes;
                let lanes = &products[x].acts[at] >> (block as u32 * bits);
                self.dut.set(
                    "act_data",
                    &(lanes & ((BigUint::from(1u32) << bits) - 1u32)),
                );
                self.dut.set("act_we", &(small(1) << block));
                let (tile, element) = (at as u32 / p.group(), at as u32 % p.group());
                let half = (x as u32 % 2) << (p.act_addr_bits() - 1);
                let place = half | tile << p.element_bits() | element;
                self.dut.set("act_addr", &small(place.into()));
                written += 1;
            }
            let word = words.get(taken);
            self.dut.set("w_valid", &small(word.is_some().into()));
            if let Some(word) = word {
                self.dut.set("w_data", word);
                taken += usize::from(self.dut.get("w_ready") == small(1));
            }
            if self.dut.get("sum_valid") == small(1) {
                self.take_sums(p, &mut sums);
                if self.dut.get("sum_last") == small(1) {
                    ends.push(cycle);
                    if ends.len() == products.len() {
                        self.dut.set("w_valid", &small(0));
                        self.dut.edge();
                        return (sums, ends);
                    }
                }
            }
            self.dut.edge();
        }
        panic!("no end after {} products", ends.len());
    }
}
