use super::*;
use crate::params::MachineParams;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    let top = guard(&GuardParams::from(&MachineParams::tiny())).unwrap_or_else(|e| panic!("{e}"));
    for m in Design::new(&top).unwrap().modules() {
        if m.name.starts_with("guard") {
            insta::assert_snapshot!(m.name.clone(), m.verilog());
        }
    }
}
