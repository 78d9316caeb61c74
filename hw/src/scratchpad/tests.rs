use super::*;
use crate::params::MachineParams;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    let pad = scratchpad(&ScratchpadParams::from(&MachineParams::tiny())).unwrap();
    for m in Design::new(&pad).unwrap().modules() {
        insta::assert_snapshot!(m.name.clone(), m.verilog());
    }
    for m in [vector_reader(128).unwrap(), vector_writer(128).unwrap()] {
        insta::assert_snapshot!(m.name.clone(), m.verilog());
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let good = ScratchpadParams::from(&MachineParams::tiny());
    for (words, banks) in [(1000, 4), (1024, 3), (8, 8), (8, 0)] {
        let bad = ScratchpadParams {
            words,
            banks,
            ..good.clone()
        };
        let text = scratchpad(&bad).unwrap_err().to_string();
        assert!(text.contains("powers of two"), "{text}");
    }
    for banks in [1, 2, 16] {
        assert!(
            scratchpad(&ScratchpadParams {
                banks,
                ..good.clone()
            })
            .is_ok()
        );
    }
}
