//! Yosys on the whole machine: memories and multipliers become what they are meant to be.
#![allow(clippy::unwrap_used)]

use hw::params::MachineParams;
use hw::rtl::Design;
use hw::top::{TOP, top};
use tb::yosys::{Cells, Report, Target, synth};

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
            "{name:<26} dsp {:>2} bram {:>2} lutram {:>3} lut {:>5} gates {:>6} ff {:>5}",
            c.dsp, c.bram, c.lutram, c.lut, c.gates, c.ff
        );
    }
    println!("{target:?}: {:?}", report.total);
    report
}

/// The count of the modules that have any, those of tlmm as one.
fn having(report: &Report, count: fn(&Cells) -> u64) -> Vec<(&str, u64)> {
    let modules = report.modules.iter().map(|(name, c)| (&name[..], count(c)));
    let (tlmm, others): (Vec<_>, Vec<_>) = modules
        .filter(|&(_, n)| n > 0)
        .partition(|(name, _)| name.starts_with("tlmm"));
    let tlmm = tlmm.iter().map(|(_, n)| n).sum();
    others.into_iter().chain([("tlmm", tlmm)]).collect()
}

/// Block memories of 18 kbit of each module: 512 instructions of 256 bits, four banks of 512 words of 128 bits, packet
/// buffers of 65 bits, coefficients in each lane, sums of the row tiles.
const BLOCKS: [(&str, u64); 6] = [
    ("fp_func", 2),
    ("issue_n512_s128", 8),
    ("scratchpad_bank", 4),
    ("sync_fifo_w65_d256_bram", 2),
    ("sync_fifo_w65_d512_bram", 2),
    ("tlmm", 2),
];

/// Blocks where they should be, and all shallow memories in tables.
fn memories(report: &Report) {
    assert_eq!(having(report, |c| c.bram), BLOCKS);
    // 4 lanes and 4 banks.
    assert_eq!(report.total.bram, 8 + 4 * 2 + 4 * 4 + 2 + 2 + 2);
    for (name, c) in &report.modules {
        let shallow = name.starts_with("sync_fifo") && !name.ends_with("bram");
        let others = ["pe_row", "issue_n512_s128", "sample", "vec_sum_l4"];
        if shallow || others.contains(&&name[..]) {
            assert!(c.lutram > 0, "{name}");
        }
    }
}

#[test]
#[ignore = "minutes: Yosys on the whole machine"]
fn ecp5() {
    let report = cells(Target::Ecp5);
    memories(&report);
    // 32 x 32 bits of the sampler and 24 x 24 bits of the lanes are several multipliers of 18 x 18.
    let dsp = [
        ("fp_func", 7),
        ("fp_mul", 4),
        ("issue_n512_s128", 3),
        ("pe_row", 8),
        ("sample", 4),
        ("tlmm", 0),
    ];
    assert_eq!(having(&report, |c| c.dsp), dsp);
    let t = report.total;
    assert_eq!(t.dsp, 4 * (7 + 2 * 4) + 3 + 3 * 8 + 4);
    assert!((60_000..70_000).contains(&t.lut), "{t:?}");
    assert!((29_000..33_000).contains(&t.ff), "{t:?}");
}

#[test]
#[ignore = "minutes: Yosys on the whole machine"]
fn xcup() {
    let report = cells(Target::Xcup);
    memories(&report);
    let dsp = [
        ("fp_func", 4),
        ("fp_mul", 2),
        ("issue_n512_s128", 3),
        ("pe_row", 8),
        ("sample", 4),
        ("tlmm", 0),
    ];
    assert_eq!(having(&report, |c| c.dsp), dsp);
    let t = report.total;
    assert_eq!((t.dsp, t.uram), (4 * (4 + 2 * 2) + 3 + 3 * 8 + 4, 0));
    assert!((35_000..41_000).contains(&t.lut), "{t:?}");
    assert!((3_500..4_300).contains(&t.lutram), "{t:?}");
    assert!((22_000..25_000).contains(&t.ff), "{t:?}");
}

#[test]
#[ignore = "a minute: Yosys on the whole machine"]
fn generic() {
    let report = cells(Target::Generic);
    let t = &report.total;
    assert!((165_000..200_000).contains(&t.gates), "{t:?}");
    assert!((27_000..31_000).contains(&t.ff), "{t:?}");
    let dsp = [
        ("fp_func", 4),
        ("fp_mul", 1),
        ("issue_n512_s128", 3),
        ("pe_row", 8),
        ("sample", 2),
        ("tlmm", 0),
    ];
    assert_eq!(having(&report, |c| c.dsp), dsp);
    assert_eq!(t.dsp, 4 * (4 + 2) + 3 + 3 * 8 + 2);
    // No memory has become flip-flops: each still stands whole in its module.
    let whole = having(&report, |c| c.bram);
    for (name, _) in BLOCKS {
        assert!(whole.iter().any(|&(n, c)| n == name && c > 0), "{name}");
    }
}
