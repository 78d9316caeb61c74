use super::*;
use crate::rtl::Design;

/// Those of `array`, `front` and `float` are theirs.
const OWN: [&str; 13] = [
    "pe",
    "pe_decode",
    "pe_float",
    "pe_load",
    "pe_load_codes",
    "pe_load_floats",
    "pe_held",
    "pe_walk",
    "pe_multiply",
    "pe_sum",
    "pe_tree8",
    "pe_results",
    "vector_ranges_m4",
];

#[test]
fn emitted_modules() {
    use PeMode::{Fp16, Fp16Int8, Int8Int4};
    let mut p = PeParams::new(&MachineParams::tiny());
    for set in [vec![], vec![Int8Int4, Fp16Int8, Fp16]] {
        p.modes = PeModes::of(&set);
        let words: String = set.iter().map(|m| format!("_{}", m.word())).collect();
        for m in Design::new(&pe(&p).unwrap()).unwrap().modules() {
            let same = ["vector_ranges_m4", "pe_sum", "pe_walk"].contains(&m.name.as_str());
            if OWN.contains(&m.name.as_str()) && (set.is_empty() || !same) {
                let text = m.verilog();

                insta::assert_snapshot!(format!("{}{words}", m.name), text);
            }
        }
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_in_words() {
    let good = PeParams::new(&MachineParams::tiny());
    let refuse = |change: fn(&mut PeParams)| {
        let mut p = good.clone();
        change(&mut p);
        pe(&p).unwrap_err().to_string()
    };
    assert!(refuse(|p| p.rows = 17).contains("R = 17"));
    assert!(refuse(|p| p.max_len = 100).contains("max_len = 100"));
    assert!(refuse(|p| p.max_count = 0).contains("max_count"));
}

#[test]
fn all_modes_are_legal_rtl() {
    for (rows, bus_bits, lanes) in [
        (3, 32, 2),
        (4, 64, 4),
        (8, 128, 16),
        (5, 256, 8),
        (16, 256, 4),
    ] {
        let mut p = PeParams::new(&MachineParams::tiny());
        (p.rows, p.bus_bits, p.lanes, p.max_len, p.max_axpy) = (rows, bus_bits, lanes, 256, 256);
        let sets = PeMode::ALL.iter().map(|&m| vec![m]);
        for set in sets.chain([
            PeMode::ALL.to_vec(),
            vec![PeMode::Fp16Int4, PeMode::Int8Int4],
        ]) {
            p.modes = PeModes::of(&set);
            pe(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        }
    }
}

#[test]
fn many_sizes_are_legal_rtl() {
    for (rows, bus_bits, lanes, max_len) in [
        (1, 32, 2, 64),
        (2, 128, 16, 2048),
        (16, 64, 4, 128),
        (4, 256, 8, 64),
        (5, 32, 16, 1536),
    ] {
        let mut p = PeParams::new(&MachineParams::tiny());
        (p.rows, p.bus_bits, p.lanes, p.max_len) = (rows, bus_bits, lanes, max_len);
        p.max_axpy = max_len.min(MAX_AXPY);
        pe(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
    }
}
