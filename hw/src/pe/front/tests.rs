use super::*;
use crate::rtl::{Design, NativeSim};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn params(bus_bits: u32, max_beats: u32, max_column_beats: u32) -> FrontParams {
    FrontParams {
        bus_bits,
        max_beats,
        max_column_beats,
    }
}

#[test]
fn emitted_modules() {
    let unit = pe_front(&params(64, 24, 16)).unwrap();
    for m in Design::new(&unit).unwrap().modules() {
        if m.name.starts_with("pe_front") {
            insta::assert_snapshot!(m.name.clone(), m.verilog());
        }
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_with_the_nearest_legal_value() {
    let refuse = |p: FrontParams| pe_front(&p).unwrap_err().to_string();
    assert!(refuse(params(96, 1, 1)).contains("nearest 128"));
    assert!(refuse(params(512, 1, 1)).contains("nearest 256"));
    assert!(refuse(params(64, 0, 1)).contains("max_beats = 0"));
    assert!(refuse(params(64, 1, 1 << 17)).contains("nearest 65536"));
}

/// Lines of a module are bounded for the widest bus too.
#[test]
fn modules_are_short() {
    for bus_bits in [32, 64, 128, 256] {
        let unit = pe_front(&params(bus_bits, 256, 16)).unwrap();
        for m in Design::new(&unit).unwrap().modules() {
            let lines = m.verilog().lines().count();
            assert!(lines <= 150, "{} of {bus_bits} bits: {lines} lines", m.name);
        }
    }
}

#[derive(Clone, Debug)]
struct Packet {
    axpy: bool,
    n: usize,
    beats: usize,
    bytes: Vec<u8>,
}

impl Packet {
    /// A packet of the right length, or `more` beats longer (shorter when negative).
    fn new(
        p: &FrontParams,
        axpy: bool,
        (n, beats): (usize, usize),
        more: isize,
        rng: &mut ChaCha8Rng,
    ) -> Packet {
        let there = (n * beats).saturating_add_signed(more).max(1);
        let bytes = (0..there * p.lanes() as usize)
            .map(|_| rng.random())
            .collect();
        Packet {
            axpy,
            n,
            beats,
            bytes,
        }
    }

    fn random(p: &FrontParams, rng: &mut ChaCha8Rng) -> Packet {
        let axpy = rng.random();
        let most = if axpy {
            p.max_column_beats
        } else {
            p.max_beats
        } as usize;
        let beats = match rng.random_range(0..4) {
            0 => most,
            1 => 1,
            _ => rng.random_range(1..=most),
        };
        // Whole blocks, one vector, or whatever, of a few hundred beats.
        let lanes = p.lanes() as usize;
        let n = match rng.random_range(0..4) {
            0 => lanes * rng.random_range(1..=3),
            1 => rng.random_range(1..=2),
            _ => rng.random_range(1..=1 + 300 / beats),
        };
        let more = [0, 0, 1, 7][rng.random_range(0..4)];
        Packet::new(p, axpy, (n, beats), more, rng)
    }

    fn golden(&self, m: usize) -> Vec<Vec<u8>> {
        match self.axpy {
            true => golden::columns(&self.bytes, m, self.beats, self.n),
            false => golden::plain(&self.bytes, m, self.beats, self.n),
        }
    }
}

/// The unit with its surroundings; every cycle the protocol of `out` and the levels are checked.
struct Bench {
    m: usize,
    sim: NativeSim,
    rng: ChaCha8Rng,
    /// Eighths of the cycles in which a beat is offered, taken, a packet started.
    pace: [u32; 3],
    cycle: usize,
    out: Vec<Vec<u8>>,
    /// When each beat of `out` left.
    times: Vec<usize>,
    waiting: Option<BigUint>,
}

impl Bench {
    fn new(p: &FrontParams, pace: [u32; 3], seed: u64) -> Bench {
        let mut sim = NativeSim::new(&pe_front(p).unwrap()).unwrap();
        sim.scramble(seed);
        sim.reset("clk", "rst");
        Bench {
            m: p.lanes() as usize,
            sim,
            rng: ChaCha8Rng::seed_from_u64(seed),
            pace,
            cycle: 0,
            out: Vec::new(),
            times: Vec::new(),
            waiting: None,
        }
    }

    fn now(&mut self, what: usize) -> bool {
        self.rng.random_range(0..8) < self.pace[what]
    }

    /// One cycle; whether a beat was taken from `offered`, otherwise noise is on its data.
    fn step(&mut self, offered: Option<(&[u8], bool)>) -> bool {
        let (data, last) = match offered {
            Some((data, last)) => (BigUint::from_bytes_le(data), last),
            None => {
                let noise: Vec<u8> = (0..self.m).map(|_| self.rng.random()).collect();
                (BigUint::from_bytes_le(&noise), self.rng.random())
            }
        };
        self.sim.set("w_valid", offered.is_some().into());
        self.sim.set_wide("w_data", &data);
        self.sim.set("w_last", last.into());
        let ready = self.sim.get("w_ready");
        let take = self.now(1);
        self.sim.set("out_ready", take.into());
        assert_eq!(self.sim.get("w_ready"), ready, "w_ready follows out_ready");
        let valid = self.sim.get("out_valid") == 1;
        let data = self.sim.get_wide("out_data");
        if let Some(before) = self.waiting.take() {
            assert!(
                valid && data == before,
                "cycle {}: a waiting beat changed",
                self.cycle
            );
        }
        if valid && take {
            let mut bytes = data.to_bytes_le();
            bytes.resize(self.m, 0);
            self.out.push(bytes);
            self.times.push(self.cycle);
        } else if valid {
            self.waiting = Some(data);
        }
        let moved = offered.is_some() && ready == 1;
        self.sim.tick("clk");
        self.sim.set("start", 0);
        self.cycle += 1;
        moved
    }

    /// A packet from its start until it is gone; when its last beat was taken.
    fn packet(&mut self, packet: &Packet) -> usize {
        let beats: Vec<&[u8]> = packet.bytes.chunks(self.m).collect();
        let cut = golden::cut(beats.len(), packet.beats, packet.n);
        let (mut next, mut offering, mut started) = (0, false, false);
        let deadline = self.cycle + 200 + 60 * (beats.len() + 4096);
        while next < beats.len() {
            assert!(self.cycle < deadline, "{packet:?} hangs");
            if !started && self.now(2) {
                self.sim.set("axpy", packet.axpy.into());
                self.sim.set("n", packet.n as u64);
                self.sim.set("beats", packet.beats as u64);
                self.sim.set("start", 1);
            }
            let starting = self.sim.get("start") == 1;
            assert!(!started || self.sim.get("taken") == 0);
            // The next packet is offered whether it has begun or not.
            offering = offering || self.now(0);
            let offer = offering.then(|| (beats[next], next + 1 == beats.len()));
            if self.step(offer) {
                assert!(started, "taken before start");
                (next, offering) = (next + 1, false);
            }
            started |= starting;
        }
        assert_eq!(self.sim.get("taken"), cut.is_none().into());
        assert_eq!(self.sim.get("short"), cut.is_some().into());
        if let Some(vector) = cut {
            assert_eq!(self.sim.get("short_vector"), vector as u64);
        }
        self.cycle - 1
    }

    fn drain(&mut self, n: usize) {
        let deadline = self.cycle + 100 + 60 * n;
        while self.out.len() < n && self.cycle < deadline {
            self.step(None);
        }
        for _ in 0..20 {
            self.step(None);
        }
    }
}

/// What mixed packets leave, under all kinds of stalls.
#[test]
fn packets_of_all_kinds() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for (i, p) in [
        params(32, 9, 12),
        params(32, 1, 1),
        params(32, 300, 32),
        params(64, 24, 16),
        params(64, 2, 3),
        params(128, 7, 8),
        params(256, 5, 4),
        params(256, 2, 1),
    ]
    .iter()
    .enumerate()
    {
        for (k, pace) in [[8, 8, 8], [8, 3, 8], [3, 8, 8], [6, 6, 2], [8, 1, 8]]
            .into_iter()
            .enumerate()
        {
            let mut bench = Bench::new(p, pace, (10 * i + k) as u64);
            let packets: Vec<_> = (0..12).map(|_| Packet::random(p, rng)).collect();
            let mut want = Vec::new();
            for packet in &packets {
                bench.packet(packet);
                want.extend(packet.golden(bench.m));
            }
            bench.drain(want.len());
            assert_eq!(bench.out.len(), want.len(), "{p:?}, {pace:?}");
            for (at, (got, want)) in bench.out.iter().zip(&want).enumerate() {
                assert_eq!(got, want, "{p:?}, {pace:?}, beat {at}");
            }
        }
    }
}

/// Cut in every beat of a packet; after a reset all is as before.
#[test]
fn short_packets() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let p = params(32, 5, 3);
    for pace in [[8, 8, 8], [5, 2, 4]] {
        let mut bench = Bench::new(&p, pace, 3);
        for (axpy, n, beats) in [(false, 4, 5), (true, 10, 3), (true, 3, 1), (false, 5, 1)] {
            for less in 1..n * beats {
                let (size, less) = ((n, beats), -(less as isize));
                let packet = Packet::new(&p, axpy, size, less, rng);
                bench.packet(&packet);
                assert!(!bench.step(Some((&[0; 4], true))), "a beat after the end");
                bench.sim.reset("clk", "rst");
                (bench.waiting, bench.out) = (None, Vec::new());
                let whole = Packet::new(&p, !axpy, (5, 2), 0, rng);
                bench.packet(&whole);
                let want = whole.golden(bench.m);
                bench.drain(want.len());
                assert_eq!(bench.out, want);
                (bench.out, bench.times) = (Vec::new(), Vec::new());
            }
        }
    }
}

/// Without stalls: the latency, and no pause within a packet or, but for its start, between packets.
#[test]
fn one_beat_a_cycle() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    for (bus_bits, latency) in [(32, 5), (64, 5), (128, 5), (256, 7)] {
        let p = params(bus_bits, 6, 4);
        assert_eq!(p.latency() as usize, latency);
        let lanes = p.lanes() as usize;
        let (n, beats) = (10 * lanes, 3);

        let mut bench = Bench::new(&p, [8; 3], 5);
        let plain = Packet::new(&p, false, (n, beats), 0, rng);
        let end = bench.packet(&plain);
        assert_eq!(end, n * beats, "the start, then a beat a cycle");
        bench.drain(n * beats);
        let steady: Vec<_> = (1 + latency..1 + latency + n * beats).collect();
        assert_eq!(bench.times, steady);

        let mut bench = Bench::new(&p, [8; 3], 6);
        let axpy = Packet::new(&p, true, (n, beats), 0, rng);
        assert_eq!(bench.packet(&axpy), n * beats);
        bench.drain(n * beats);
        let first = lanes * beats + latency;
        let steady: Vec<_> = (first..first + n * beats).collect();
        assert_eq!(bench.times, steady);

        // The packet behind comes in while the last block's columns leave.
        let mut bench = Bench::new(&p, [8; 3], 7);
        for packet in [&axpy, &plain, &axpy] {
            bench.packet(packet);
        }
        assert!(
            bench.cycle <= 3 * (n * beats + 1) + lanes * beats,
            "{}",
            bench.cycle
        );
        bench.drain(3 * n * beats);
        let most = 3 * (n * beats + 1) + 2 * lanes * beats + latency;
        let end = bench.times.last().copied().unwrap();
        assert!(end <= most, "{end}, not {most}");
    }
}
