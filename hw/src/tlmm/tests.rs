use super::*;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    for (name, p) in [
        ("tiny", MachineParams::tiny()),
        ("sherry", MachineParams::tiny_sherry()),
    ] {
        let unit = tlmm(&TlmmParams::new(&p)).unwrap();
        for m in Design::new(&unit).unwrap().modules() {
            let ours = m.name.starts_with("tlmm") || m.name.starts_with("unpack");
            if ours && (name == "tiny" || m.name != "tlmm_results") {
                insta::assert_snapshot!(format!("{name}_{}", m.name), m.verilog());
            }
        }
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_in_words() {
    let good = TlmmParams::new(&MachineParams::tiny());
    let refuse = |change: fn(&mut TlmmParams)| {
        let mut p = good.clone();
        change(&mut p);
        tlmm(&p).unwrap_err().to_string()
    };
    assert!(refuse(|p| p.dram = DramFormat::Sherry).contains("cannot feed"));
    assert!(refuse(|p| p.groups = 0).contains("T = 0"));
    assert!(refuse(|p| p.rows = 33).contains("Q = 33"));
    assert!(refuse(|p| p.max_row_tiles = 100).contains("power of two"));
    assert!(refuse(|p| p.max_k = 1 << 24).contains("max_k"));
}

/// The sizes of all boards we plan for pass the checker.
#[test]
fn many_sizes_are_legal_rtl() {
    for (format, dram) in [
        (WeightFormat::G3, DramFormat::Base3),
        (WeightFormat::G3, DramFormat::G3),
        (WeightFormat::Sherry, DramFormat::Sherry),
    ] {
        for (groups, rows, bus_bits, lanes) in [
            (1, 1, 32, 2),
            (3, 2, 32, 2),
            (8, 8, 128, 8),
            (28, 4, 256, 16),
            (5, 16, 64, 4),
        ] {
            let mut p = TlmmParams::new(&MachineParams::tiny());
            (p.format, p.dram, p.groups, p.rows) = (format, dram, groups, rows);
            (p.bus_bits, p.lanes) = (bus_bits, lanes);
            tlmm(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        }
    }
}
