use std::sync::Arc;

use super::{csr, fetch, issue, queue};
use crate::params::MachineParams;
use crate::rtl::{Module, RtlError};

type Maker = fn(&MachineParams) -> Result<Arc<Module>, RtlError>;

#[test]
fn emitted_modules() {
    let p = MachineParams::tiny();
    let makers: [(&str, Maker); 9] = [
        ("token_queue", queue::token_queue),
        ("tokens", |_| queue::tokens()),
        ("watchdog", queue::watchdog),
        ("fetch", fetch::fetch),
        ("issue", issue::issue),
        ("csr", csr::csr),
        ("axil_port", |_| csr::axil_port()),
        ("perf_counters", |_| csr::perf_counters()),
        ("faults", csr::faults),
    ];
    for (name, make) in makers {
        let module = make(&p).unwrap();
        insta::assert_snapshot!(name, module.verilog());
    }
}

#[test]
fn every_bus_width_and_impossible_sizes() {
    for (bus_bits, addr_bits) in [(32, 32), (64, 33), (128, 40), (256, 64)] {
        let p = MachineParams {
            bus_bits,
            addr_bits,
            ..MachineParams::tiny()
        };
        fetch::fetch(&p).unwrap();
        csr::csr(&p).unwrap();
        csr::faults(&p).unwrap();
    }
    let odd = MachineParams {
        program_words: 500,
        queue_depth: 3,
        ..MachineParams::tiny()
    };
    assert!(fetch::fetch(&odd).is_err());
    assert!(issue::issue(&odd).is_err());
    assert!(queue::token_queue(&odd).is_err());
}
