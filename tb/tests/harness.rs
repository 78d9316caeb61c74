//! What test benches rely on in the simulation harness, shown on a small FIFO written by hand.

#![allow(clippy::unwrap_used)]

use tb::sim::{BuildSpec, Model, Peek, PortSpec, Sim, SimError};
use tb::stream::{Beat, Bench, StreamError};
use tb::yosys::{Options, Target, YosysError, synth, synth_with};

const FIFO: &str = include_str!("verilog/wide_fifo.v");
const STORE: &str = include_str!("verilog/fifo_store.v");

fn fifo() -> BuildSpec {
    let peek = |name: &str, instance: &str, module: &str, var: &str| Peek {
        name: name.into(),
        instance: instance.into(),
        module: module.into(),
        var: var.into(),
    };
    BuildSpec {
        top: "wide_fifo".into(),
        files: vec![
            ("wide_fifo.v".into(), FIFO.into()),
            ("fifo_store.v".into(), STORE.into()),
        ],
        ports: vec![
            PortSpec::input("clk", 1),
            PortSpec::input("rst", 1),
            PortSpec::input("in_valid", 1),
            PortSpec::output("in_ready", 1),
            PortSpec::input("in_data", 100),
            PortSpec::input("in_last", 1),
            PortSpec::output("out_valid", 1),
            PortSpec::input("out_ready", 1),
            PortSpec::output("out_data", 100),
            PortSpec::output("out_last", 1),
            PortSpec::output("level", 3),
        ],
        trace: true,
        peeks: vec![
            peek("mem", "u_store", "fifo_store", "mem"),
            peek("head", "", "wide_fifo", "head"),
        ],
        ..BuildSpec::default()
    }
}

fn started() -> Result<Sim, SimError> {
    let mut sim = Sim::new(&Model::build(&fifo())?)?;
    sim.reset(2)?;
    Ok(sim)
}

#[test]
fn outputs_are_those_of_before_the_edge() {
    let mut sim = started().unwrap();
    let (valid, data) = (sim.port("in_valid").unwrap(), sim.port("in_data").unwrap());
    let (level, out) = (sim.port("level").unwrap(), sim.port("out_data").unwrap());
    sim.set(valid, 1);
    sim.set_wide(data, &[1, 2, 3, 0xffff_fff4]);
    assert_eq!(
        sim.get_wide(data),
        [1, 2, 3, 4],
        "bits above the width are dropped"
    );
    sim.tick().unwrap();
    assert_eq!(
        sim.get(level),
        0,
        "the push is not yet seen by an observer of its own edge"
    );
    sim.set(valid, 0);
    sim.eval().unwrap();
    assert_eq!(sim.get(level), 1);
    assert_eq!(sim.get_wide(out), [1, 2, 3, 4]);
    sim.edge().unwrap();
    assert_eq!((sim.get(level), sim.cycle()), (1, 4));
}

#[test]
fn memories_and_registers_inside_can_be_read() {
    let mut sim = started().unwrap();
    let (valid, data) = (sim.port("in_valid").unwrap(), sim.port("in_data").unwrap());
    let (mem, head) = (sim.peek_id("mem").unwrap(), sim.peek_id("head").unwrap());
    assert_eq!(
        (mem.width(), mem.depth(), head.width(), head.depth()),
        (101, 4, 3, 0)
    );
    for i in 0..3 {
        sim.set(valid, 1);
        sim.set_wide(data, &[10 + i, 0, 0, i]);
        sim.tick().unwrap();
    }
    assert_eq!(sim.peek(head, 0).unwrap(), [3]);
    assert_eq!(sim.peek(mem, 2).unwrap(), [12, 0, 0, 2]);
    assert!(matches!(sim.peek(mem, 4), Err(SimError::Peek { .. })));
    assert!(matches!(
        sim.peek_id("nothing"),
        Err(SimError::Unknown { .. })
    ));
}

#[test]
fn simulations_are_independent_and_their_start_values_depend_on_the_seed() {
    let model = Model::build(&fifo()).unwrap();
    let start = |seed| {
        let sim = Sim::with_seed(&model, seed).unwrap();
        let mem = sim.peek_id("mem").unwrap();
        (0..4)
            .map(|i| sim.peek(mem, i).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(start(1), start(1));
    assert_ne!(start(1), start(2));
}

#[test]
fn traces_are_written_only_when_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo.fst");
    let mut sim = started().unwrap();
    let ready = sim.port("out_ready").unwrap();
    for round in 0..2 {
        sim.trace_start(&path).unwrap();
        assert!(matches!(
            sim.trace_start(&path),
            Err(SimError::Trace { .. })
        ));
        for i in 0..100u64 {
            sim.set(ready, i & 1);
            sim.tick().unwrap();
            assert!(round > 0 || !path.exists());
        }
        sim.trace_stop().unwrap();
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }
    let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let mut reader = fst_reader::FstReader::open(file).unwrap();
    let mut ready_signal = None;
    reader
        .read_hierarchy(|entry| {
            if let fst_reader::FstHierarchyEntry::Var { name, handle, .. } = entry
                && name == "out_ready"
            {
                ready_signal = Some(handle);
            }
        })
        .unwrap();
    let mut values = Vec::new();
    let filter = fst_reader::FstFilter::filter_signals(vec![ready_signal.unwrap()]);
    reader
        .read_signals(&filter, |time, _, value| {
            if let fst_reader::FstSignalValue::String(bits) = value {
                values.push((time, bits.to_vec()));
            }
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap();
    assert_eq!(
        values.remove(0),
        (0, b"x".to_vec()),
        "unknown before the window"
    );
    assert_eq!(
        values.len(),
        100,
        "the second window alone, one change a cycle"
    );
    assert_eq!(values[1].0 - values[0].0, 10, "a cycle takes 10 ns");
    assert_eq!((&values[0].1[..], &values[1].1[..]), (&b"0"[..], &b"1"[..]));
}

#[test]
fn warnings_are_errors_with_verilators_words() {
    let mut spec = fifo();
    spec.files[0].1 = FIFO.replace("wire [2:0]   level", "wire [3:0]   level");
    let text = Model::build(&spec).unwrap_err().to_string();
    assert!(
        text.contains("WIDTHEXPAND") && text.contains("wide_fifo.v"),
        "{text}"
    );
    let files = fifo().files;
    tb::sim::lint("wide_fifo", &files).unwrap();
    assert!(matches!(
        tb::sim::lint("wide_fifo", &files[..1]),
        Err(SimError::Lint { .. })
    ));
}

#[test]
fn a_failing_assertion_names_cycle_and_line() {
    let text = "module stops (input wire clk, input wire bad);\n\
                always @(posedge clk) if (bad) begin $error(\"bad input\"); end\nendmodule\n";
    let spec = BuildSpec {
        top: "stops".into(),
        files: vec![("stops.v".into(), text.into())],
        ports: vec![PortSpec::input("clk", 1), PortSpec::input("bad", 1)],
        ..BuildSpec::default()
    };
    let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
    let bad = sim.port("bad").unwrap();
    for _ in 0..3 {
        sim.tick().unwrap();
    }
    sim.set(bad, 1);
    let text = sim.tick().unwrap_err().to_string();
    assert!(
        text.contains("cycle 4") && text.contains("stops.v:2"),
        "{text}"
    );
    assert!(text.contains("bad input"), "{text}");
    assert!(
        sim.port("clk").is_err(),
        "the clock is driven by the harness"
    );
}

#[test]
fn streams_keep_order_and_content_under_random_stalls() {
    for seed in [1, 2, 3] {
        let mut bench = Bench::new(started().unwrap());
        let input = bench.source("in", 30, seed).unwrap();
        let output = bench.sink("out", 60, seed + 100).unwrap();
        let sent: Vec<Beat> = (0..50)
            .map(|i| Beat::wide([i, !i, i * 7, i % 16]).with_last(i % 5 == 4))
            .collect();
        sent.iter().for_each(|beat| bench.send(input, beat.clone()));
        assert_eq!(
            bench.collect(output, 50, 1000).unwrap(),
            sent,
            "seed {seed}"
        );
        assert_eq!(bench.waiting(input), 0);
    }
}

#[test]
fn a_bench_that_waits_in_vain_says_what_it_has() {
    let mut bench = Bench::new(started().unwrap());
    let input = bench.source("in", 0, 1).unwrap();
    let output = bench.sink("out", 0, 1).unwrap();
    bench.send(input, Beat::new(7));
    let text = bench.collect(output, 2, 20).unwrap_err().to_string();
    assert!(text.contains("cycle 22: gave up after 20 cycles"), "{text}");
    assert!(
        text.contains("2 beats of out") && text.contains("out received 1"),
        "{text}"
    );
    assert!(matches!(
        bench.source("out", 0, 1),
        Err(StreamError::Port { .. })
    ));
    assert!(matches!(
        bench.source("nothing", 0, 1),
        Err(StreamError::Sim(_))
    ));
}

/// A stream that withdraws its offer every fourth cycle.
#[test]
fn a_withdrawn_beat_is_a_protocol_error() {
    let text = "module rude (input wire clk, input wire rst, output wire out_valid,\n\
                input wire out_ready, output wire [7:0] out_data);\n\
                reg [7:0] n;\nassign out_valid = n[1:0] != 2'd3;\nassign out_data = 8'd5;\n\
                always @(posedge clk) n <= (rst || out_ready) ? 8'd0 : n + 8'd1;\nendmodule\n";
    let spec = BuildSpec {
        top: "rude".into(),
        files: vec![("rude.v".into(), text.into())],
        ports: vec![
            PortSpec::input("clk", 1),
            PortSpec::input("rst", 1),
            PortSpec::output("out_valid", 1),
            PortSpec::input("out_ready", 1),
            PortSpec::output("out_data", 8),
        ],
        ..BuildSpec::default()
    };
    let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
    sim.reset(1).unwrap();
    let mut bench = Bench::new(sim);
    bench.sink("out", 100, 1).unwrap();
    let text = bench.run(10).unwrap_err().to_string();
    assert!(text.contains("cycle 5: stream out: valid fell"), "{text}");
}

fn mul_ram() -> Vec<(String, String)> {
    vec![
        ("mul_ram.v".into(), include_str!("verilog/mul_ram.v").into()),
        (
            "mul_part.v".into(),
            include_str!("verilog/mul_part.v").into(),
        ),
    ]
}

#[test]
fn synthesis_infers_multipliers_and_block_memory() {
    for (target, bram) in [(Target::Ecp5, 2), (Target::Xcup, 2), (Target::Generic, 1)] {
        let report = synth(&mul_ram(), "mul_ram", target, false).unwrap();
        let total = &report.total;
        assert_eq!((total.dsp, total.bram), (2, bram), "{report:?}");
        assert!(total.ff > 0 && total.lutram == 0, "{report:?}");
        let part = &report.modules["mul_part"];
        assert_eq!((part.dsp, part.bram), (1, 0), "{report:?}");
        assert!(
            total.raw.keys().all(|kind| kind != "mul_part"),
            "{report:?}"
        );
        let options = Options {
            flatten: true,
            levels: true,
            ..Options::default()
        };
        let flat = synth_with(&mul_ram(), "mul_ram", target, options).unwrap();
        assert_eq!(flat.modules.len(), 1);
        assert!(flat.total.levels > Some(0), "{flat:?}");
        assert_eq!((flat.total.dsp, flat.total.bram), (2, bram), "{flat:?}");
    }
}

#[test]
fn synthesis_errors_carry_the_log() {
    let broken = vec![("m.v".into(), "module m (input wire a); nothing".into())];
    let text = synth(&broken, "m", Target::Generic, false)
        .unwrap_err()
        .to_string();
    assert!(text.contains("syntax error"), "{text}");
    let name = synth(&mul_ram(), "mul_ram; shell", Target::Generic, false);
    assert!(matches!(name, Err(YosysError::Name { .. })));
}
