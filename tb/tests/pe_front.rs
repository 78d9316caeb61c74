//! What stands before the array, in Verilator, and what it costs.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use hw::pe::front::{FrontParams, golden, pe_front};
use hw::rtl::{Design, Module, PortDir};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};
use tb::stream::{Beat, Sink, Source};
use tb::yosys::{Cells, Options, Target, synth_with};

fn files(top: &Arc<Module>) -> Vec<(String, String)> {
    let files = Design::new(top).unwrap().emit("").into_iter();
    files.map(|f| (f.name, f.text)).collect()
}

/// The unit under a top whose ports are no words of C++, which Verilator would warn of.
fn renamed(p: &FrontParams) -> Arc<Module> {
    let unit = pe_front(p).unwrap();
    let mut m = Module::new("front_top");
    let clk = m.clock_reset("clk", "rst");
    let ports = unit
        .ports
        .iter()
        .filter(|p| !["clk", "rst"].contains(&p.name.as_str()));
    let nets: Vec<_> = ports
        .map(|port| {
            let name = match port.name.as_str() {
                "short" => "ended_early",
                name => name,
            };
            let net = match port.dir {
                PortDir::Input => m.input(name, port.ty, ""),
                PortDir::Output => m.output(name, port.ty, ""),
            };
            (port.name.as_str(), net)
        })
        .collect();
    let nets: Vec<_> = nets.iter().map(|(name, net)| (*name, net)).collect();
    m.instance("u_front", &unit, &clk, &nets);
    m.finish().unwrap()
}

/// Every warning of Verilator is an error.
fn simulation(top: &Arc<Module>) -> Sim {
    let ports = top.ports.iter().map(|p| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    });
    let spec = BuildSpec {
        top: top.name.clone(),
        files: files(top),
        ports: ports.collect(),
        ..BuildSpec::default()
    };
    let model = Model::build(&spec).unwrap_or_else(|e| panic!("{e}"));
    Sim::new(&model).unwrap()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |w: &[u8]| w.iter().rev().fold(0, |v, &x| v << 8 | u32::from(x));
    bytes.chunks(4).map(word).collect()
}

/// Mixed packets with stalls; the last one is short.
#[test]
fn packets_in_verilator() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for (bus_bits, max_column_beats, stalls) in [(32, 3, 0), (64, 16, 40), (256, 4, 25)] {
        let p = FrontParams {
            bus_bits,
            max_beats: 24,
            max_column_beats,
        };
        let m = p.lanes() as usize;
        let mut sim = simulation(&renamed(&p));
        sim.set(sim.port("start").unwrap(), 0);
        sim.reset(2).unwrap();
        let mut source = Source::new(&sim, "w", stalls, 2).unwrap();
        let mut sink = Sink::new(&sim, "out", stalls, 3).unwrap();
        let port = |sim: &Sim, name: &str| sim.port(name).unwrap();
        let [start, taken, short] = ["start", "taken", "ended_early"].map(|name| port(&sim, name));

        const PACKETS: usize = 12;
        let (mut got, mut want) = (Vec::new(), Vec::new());
        for packet in 0..=PACKETS {
            let axpy: bool = rng.random();
            let most = if axpy { max_column_beats } else { p.max_beats };
            let beats = rng.random_range(1..=most as usize);
            let n = rng.random_range(2..=3 * m);
            let there = match packet {
                PACKETS => rng.random_range(1..n * beats),
                _ => n * beats + rng.random_range(0..3),
            };
            let bytes: Vec<u8> = (0..there * m).map(|_| rng.random()).collect();
            for (i, beat) in bytes.chunks(m).enumerate() {
                source.push(Beat::wide(words(beat)).with_last(i + 1 == there));
            }
            for (name, value) in [("axpy", axpy.into()), ("n", n), ("beats", beats)] {
                sim.set(port(&sim, name), value as u64);
            }
            sim.set(start, 1);
            for cycle in 0.. {
                assert!(cycle < 100_000, "packet {packet} hangs");
                source.drive(&mut sim);
                sink.drive(&mut sim);
                sim.tick().unwrap_or_else(|e| panic!("{e}"));
                source.sample(&sim);
                sink.sample(&sim).unwrap_or_else(|e| panic!("{e}"));
                sim.set(start, 0);
                // In the start's own cycle `taken` is still that of the packet before.
                if cycle > 0 && sim.get(taken) + sim.get(short) > 0 {
                    break;
                }
            }
            assert_eq!(source.waiting(), 0);
            got.extend(sink.take());
            if let Some(vector) = golden::cut(there, beats, n) {
                assert_eq!(sim.get(short), 1);
                assert_eq!(sim.get(port(&sim, "short_vector")), vector as u64);
                break;
            }
            want.extend(match axpy {
                true => golden::columns(&bytes, m, beats, n),
                false => golden::plain(&bytes, m, beats, n),
            });
            if packet + 1 == PACKETS {
                for _ in 0..20 * want.len() {
                    sink.drive(&mut sim);
                    sim.tick().unwrap();
                    sink.sample(&sim).unwrap_or_else(|e| panic!("{e}"));
                }
                got.extend(sink.take());
                assert_eq!(got.len(), want.len(), "{p:?}");
            }
        }
        for (at, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.data, words(want), "{p:?}, beat {at}");
        }
    }
}

fn cells(p: &FrontParams, target: Target) -> Cells {
    let top = pe_front(p).unwrap();
    let options = Options {
        flatten: true,
        levels: true,
        ..Options::default()
    };
    let report = synth_with(&files(&top), &top.name, target, options);
    let t = report.unwrap_or_else(|e| panic!("{e}")).total;
    println!("{p:?} {target:?}: {t:?}");
    t
}

/// Two exchanges of four levels, two levels a look-up table, and beats held in look-up tables; registers behind the
/// exchanges; a block RAM for each byte.
#[test]
fn cost() {
    let p = FrontParams {
        bus_bits: 128,
        max_beats: 16,
        max_column_beats: 8,
    };
    let t = cells(&p, Target::Xcup);
    assert_eq!(t.bram, 16);
    assert!(
        t.lut_packed <= 4 * 128 + 180 && t.ff <= 2 * 128 + 140,
        "{t:?}"
    );
    // 32 bits of the count of vectors: eight carry cells.
    assert!(t.levels <= Some(10), "{t:?}");
}
