//! What test benches rely on in the simulation harness, shown on a small FIFO written by hand.

use tb::sim::{BuildSpec, Model, Peek, PortSpec, Sim, SimError};

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

fn started() -> Sim {
    let mut sim = Sim::new(&Model::build(&fifo()).unwrap()).unwrap();
    sim.reset(2).unwrap();
    sim
}

#[test]
fn outputs_are_those_of_before_the_edge() {
    let mut sim = started();
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
    let mut sim = started();
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
    let mut sim = started();
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
    assert!(std::fs::metadata(&path).unwrap().len() > 200);
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
