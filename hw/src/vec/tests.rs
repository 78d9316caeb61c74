use super::*;
use crate::params::MachineParams;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    let top = vec(&VecParams::from(&MachineParams::tiny())).unwrap_or_else(|e| panic!("{e}"));
    let design = Design::new(&top).unwrap();
    for m in design
        .modules()
        .filter(|m| m.name.starts_with("vec") && !m.name.starts_with("vector"))
    {
        insta::assert_snapshot!(m.name.clone(), m.verilog());
    }
}

#[test]
fn every_number_of_lanes_passes_the_checker() {
    for lanes in [2, 4, 8, 16] {
        vec(&VecParams { lanes }).unwrap_or_else(|e| panic!("{lanes} lanes: {e}"));
    }
    for lanes in [0, 1, 3, 32] {
        let text = vec(&VecParams { lanes }).unwrap_err().to_string();
        assert!(text.contains("must be 2, 4, 8 or 16"), "{text}");
    }
}
