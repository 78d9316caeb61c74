use super::*;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    for (name, p) in [
        ("tiny", MachineParams::tiny()),
        ("sherry", MachineParams::tiny_sherry()),
        ("uscale", MachineParams::tiny_uscale()),
    ] {
        let unit = tlmm(&TlmmParams::new(&p)).unwrap();
        for m in Design::new(&unit).unwrap().modules() {
            // The cores have snapshots of their own.
            let differs = match m.name.as_str() {
                "unpack_base3" | "tlmm_acts" | "tlmm_results" => name != "sherry",
                "unpack_dense" | "tlmm_act_transpose" => true,
                "tlmm" | "tlmm_operands" | "tlmm_act_parts" => name == "tiny",
                _ => m.name.ends_with("_weights") || m.name == "g3_trits_index",
            };
            if differs {
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
    assert!(refuse(|p| p.dram = DramFormat::Sherry).contains("it feeds [Sherry]"));
    assert!(refuse(|p| p.groups = 0).contains("T = 0"));
    assert!(refuse(|p| p.rows = 33).contains("the nearest is 32"));
    assert!(refuse(|p| p.rows = 3).contains("the nearest are 2 and 4"));
    assert!(refuse(|p| p.batch = 17).contains("the nearest is 16"));
    assert!(refuse(|p| p.max_row_tiles = 100).contains("the nearest is 128"));
    assert!(refuse(|p| p.max_k = 1 << 24).contains("max_k"));
    let distributed = |p: &mut TlmmParams| {
        (p.style, p.storage) = (Style::Table, Storage::Distributed);
    };
    assert!(refuse(distributed).contains("select work everywhere"));
    let uscale = |change: fn(&mut TlmmParams)| {
        let mut p = TlmmParams::new(&MachineParams::tiny_uscale());
        change(&mut p);
        tlmm(&p).unwrap_err().to_string()
    };
    assert!(uscale(|p| p.groups = 12).contains("the nearest are 8 and 16"));
    assert!(uscale(|p| p.rows = 2).contains("the nearest is 4"));
    assert!(uscale(|p| p.max_k = 70_000).contains("at most 65535"));
    let two_bit = |p: &mut TlmmParams| {
        (p.format, p.dram) = (WeightFormat::TwoBit, DramFormat::TwoBit);
    };
    assert!(uscale(two_bit).contains("no table"));
}

/// The sizes of all boards we plan for pass the checker.
#[test]
fn many_sizes_are_legal_rtl() {
    for (format, dram) in [
        (WeightFormat::G3, DramFormat::Base3),
        (WeightFormat::G3, DramFormat::G3),
        (WeightFormat::Sherry, DramFormat::Sherry),
        (WeightFormat::TwoBit, DramFormat::TwoBit),
        (WeightFormat::TwoBit, DramFormat::Base3),
    ] {
        for (groups, rows, bus_bits, lanes, batch) in [
            (1, 1, 32, 2, 1),
            (3, 2, 32, 2, 3),
            (8, 8, 128, 8, 1),
            (28, 4, 256, 16, 4),
            (5, 16, 64, 4, 1),
        ] {
            for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
                let mut p = TlmmParams::new(&MachineParams::tiny());
                (p.format, p.dram, p.groups, p.rows) = (format, dram, groups, rows);
                (p.bus_bits, p.lanes, p.batch) = (bus_bits, lanes, batch);
                p.technology = technology;
                tlmm(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
            }
        }
    }
    for (groups, rows, batch) in [(16, 4, 1), (48, 8, 2), (64, 4, 4)] {
        let mut p = TlmmParams::new(&MachineParams::tiny_uscale());
        (p.groups, p.rows, p.batch, p.bus_bits) = (groups, rows, batch, 256);
        tlmm(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
    }
}
