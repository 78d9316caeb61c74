//! The whole machine as one design.

use super::top;
use crate::params::MachineParams;
use crate::rtl::Design;

#[test]
fn the_machine_is_one_sound_design() {
    for p in [MachineParams::tiny(), MachineParams::tiny_sherry()] {
        let top = top(&p).unwrap();
        let design = Design::new(&top).unwrap();
        let names: Vec<&str> = design.modules().map(|m| m.name.as_str()).collect();
        for unit in [
            "load",
            "store",
            "tlmm",
            "pe",
            "vec",
            "sample",
            "scratchpad",
            "guard",
        ] {
            assert!(names.contains(&unit), "{unit} missing in {names:?}");
        }
        let quiet = MachineParams { trace: false, ..p };
        let ports = super::top(&quiet).unwrap().ports.len();
        assert!(ports < top.ports.len(), "trace ports go with the parameter");
    }
}
