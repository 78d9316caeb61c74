//! What the compute units cost after synthesis: memories and multipliers are inferred as meant.

#![allow(clippy::unwrap_used)]

use hw::params::{MachineParams, Technology};
use hw::pe::{PeMode, PeModes, PeParams, pe};
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

/// One DSP48E2 for each lane of two rows; elsewhere a multiplier of 8 x 8 bits for each row. The blocks that are turned are
/// in block RAM, a memory each lane; all else is shallow.
#[test]
fn pe_tiny() {
    for (technology, target, each) in [
        (Technology::XilinxUscale, Target::Xcup, 1),
        (Technology::Ecp5, Target::Ecp5, 2),
    ] {
        let p = PeParams::new(&MachineParams {
            technology,
            ..MachineParams::tiny()
        });
        let top = pe(&p).unwrap();
        let total = cells(&top, target, false).total;
        let multipliers = each * p.rows.div_ceil(2) * p.macs();
        assert_eq!(p.multipliers(), multipliers);
        // The row that a pair lacks is none.
        let spare = (each - 1) * (p.rows % 2) * p.macs();
        assert_eq!(total.dsp, u64::from(multipliers - spare), "{technology:?}");
        assert_eq!(total.bram, u64::from(p.macs()), "{technology:?}");
        assert!(total.lutram > 0);
    }
}

/// All modes take no multiplier more; a block RAM for each two lanes of a pair holds the operands, two where 36 bits are not
/// enough for them.
#[test]
fn pe_of_all_modes() {
    let p = PeParams::new(&MachineParams {
        technology: Technology::XilinxUscale,
        pe_rows: 4,
        pe_modes: PeModes::of(&PeMode::ALL),
        ..MachineParams::tiny()
    });
    let total = cells(&pe(&p).unwrap(), Target::Xcup, false).total;
    assert_eq!(total.dsp, u64::from(p.multipliers()));
    let pairs = u64::from(p.rows / 2);
    let operands = pairs * u64::from(p.macs() / 2) * 2;
    assert_eq!(total.bram, u64::from(p.macs()) + operands);
}

/// Cells of a core with tables in distributed RAM, none of it inferred.
fn distributed(code: Code, (groups, rows, batch): (u32, u32, u32), r: Reduction) -> Cells {
    let p = CoreParams {
        code,
        groups,
        rows,
        batch,
        act_lanes: 8,
        max_k_tiles: 32,
        max_row_tiles: 512,
    };
    let core = Core::Distributed(p, r).build().unwrap();
    let total = cells(&core, Target::Xcup, true).total;
    let inferred = |k: &String| k.starts_with("RAM64") || k == "RAM32X1D";
    assert!(!total.raw.keys().any(inferred));
    total
}

/// Ten bits of eight readers are five RAM32M16; four rows of a group take half a DSP48E2, of eight groups two more as a
/// column, and four groups one for their tables; two rows share an accumulator. Nothing else multiplies or remembers. Three
/// levels of logic between registers, every carry cell counted.
#[test]
fn tlmm_core() {
    for code in [Code::G3, Code::Sherry] {
        let (groups, rows, batch) = (16, 8, 2);
        let total = distributed(code, (groups, rows, batch), Reduction::Dsp);
        let readers = groups * rows * batch;
        assert_eq!(total.raw["RAM32M16"], u64::from(readers / 8 * 5));
        let dsp = readers / 8 + readers / 16 + groups / 4 * batch + rows / 2 * batch;
        assert_eq!(total.dsp, u64::from(dsp));
        assert!(total.levels.is_some_and(|n| n <= 3), "{:?}", total.levels);
        assert!(total.bram > 0);
    }
}

/// Without DSP48E2: five look-up tables a reader and six for its place in a sum, three for the multiplexer of eight readers that
/// all vectors share, ten for each of the eight walkers; what is left is control.
#[test]
fn tlmm_core_in_fabric() {
    for code in [Code::G3, Code::Sherry] {
        let (groups, rows, batch) = (48, 2, 2);
        let total = distributed(code, (groups, rows, batch), Reduction::Fabric);
        let readers = u64::from(groups * rows * batch);
        assert_eq!(total.raw["RAM32M16"], readers / 8 * 5);
        assert_eq!(total.dsp, 0);
        let shared = u64::from(groups * rows) / 8 * 3 + 80;
        assert!(
            total.lut <= readers * 11 + shared + 130,
            "{} look-up tables",
            total.lut
        );
    }
}
