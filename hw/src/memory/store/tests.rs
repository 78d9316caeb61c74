use super::*;
use crate::memory::MoveParams;
use crate::params::MachineParams;

#[test]
fn emitted_module() {
    let m = store(&MoveParams::from(&MachineParams::tiny())).unwrap_or_else(|e| panic!("{e}"));
    insta::assert_snapshot!(m.name.clone(), m.verilog());
}

#[test]
fn every_shape_passes_the_checker() {
    for bus_bits in [32, 64, 128, 256] {
        for lanes in [2, 4, 8, 16] {
            let p = MoveParams {
                bus_bits,
                addr_bits: 34,
                lanes,
            };
            store(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        }
    }
    let p = MoveParams {
        bus_bits: 64,
        addr_bits: 32,
        lanes: 3,
    };
    assert!(store(&p).unwrap_err().to_string().contains("powers of two"));
}
