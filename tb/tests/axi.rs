//! The AXI agents themselves: what they do, and which breaches they see.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use tb::axi::{AxiConfig, AxiMemory, LiteMaster};
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

/// A simulation of a hand-written module whose ports stand one a line.
fn started(top: &str, text: &str) -> Sim {
    let port = |line: &str| {
        let line = line.trim().trim_end_matches(',');
        let input = line.starts_with("input");
        let name = line.rsplit(' ').next()?.to_string();
        let width = match line.split_once('[') {
            Some((_, rest)) => rest.split(':').next()?.parse::<u32>().ok()? + 1,
            None => 1,
        };
        Some(PortSpec { name, width, input })
    };
    let is_port = |l: &&str| l.starts_with("  input ") || l.starts_with("  output ");
    let spec = BuildSpec {
        top: top.into(),
        files: vec![(format!("{top}.v"), text.into())],
        ports: text.lines().filter(is_port).filter_map(port).collect(),
        ..BuildSpec::default()
    };
    let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
    sim.reset(2).unwrap();
    sim
}

#[test]
fn registers_are_written_and_read_under_any_delay() {
    for stalls in [0, 70] {
        let mut sim = started("axi_pair", include_str!("verilog/axi_pair.v"));
        let mut lite = LiteMaster::new(&sim, "s_axil", stalls, 9).unwrap();
        for k in 0..16 {
            lite.write(4 * k, 0x1111 * k + 5);
        }
        for k in (0..16).rev() {
            lite.read(4 * k);
        }
        lite.read(0x40);
        lite.write(0x80, 1);
        for _ in 0..2000 {
            lite.drive(&mut sim);
            sim.tick().unwrap();
            lite.sample(&sim);
        }
        assert!(lite.idle());
        for k in 0..16 {
            let r = lite.response().unwrap();
            assert_eq!((r.addr, r.resp, r.write), (4 * k, 0, true));
        }
        for k in (0..16).rev() {
            let r = lite.response().unwrap();
            assert_eq!(
                (r.addr, r.data, r.resp, r.write),
                (4 * k, 0x1111 * k + 5, 0, false)
            );
        }
        assert_eq!(lite.response().unwrap().resp, 2);
        assert_eq!(lite.response().unwrap().resp, 2);
    }
}

/// Address word of `axi_wires`: a 4-byte wide burst.
fn address(addr: u64, beats: u64, size: u64, incr: u64) -> u64 {
    1 << 56 | addr << 19 | (beats - 1) << 11 | size << 8 | incr << 7
}

/// What stands on AR, AW and W in one cycle.
type Words = (u64, u64, u64);

/// What the memory says when these words are put on AR, AW and W, one cycle each.
fn breach(cycles: &[Words], never_ready: bool) -> Option<String> {
    let mut sim = started("axi_wires", include_str!("verilog/axi_wires.v"));
    let config = AxiConfig {
        max_burst: 16,
        outstanding: if never_ready { 0 } else { 8 },
        ..AxiConfig::default()
    };
    let mut memory = AxiMemory::new(&sim, "m", config, vec![0; 8192]).unwrap();
    let ports = ["ar", "aw", "w"].map(|p| sim.port(p).unwrap());
    for &(ar, aw, w) in cycles.iter().chain(&[(0, 0, 0); 30]) {
        for (port, value) in ports.iter().zip([ar, aw, w]) {
            sim.set(*port, value);
        }
        memory.drive(&mut sim);
        sim.tick().unwrap();
        memory.sample(&sim);
    }
    memory.check().err().map(|e| e.to_string())
}

#[test]
fn breaches_of_the_protocol_are_seen() {
    let good = address(0xff0, 4, 2, 1);
    assert_eq!(breach(&[(good, 0, 0)], false), None);
    let (first, last) = (1 << 37 | 0xf << 32, 1 << 37 | 1 << 36 | 0xf << 32);
    let two = address(0x100, 2, 2, 1);
    assert_eq!(breach(&[(0, two, first), (0, 0, last)], false), None);
    // Data may come before its address.
    assert_eq!(
        breach(&[(0, 0, first), (0, 0, last), (0, two, 0)], false),
        None
    );
    let cases: [(&[Words], bool, &str); 9] = [
        (&[(address(0xff4, 4, 2, 1), 0, 0)], false, "crosses 4 KB"),
        (
            &[(address(0x0, 17, 2, 1), 0, 0)],
            false,
            "longer than agreed",
        ),
        (
            &[(address(0x0, 1, 1, 1), 0, 0)],
            false,
            "size is not the bus width",
        ),
        (&[(address(0x2, 1, 2, 1), 0, 0)], false, "not aligned"),
        (&[(0, address(0x0, 1, 2, 0), 0)], false, "not INCR"),
        (&[(0, two, first), (0, 0, first)], false, "WLAST is 0"),
        (&[(0, two, last)], false, "WLAST is 1"),
        (&[(good, 0, 0)], true, "AR: valid fell"),
        (
            &[(0, good, 0), (0, two, 0)],
            true,
            "AW: the payload changed",
        ),
    ];
    for (cycles, never_ready, says) in cases {
        let text = breach(cycles, never_ready).unwrap_or_default();
        assert!(text.contains(says), "{says}: {text}");
    }
}
