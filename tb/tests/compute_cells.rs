//! What the compute units cost after synthesis: memories and multipliers are inferred as meant.

#![allow(clippy::unwrap_used)]

use hw::params::MachineParams;
use hw::pe::{PeParams, pe};
use hw::rtl::Design;
use hw::tlmm::{TlmmParams, tlmm};
use tb::yosys::{Report, Target, synth};

fn cells(top: &std::sync::Arc<hw::rtl::Module>, target: Target) -> Report {
    let files = Design::new(top).unwrap().emit("");
    let files: Vec<_> = files.into_iter().map(|f| (f.name, f.text)).collect();
    let report = synth(&files, &top.name, target, true).unwrap_or_else(|e| panic!("{e}"));
    let t = &report.total;
    println!(
        "{} {target:?}: lut {} (packed {}), ff {}, dsp {}, bram {}, lutram {}, carry {}",
        top.name, t.lut, t.lut_packed, t.ff, t.dsp, t.bram, t.lutram, t.carry
    );
    report
}

/// No multiplier; the sums of 128 row tiles (68 bits wide) in block RAM; the result FIFO and the reader's in LUTs.
#[test]
fn tlmm_tiny() {
    for p in [MachineParams::tiny(), MachineParams::tiny_sherry()] {
        let top = tlmm(&TlmmParams::new(&p)).unwrap();
        for (target, bram) in [(Target::Xcup, 2), (Target::Ecp5, 2)] {
            let total = cells(&top, target).total;
            assert_eq!((total.dsp, total.bram), (0, bram), "{target:?}");
            assert!(total.lutram > 0);
        }
    }
}

/// One multiplier a lane and row; all memories of the tiny array are shallow and stay in LUTs.
#[test]
fn pe_tiny() {
    let p = PeParams::new(&MachineParams::tiny());
    let top = pe(&p).unwrap();
    for target in [Target::Xcup, Target::Ecp5] {
        let total = cells(&top, target).total;
        assert_eq!(total.dsp, u64::from(p.macs() * p.rows), "{target:?}");
        assert_eq!(total.bram, 0, "{target:?}");
        assert!(total.lutram > 0);
    }
}
