//! Yosys on the whole machine: memories and multipliers become what they are meant to be.
#![allow(clippy::unwrap_used)]

use hw::params::MachineParams;
use hw::rtl::Design;
use hw::top::{TOP, top};
use tb::yosys::{Report, Target, synth};

fn cells(target: Target) -> Report {
    let p = MachineParams {
        trace: false,
        ..MachineParams::tiny()
    };
    let design = Design::new(&top(&p).unwrap()).unwrap();
    let files: Vec<(String, String)> = design
        .emit("")
        .into_iter()
        .map(|f| (f.name, f.text))
        .collect();
    let report = synth(&files, TOP, target, false).unwrap();
    for (name, c) in &report.modules {
        println!(
            "{name:<26} dsp {:>3} bram {:>3} lutram {:>4} lut {:>6} ff {:>6}",
            c.dsp, c.bram, c.lutram, c.lut, c.ff
        );
    }
    println!("{target:?}: {:?}", report.total);
    report
}

#[test]
#[ignore = "minutes: Yosys on the whole machine"]
fn ecp5() {
    let t = cells(Target::Ecp5).total;
    assert!(t.dsp >= 24 && t.bram >= 20, "{t:?}");
}

#[test]
#[ignore = "minutes: Yosys on the whole machine"]
fn xcup() {
    let t = cells(Target::Xcup).total;
    assert!(t.dsp >= 24 && t.bram >= 20, "{t:?}");
}

#[test]
#[ignore = "minutes: Yosys on the whole machine"]
fn generic() {
    let t = cells(Target::Generic).total;
    assert!(t.gates > 0 && t.ff > 0, "{t:?}");
}
