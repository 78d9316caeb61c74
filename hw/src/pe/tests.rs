use super::*;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    let unit = pe(&PeParams::new(&MachineParams::tiny())).unwrap();
    // Those of `array` and `front` are theirs.
    let own = [
        "pe",
        "pe_load",
        "pe_held",
        "pe_walk",
        "pe_sum",
        "pe_results",
        "vector_ranges_m4",
    ];
    for m in Design::new(&unit).unwrap().modules() {
        if own.contains(&m.name.as_str()) {
            insta::assert_snapshot!(m.name.clone(), m.verilog());
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
