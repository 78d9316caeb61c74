//! What the compute units cost after synthesis: memories and multipliers are inferred as meant.

#![allow(clippy::unwrap_used)]

use hw::params::{MachineParams, Technology};
use hw::pe::{PeParams, pe};
use hw::rtl::Design;
use hw::tlmm::core::{Code, Core, CoreParams, Reduction};
use hw::tlmm::{TlmmParams, tlmm};
use tb::yosys::{Cells, Options, Report, Target, synth_with};

fn cells(top: &std::sync::Arc<hw::rtl::Module>, target: Target, levels: bool) -> Report {
    let files = Design::new(top).unwrap().emit("");
    let files: Vec<_> = files.into_iter().map(|f| (f.name, f.text)).collect();
    let options = Options {
        flatten: true,
        levels,
        ..Options::default()
    };
    let report = synth_with(&files, &top.name, target, options).unwrap_or_else(|e| panic!("{e}"));
    let t = &report.total;
    println!(
        "{} {target:?}: lut {} (packed {}), ff {}, dsp {}, bram {}, lutram {}, carry {}, levels {:?}",
        top.name, t.lut, t.lut_packed, t.ff, t.dsp, t.bram, t.lutram, t.carry, t.levels
    );
    report
}

/// No multiplier for selection; of three blocks of 8 activations (64 bits) each in two block RAMs, as the sums of 128 row
/// tiles are; the tables' stage has 4 builders, 4 quads of DSP48E2 and the accumulators of each vector.
#[test]
fn tlmm_tiny() {
    let ecp5 = MachineParams {
        technology: Technology::Ecp5,
        ..MachineParams::tiny()
    };
    for (p, target, cells_wanted) in [
        (MachineParams::tiny(), Target::Xcup, (0, 8)),
        (ecp5, Target::Ecp5, (0, 8)),
        (MachineParams::tiny_uscale(), Target::Xcup, (20, 8)),
    ] {
        let top = tlmm(&TlmmParams::new(&p)).unwrap();
        let total = cells(&top, target, false).total;
        assert_eq!((total.dsp, total.bram), cells_wanted, "{target:?}");
        assert!(total.lutram > 0);
    }
}

/// One DSP48E2 for each lane of two rows, instantiated or inferred, and two MULT18X18D where 27 x 18 bits do not fit one. The
/// blocks that are turned are in block RAM, a memory each lane; all else is shallow.
#[test]
fn pe_tiny() {
    for (technology, target, each) in [
        (Technology::XilinxUscale, Target::Xcup, 1),
        (Technology::Generic, Target::Xcup, 1),
        (Technology::Ecp5, Target::Ecp5, 2),
    ] {
        let p = PeParams::new(&MachineParams {
            technology,
            ..MachineParams::tiny()
        });
        let top = pe(&p).unwrap();
        let total = cells(&top, target, false).total;
        let multipliers = p.rows.div_ceil(2) * p.macs();
        assert_eq!(p.multipliers(), multipliers);
        assert_eq!(total.dsp, u64::from(each * multipliers), "{technology:?}");
        assert_eq!(total.bram, u64::from(p.macs()), "{technology:?}");
        assert!(total.lutram > 0);
    }
}
