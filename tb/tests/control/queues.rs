//! All queues and the token counters together, under random timing of dispatch and units.

use std::collections::VecDeque;
use std::sync::Arc;

use hw::control::queue::{PLACES, token_queue, tokens, watchdog};
use hw::control::{DISPATCH_BITS, OP_BITS};
use hw::isa::Unit;
use hw::params::MachineParams;
use hw::rtl::{Expr, Module, uint};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{ByName, simulate};

const UNITS: usize = Unit::COUNT;

/// The six queues with their tokens, as the top connects them.
fn queues() -> Arc<Module> {
    let p = MachineParams::tiny();
    let mut m = Module::new("queues").doc("All queues and tokens.");
    let clk = m.clock_reset("clk", "rst");
    let mut wires: Vec<(String, Expr)> = Vec::new();
    for u in Unit::ALL {
        for (port, width) in [("wait", 6), ("take", 1), ("release", 6), ("give", 1)] {
            let name = format!("{u}_{port}");
            let wire = m.wire_decl(&format!("w_{name}"), uint(width));
            wires.push((name, wire));
        }
    }
    let inputs: Vec<(&str, &Expr)> = wires.iter().map(|(n, w)| (n.as_str(), w)).collect();
    let t = m.instance("u_tokens", &tokens().unwrap(), &clk, &inputs);
    let queue = token_queue(&p).unwrap();
    for u in Unit::ALL {
        let input = m.sink(&format!("{u}_in"), uint(DISPATCH_BITS), "");
        let op = m.source(&format!("{u}_op"), uint(OP_BITS), "");
        let done = m.input(&format!("{u}_done"), uint(1), "");
        let (ready, space) = (t.get(&format!("{u}_ready")), t.get(&format!("{u}_space")));
        let q = m.instance(
            &format!("u_queue_{u}"),
            &queue,
            &clk,
            &[
                ("in_valid", &input.valid),
                ("in_data", &input.data),
                ("op_ready", &op.ready),
                ("done", &done),
                ("tokens_ready", &ready),
                ("tokens_space", &space),
            ],
        );
        m.assign(&input.ready, q.get("in_ready"));
        m.assign(&op.valid, q.get("op_valid"));
        m.assign(&op.data, q.get("op_data"));
        let outs = [
            ("wait", "wait_mask"),
            ("take", "take"),
            ("release", "release_mask"),
            ("give", "give"),
        ];
        for (name, port) in outs {
            let wire = wires.iter().find(|(n, _)| *n == format!("{u}_{name}"));
            m.assign(&wire.unwrap().1, q.get(port));
        }
        for port in [
            "busy",
            "stalled",
            "idle",
            "pc",
            "pc_newest",
            "retire",
            "retire_pc",
        ] {
            let value = q.get(port);
            let out = m.output(&format!("{u}_q_{port}"), value.ty(), "");
            m.assign(&out, value);
        }
    }
    m.finish().unwrap()
}

#[derive(Clone, Copy)]
struct Item {
    unit: usize,
    needs: u8,
    gives: u8,
}

/// A program that can run in order with bounded counters; then it can not deadlock in queues.
fn program(rng: &mut ChaCha8Rng, length: usize) -> Vec<Item> {
    let mut count = [[0u64; UNITS]; UNITS];
    (0..length)
        .map(|_| {
            let unit = rng.random_range(0..UNITS);
            let mut item = Item {
                unit,
                needs: 0,
                gives: 0,
            };
            for v in 0..UNITS {
                if count[v][unit] > 0 && rng.random_range(0..10) < 4 {
                    count[v][unit] -= 1;
                    item.needs |= 1 << v;
                }
            }
            for v in 0..UNITS {
                if count[unit][v] < PLACES && rng.random_range(0..10) < 4 {
                    count[unit][v] += 1;
                    item.gives |= 1 << v;
                }
            }
            item
        })
        .collect()
}

fn run(seed: u64, unit_ready: u32, latency: u32) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let program = program(&mut rng, 1500);
    let mut sim = simulate(&queues());
    let mut next = 0;
    let mut offered = false;
    let mut count = [[0i64; UNITS]; UNITS];
    let mut waiting: [VecDeque<usize>; UNITS] = Default::default();
    let mut running: [VecDeque<(usize, u32)>; UNITS] = Default::default();
    let mut unretired: [VecDeque<usize>; UNITS] = Default::default();
    let mut retired = 0;
    let mut full = 0;
    while retired < program.len() {
        assert!(
            sim.cycle() < 200_000,
            "seed {seed}: {retired} of {} retired",
            program.len()
        );
        for (u, unit) in Unit::ALL.iter().enumerate() {
            sim.put(&format!("{unit}_in_valid"), 0);
            sim.put(
                &format!("{unit}_op_ready"),
                u64::from(rng.random_range(0..100) < unit_ready),
            );
            let done = running[u].front().is_some_and(|r| r.1 == 0);
            sim.put(&format!("{unit}_done"), done.into());
            if done {
                running[u].pop_front();
            }
            for r in &mut running[u] {
                r.1 = r.1.saturating_sub(1);
            }
        }
        let item = program.get(next);
        offered = item.is_some() && (offered || rng.random_range(0..4) > 0);
        if let (true, Some(i)) = (offered, item) {
            let unit = Unit::ALL[i.unit];
            let mut words = vec![0u32; 9];
            words[0] = (next as u32) << 16;
            words[7] = !(next as u32);
            words[8] = u32::from(i.needs) | u32::from(i.gives) << 6;
            let port = sim.port(&format!("{unit}_in_data")).unwrap();
            sim.set_wide(port, &words);
            sim.put(&format!("{unit}_in_valid"), 1);
        }
        sim.tick().unwrap();
        for (u, unit) in Unit::ALL.iter().enumerate() {
            let see = |port: &str| sim.see(&format!("{unit}_{port}"));
            let nothing = waiting[u].is_empty() && unretired[u].is_empty();
            assert_eq!(see("q_idle"), u64::from(nothing));
            assert_eq!(see("q_busy"), u64::from(!unretired[u].is_empty()));
            let oldest = unretired[u].front().or(waiting[u].front());
            assert_eq!(see("q_pc"), oldest.map_or(0, |&i| i as u64));
            let blocked = waiting[u].front().is_some_and(|&i| {
                (0..UNITS).any(|v| program[i].needs >> v & 1 == 1 && count[v][u] == 0)
            });
            assert_eq!(see("q_stalled"), u64::from(blocked));
            if see("op_valid") & see("op_ready") == 1 {
                let i = waiting[u]
                    .pop_front()
                    .expect("an instruction that was dispatched");
                let data = sim
                    .get_wide(sim.port(&format!("{unit}_op_data")).unwrap())
                    .to_vec();
                assert_eq!((data[0] >> 16, data[7]), (i as u32, !(i as u32)));
                for (v, count) in count.iter_mut().enumerate() {
                    let need = i64::from(program[i].needs >> v & 1);
                    count[u] -= need;
                    assert!(
                        count[u] >= 0,
                        "seed {seed}: {unit} started {i} without a token of {v}"
                    );
                }
                running[u].push_back((i, rng.random_range(0..=latency)));
                unretired[u].push_back(i);
            }
        }
        // Tokens given in this cycle count from the next.
        for (u, unit) in Unit::ALL.iter().enumerate() {
            if sim.see(&format!("{unit}_q_retire")) == 1 {
                let i = unretired[u].pop_front().expect("an instruction in flight");
                assert_eq!(sim.see(&format!("{unit}_q_retire_pc")), i as u64);
                let done = running[u].front().is_none_or(|r| r.0 > i);
                assert!(done, "seed {seed}: {unit} retired {i} before it was done");
                for (v, count) in count[u].iter_mut().enumerate() {
                    *count += i64::from(program[i].gives >> v & 1);
                    assert!(*count <= PLACES as i64);
                    full += u64::from(*count == PLACES as i64);
                }
                retired += 1;
            }
        }
        if let (true, Some(i)) = (offered, item)
            && sim.see(&format!("{}_in_ready", Unit::ALL[i.unit])) == 1
        {
            waiting[i.unit].push_back(next);
            next += 1;
            offered = false;
        }
    }
    full
}

#[test]
fn nothing_starts_early_and_no_token_is_lost() {
    let mut full = 0;
    for (seed, ready, latency) in [(1, 100, 0), (2, 50, 3), (3, 20, 30), (4, 90, 12)] {
        full += run(seed, ready, latency);
    }
    assert!(full > 0, "no counter was ever full");
}

#[test]
fn watchdog_names_the_stuck_unit() {
    let p = MachineParams {
        watchdog: 20,
        ..MachineParams::tiny()
    };
    let mut sim = simulate(&watchdog(&p).unwrap());
    for (busy, idle, unit, pc) in [
        (0b10100, 0b01011, 2, 102),
        (0, 0b011111, 5, 105),
        (0, 0b111111, 6, 77),
    ] {
        sim.reset(1).unwrap();
        for (u, unit) in Unit::ALL.iter().enumerate() {
            sim.put(&format!("{unit}_pc"), 100 + u as u64);
        }
        sim.put("issue_pc", 77);
        sim.put("busy", busy);
        sim.put("idle", idle);
        sim.put("running", 1);
        for cycle in 0..60 {
            // Progress just in time keeps it quiet.
            sim.put("progress", u64::from(cycle == 15));
            sim.tick().unwrap();
            assert_eq!(
                sim.see("fault_valid"),
                u64::from(cycle > 15 + 21),
                "cycle {cycle}"
            );
        }
        assert_eq!((sim.see("fault_unit"), sim.see("fault_pc")), (unit, pc));
        sim.put("running", 0);
    }
}
