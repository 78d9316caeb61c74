//! The scratchpad against a model of its words, with traffic on every port.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::VecDeque;

use hw::params::MachineParams;
use hw::rtl::{Design, Module, PortDir};
use hw::scratchpad::{READ_PORTS, ScratchpadParams, WRITE_PORTS, scratchpad, vector_reader};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortId, PortSpec, Sim};
use tb::yosys::{Target, synth};

fn files(top: &std::sync::Arc<Module>) -> Vec<(String, String)> {
    let emitted = Design::new(top).unwrap().emit("");
    emitted.into_iter().map(|f| (f.name, f.text)).collect()
}

fn started(top: &std::sync::Arc<Module>) -> Sim {
    let port = |p: &hw::rtl::Port| PortSpec {
        name: p.name.clone(),
        width: p.ty.width,
        input: p.dir == PortDir::Input,
    };
    let spec = BuildSpec {
        top: top.name.clone(),
        files: files(top),
        ports: top.ports.iter().map(port).collect(),
        ..BuildSpec::default()
    };
    let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
    sim.reset(2).unwrap();
    sim
}

const WORDS: u32 = 64;
const BANKS: u32 = 4;

fn small() -> ScratchpadParams {
    ScratchpadParams {
        words: WORDS,
        banks: BANKS,
        ..ScratchpadParams::from(&MachineParams::tiny())
    }
}

struct Port {
    valid: PortId,
    ready: PortId,
    addr: PortId,
    data: PortId,
    rsp_valid: Option<PortId>,
    /// The access on offer.
    offer: Option<(u32, [u32; 4])>,
    /// Answers to come: cycle and word.
    due: VecDeque<(u64, [u32; 4])>,
}

fn read_port(sim: &Sim, name: &str) -> Port {
    let port = |s: &str| sim.port(&format!("{name}_{s}")).unwrap();
    Port {
        valid: port("req_valid"),
        ready: port("req_ready"),
        addr: port("req_addr"),
        data: port("rsp_data"),
        rsp_valid: Some(port("rsp_valid")),
        offer: None,
        due: VecDeque::new(),
    }
}

fn write_port(sim: &Sim, name: &str) -> Port {
    let port = |s: &str| sim.port(&format!("{name}_{s}")).unwrap();
    Port {
        valid: port("valid"),
        ready: port("ready"),
        addr: port("addr"),
        data: port("data"),
        rsp_valid: None,
        offer: None,
        due: VecDeque::new(),
    }
}

/// In each bank exactly the first port that wants it is granted.
fn check_grants(sim: &Sim, ports: &[Port], cycle: u64) {
    let mut taken = [false; BANKS as usize];
    for (i, port) in ports.iter().enumerate() {
        if let Some((addr, _)) = port.offer {
            let bank = &mut taken[(addr % BANKS) as usize];
            let granted = sim.get(port.ready) == 1;
            assert_eq!(granted, !*bank, "cycle {cycle}, port {i}");
            *bank = true;
        }
    }
}

#[test]
fn every_port_sees_one_memory_under_random_traffic() {
    let mut sim = started(&scratchpad(&small()).unwrap());
    let mut reads = READ_PORTS.map(|n| read_port(&sim, n));
    let mut writes = WRITE_PORTS.map(|n| write_port(&sim, n));
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut model: Vec<Option<[u32; 4]>> = vec![None; WORDS as usize];
    let mut compared = 0;
    for cycle in 0..6000u64 {
        // Phases of light, full and clustered traffic; reads only of words that were written.
        let (busy, span) = [(20, WORDS), (100, WORDS), (90, 5)][cycle as usize / 500 % 3];
        for port in &mut writes {
            if port.offer.is_none() && rng.random_range(0..100) < busy {
                port.offer = Some((rng.random_range(0..span), rng.random()));
            }
        }
        for port in &mut reads {
            let addr = rng.random_range(0..span);
            if port.offer.is_none()
                && rng.random_range(0..100) < busy
                && model[addr as usize].is_some()
            {
                port.offer = Some((addr, [0; 4]));
            }
        }
        for port in reads.iter().chain(&writes) {
            sim.set(port.valid, u64::from(port.offer.is_some()));
            let (addr, data) = port.offer.unwrap_or((rng.random(), rng.random()));
            sim.set(port.addr, addr.into());
            sim.set_wide(port.data, &data);
        }
        sim.tick().unwrap();
        check_grants(&sim, &reads, cycle);
        check_grants(&sim, &writes, cycle);
        for port in &mut reads {
            let answered = port.rsp_valid.is_some_and(|p| sim.get(p) == 1);
            let due = port.due.front().is_some_and(|d| d.0 == cycle);
            assert_eq!(
                answered, due,
                "an answer comes exactly two cycles after its grant"
            );
            if let Some((_, word)) = port.due.pop_front_if(|d| d.0 == cycle) {
                assert_eq!(sim.get_wide(port.data), word, "cycle {cycle}");
                compared += 1;
            }
            if let Some((addr, _)) = port.offer.filter(|_| sim.get(port.ready) == 1) {
                port.offer = None;
                port.due
                    .push_back((cycle + 2, model[addr as usize].unwrap()));
            }
        }
        for port in &mut writes {
            if let Some((addr, word)) = port.offer.filter(|_| sim.get(port.ready) == 1) {
                port.offer = None;
                model[addr as usize] = Some(word);
            }
        }
    }
    assert!(compared > 5000, "{compared}");
    assert_eq!(sim.get(sim.port("fault_valid").unwrap()), 0);
}

#[test]
fn an_access_past_the_end_is_a_fault_reads_zero_and_writes_nothing() {
    let mut sim = started(&scratchpad(&small()).unwrap());
    let port = |sim: &Sim, name: &str| sim.port(name).unwrap();
    let fault = |sim: &Sim| {
        let get = |n: &str| sim.get(sim.port(n).unwrap());
        (get("fault_valid"), get("fault_port"), get("fault_info"))
    };
    let (valid, addr, data) = (
        port(&sim, "pe_valid"),
        port(&sim, "pe_addr"),
        port(&sim, "pe_data"),
    );
    for (at, word) in [(0u32, [5; 4]), (WORDS, [6; 4])] {
        sim.set(valid, 1);
        sim.set(addr, at.into());
        sim.set_wide(data, &word);
        sim.tick().unwrap();
        assert_eq!(sim.get(port(&sim, "pe_ready")), 1);
        sim.set(valid, 0);
    }
    sim.eval().unwrap();
    let pe_write = READ_PORTS.len() as u64 + 2;
    assert_eq!(fault(&sim), (1, pe_write, WORDS.into()));

    // Word 0 was not written by its neighbour a whole scratchpad further; a read past the end gives 0.
    for (at, word) in [(0, [5; 4]), (0xffff_ff00, [0u32; 4])] {
        sim.set(port(&sim, "store_req_valid"), 1);
        sim.set(port(&sim, "store_req_addr"), at);
        sim.tick().unwrap();
        sim.set(port(&sim, "store_req_valid"), 0);
        sim.tick().unwrap();
        sim.tick().unwrap();
        assert_eq!(sim.get(port(&sim, "store_rsp_valid")), 1);
        assert_eq!(sim.get_wide(port(&sim, "store_rsp_data")), word);
    }
    assert_eq!(
        fault(&sim),
        (1, pe_write, WORDS.into()),
        "the first fault is kept"
    );
    sim.reset(1).unwrap();
    assert_eq!(fault(&sim).0, 0);
}

#[test]
fn banks_become_block_memory_and_the_reader_none() {
    let pad = scratchpad(&ScratchpadParams::from(&MachineParams::tiny())).unwrap();
    // 2048 words of 128 bits are 4 banks of 512 x 128: on both families two or more blocks a bank, nothing in tables.
    for (target, most) in [(Target::Xcup, 16), (Target::Ecp5, 16)] {
        let report = synth(&files(&pad), "scratchpad", target, false).unwrap();
        let total = &report.total;
        assert!(
            (8..=most).contains(&total.bram),
            "{target:?}: {} blocks",
            total.bram
        );
        assert_eq!(total.lutram, 0, "{target:?}");
        println!(
            "{target:?}: {} LUT, {} FF, {} blocks",
            total.lut, total.ff, total.bram
        );
    }
    let reader = vector_reader(128).unwrap();
    let report = synth(&files(&reader), &reader.name, Target::Xcup, true).unwrap();
    assert_eq!(report.total.bram, 0);
    assert!(report.total.lutram > 0);
}
