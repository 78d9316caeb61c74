use super::*;
use crate::params::MachineParams;
use crate::rtl::Design;

#[test]
fn emitted_modules() {
    let top = sample(&SampleParams::from(&MachineParams::tiny())).unwrap_or_else(|e| panic!("{e}"));
    for m in Design::new(&top).unwrap().modules() {
        if ["sample", "topk"]
            .iter()
            .any(|stem| m.name.starts_with(stem))
        {
            insta::assert_snapshot!(m.name.clone(), m.verilog());
        }
    }
}

#[test]
fn every_size_passes_the_checker() {
    for lanes in [2, 4, 8, 16] {
        for capacity in [1, 2, 7, 16, 64] {
            let p = SampleParams { lanes, capacity };
            sample(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        }
    }
    for (lanes, capacity) in [(3, 4), (4, 0), (4, 257)] {
        let text = sample(&SampleParams { lanes, capacity })
            .unwrap_err()
            .to_string();
        assert!(text.contains("must be 2, 4, 8 or 16 lanes"), "{text}");
    }
}
