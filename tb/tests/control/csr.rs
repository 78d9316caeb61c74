//! CSRs over AXI4-Lite: random accesses against the table, runs, faults, interrupts.

use std::collections::BTreeMap;

use hw::control::csr::{csr, faults};
use hw::isa::csr::{self as map, Access, TABLE};
use hw::isa::{Cause, Unit};
use hw::params::MachineParams;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::Sim;

use crate::{ByName, simulate};

const OKAY: u64 = 0;
const SLVERR: u64 = 2;
const ABI: u64 = 0xfeed_0123_4567_89ab;

/// A host with its own stalls.
struct Host {
    sim: Sim,
    rng: ChaCha8Rng,
}

impl Host {
    fn new(seed: u64) -> Host {
        let mut sim = simulate(&csr(&MachineParams::tiny()).unwrap());
        sim.put("abi", ABI);
        sim.put("drained", 1);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Host { sim, rng }
    }

    fn ticks(&mut self, count: u32) {
        (0..count).for_each(|_| self.sim.tick().unwrap());
    }

    /// Address and data in any order, with gaps.
    fn write_strobed(&mut self, addr: u32, data: u32, strobes: u32) -> u64 {
        let mut left: [u32; 2] = [self.rng.random_range(0..5), self.rng.random_range(0..5)];
        let mut sent = [false; 2];
        self.sim.put("s_axil_awaddr", addr.into());
        self.sim.put("s_axil_wdata", data.into());
        self.sim.put("s_axil_wstrb", strobes.into());
        for _ in 0..100 {
            for (k, name) in ["aw", "w"].into_iter().enumerate() {
                let valid = !sent[k] && left[k] == 0;
                left[k] = left[k].saturating_sub(1);
                self.sim.put(&format!("s_axil_{name}valid"), valid.into());
            }
            let bready = self.rng.random_range(0..2);
            self.sim.put("s_axil_bready", bready);
            self.sim.tick().unwrap();
            for (k, name) in ["aw", "w"].into_iter().enumerate() {
                let see = |port: &str| self.sim.see(&format!("s_axil_{name}{port}"));
                sent[k] |= see("valid") & see("ready") == 1;
            }
            if self.sim.see("s_axil_bvalid") & bready == 1 {
                assert!(sent[0] && sent[1], "no response before address and data");
                return self.sim.see("s_axil_bresp");
            }
        }
        panic!("no write response");
    }

    fn write(&mut self, addr: u32, data: u32) {
        assert_eq!(self.write_strobed(addr, data, 15), OKAY);
    }

    fn read_any(&mut self, addr: u32) -> (u32, u64) {
        let gap = self.rng.random_range(0..4);
        self.sim.put("s_axil_rready", 0);
        self.ticks(gap);
        self.sim.put("s_axil_araddr", addr.into());
        self.sim.put("s_axil_arvalid", 1);
        for _ in 0..100 {
            let rready = self.rng.random_range(0..2);
            self.sim.put("s_axil_rready", rready);
            self.sim.tick().unwrap();
            if self.sim.see("s_axil_arvalid") & self.sim.see("s_axil_arready") == 1 {
                self.sim.put("s_axil_arvalid", 0);
            }
            if self.sim.see("s_axil_rvalid") & rready == 1 {
                let answer = (
                    self.sim.see("s_axil_rdata") as u32,
                    self.sim.see("s_axil_rresp"),
                );
                self.sim.put("s_axil_rready", 0);
                return answer;
            }
        }
        panic!("no read data");
    }

    fn read(&mut self, addr: u32) -> u32 {
        let (data, resp) = self.read_any(addr);
        assert_eq!(resp, OKAY);
        data
    }

    /// Starts a run and waits until it runs.
    fn start(&mut self) {
        self.write(map::CTRL, map::CTRL_START);
        self.ticks(8);
        assert_eq!(
            (self.sim.see("running"), self.sim.see("abort_units")),
            (1, 0)
        );
    }

    /// A signal high for one cycle.
    fn pulse(&mut self, name: &str) {
        self.sim.put(name, 1);
        self.ticks(1);
        self.sim.put(name, 0);
    }
}

#[test]
fn random_accesses_follow_the_table() {
    let mut host = Host::new(1);
    let mut model: BTreeMap<u32, u32> = TABLE.iter().map(|r| (r.offset, r.reset)).collect();
    model.insert(map::ABI_LO, ABI as u32);
    model.insert(map::ABI_HI, (ABI >> 32) as u32);
    for step in 0..3000 {
        let row = &TABLE[host.rng.random_range(0..TABLE.len())];
        // CTRL starts runs and LOCK ends the fun: both come later.
        let known = host.rng.random_range(0..5) > 0;
        let addr = if known {
            row.offset
        } else {
            host.rng.random_range(0..0x400) * 4
        };
        let row = map::at(addr);
        if addr == map::CTRL || (addr == map::LOCK && step < 2000) {
            continue;
        }
        if host.rng.random_range(0..2) == 0 {
            let low = host.rng.random_range(0..4);
            let want = model.get(&addr).map_or((0, SLVERR), |&v| (v, OKAY));
            assert_eq!(host.read_any(addr | low), want, "{addr:#x}");
            continue;
        }
        let (data, strobes): (u32, u32) = (host.rng.random(), host.rng.random_range(0..16));
        let resp = host.write_strobed(addr, data, strobes);
        let writable = row.is_some_and(|r| r.access.writable());
        assert_eq!(resp, if writable { OKAY } else { SLVERR }, "{addr:#x}");
        let Some(row) = row else { continue };
        let locked = model[&map::LOCK] == 1;
        let bytes = (0..4).fold(0, |m, b| m | (((strobes >> b) & 1) * 0xff) << (8 * b));
        // Address registers hold 40 bits.
        let high = row.access == Access::Locked && row.name.ends_with("_HI");
        let mask = bytes & if high { 0xff } else { row.mask() };
        let Some(value) = model.get_mut(&addr) else {
            continue;
        };
        match row.access {
            Access::Locked if locked => {}
            Access::ReadWrite | Access::Locked => *value = (*value & !mask) | (data & mask),
            Access::WriteOneSet => *value |= data & mask,
            Access::WriteOneClear => *value &= !(data & mask),
            Access::ReadOnly | Access::Command => {}
        }
    }
    let want =
        u64::from(model[&map::STATE_LIMIT_HI]) << 32 | u64::from(model[&map::STATE_LIMIT_LO]);
    assert_eq!(host.sim.see("state_limit"), want);
    let args = host.sim.port("args").unwrap();
    assert_eq!(host.sim.get_wide(args)[7], model[&map::ARG7]);
}

#[test]
fn a_run_counts_emits_and_interrupts() {
    let mut host = Host::new(2);
    host.write(map::IRQ_ENABLE, map::IRQ_TOKEN | map::IRQ_DONE);
    assert_eq!(host.read(map::STATUS), map::STATUS_IDLE);
    host.start();
    assert_eq!(host.read(map::STATUS), map::STATUS_BUSY);
    host.sim.put("busy", 1 << Unit::Pe.index());
    host.sim.put("retire", 0b101001);
    host.sim.put("read_beat", 1);
    host.ticks(10);
    host.sim.put("busy", 0);
    host.sim.put("retire", 0);
    host.sim.put("read_beat", 0);
    host.sim.put("pc", 1234);
    host.sim.put("token_data", 99);
    host.pulse("token_valid");
    assert_eq!(host.sim.see("irq"), 0, "the register is seen a cycle later");
    host.ticks(1);
    assert_eq!(host.sim.see("irq"), 1);
    host.write(map::IRQ_STATUS, map::IRQ_TOKEN);
    host.ticks(1);
    assert_eq!(host.sim.see("irq"), 0);
    host.write(map::CTRL, map::CTRL_START);
    assert_eq!(
        host.read(map::STATUS),
        map::STATUS_BUSY,
        "a second start is ignored"
    );
    host.pulse("halted");
    assert_eq!(host.read(map::STATUS), map::STATUS_IDLE | map::STATUS_DONE);
    assert_eq!(host.read(map::IRQ_STATUS), map::IRQ_DONE);
    let want = [
        (map::TOKEN, 99),
        (map::TOKEN_COUNT, 1),
        (map::RETIRED, 30),
        (map::PC, 1234),
        (map::BUSY_PE_LO, 10),
        (map::BUSY_PE_HI, 0),
        (map::BUSY_VEC_LO, 0),
        (map::READ_BEATS_LO, 10),
        (map::FAULT_CAUSE, 0),
    ];
    for (addr, value) in want {
        assert_eq!(host.read(addr), value, "{addr:#x}");
    }
    let cycles = host.read(map::CYCLES_LO);
    assert_eq!(host.read(map::READ_IDLE_LO), cycles - 10);
    assert_eq!(
        host.read(map::CYCLES_LO),
        cycles,
        "idle machines do not count"
    );
    host.start();
    assert_eq!(
        host.read(map::READ_BEATS_LO),
        0,
        "start clears the counters"
    );
    assert_eq!(host.read(map::TOKEN_COUNT), 0);
}

#[test]
fn a_fault_aborts_until_the_guard_has_drained() {
    let mut host = Host::new(3);
    host.write(map::IRQ_ENABLE, map::IRQ_FAULT);
    host.start();
    host.sim.put("drained", 0);
    let fault = [
        ("cause", 6),
        ("unit", 1),
        ("info", 0x12_3456_7890),
        ("pc", 55),
    ];
    for (name, value) in fault {
        host.sim.put(&format!("fault_{name}"), value);
    }
    host.sim.put("fault_valid", 1);
    host.ticks(2);
    assert_eq!(host.sim.see("abort_units"), 1);
    // The collector is reset by the abort.
    host.sim.put("fault_valid", 0);
    host.ticks(50);
    assert_eq!((host.sim.see("abort_units"), host.sim.see("irq")), (1, 1));
    assert_eq!(host.read(map::STATUS), map::STATUS_BUSY | map::STATUS_FAULT);
    host.sim.put("drained", 1);
    host.ticks(2);
    assert_eq!(host.sim.see("abort_units"), 0);
    assert_eq!(host.read(map::STATUS), map::STATUS_IDLE | map::STATUS_FAULT);
    let want = [
        (map::FAULT_CAUSE, 6),
        (map::FAULT_UNIT, 1),
        (map::FAULT_INFO_LO, 0x3456_7890),
        (map::FAULT_INFO_HI, 0x12),
        (map::FAULT_PC, 55),
    ];
    for (addr, value) in want {
        assert_eq!(host.read(addr), value, "{addr:#x}");
    }
    host.start();
    assert_eq!(
        host.read(map::FAULT_CAUSE),
        0,
        "a new start forgets the fault"
    );
    // A memory that never answers: idle, but no start before port_reset.
    host.sim.put("drained", 0);
    host.sim.put("port_stuck", 1);
    host.write(map::CTRL, map::CTRL_CLEAR);
    host.ticks(8);
    let stuck = map::STATUS_IDLE | map::STATUS_PORT_STUCK;
    assert_eq!(host.read(map::STATUS), stuck);
    host.write(map::CTRL, map::CTRL_START);
    assert_eq!(host.read(map::STATUS), stuck);
    host.sim.put("port_stuck", 0);
    host.sim.put("drained", 1);
    host.start();
}

#[test]
fn first_fault_is_kept_in_order_of_priority() {
    let mut sim = simulate(&faults(&MachineParams::tiny()).unwrap());
    let (scratch, align) = (
        u64::from(Cause::ScratchRange.code()),
        u64::from(Cause::Align.code()),
    );
    sim.put("vec_pc", 40);
    sim.put("store_pc", 41);
    sim.put("scratch_fault_port", 1);
    sim.put("scratch_fault_info", 5000);
    sim.put("scratch_fault_valid", 1);
    sim.put("issue_fault_valid", 1);
    sim.put("issue_fault_cause", 1);
    sim.tick().unwrap();
    sim.put("store_fault_valid", 1);
    sim.put("store_fault_cause", align);
    let state = |sim: &Sim| {
        ["valid", "cause", "unit", "info", "pc"].map(|n| sim.see(&format!("fault_{n}")))
    };
    for _ in 0..3 {
        sim.tick().unwrap();
        assert_eq!(state(&sim), [1, scratch, 4, 5000, 40], "the first is kept");
    }
    sim.reset(1).unwrap();
    sim.tick().unwrap();
    sim.tick().unwrap();
    assert_eq!(state(&sim), [1, align, 1, 0, 41], "units before scratchpad");
}
