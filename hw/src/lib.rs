//! What the machine is: the typed RTL layer, number formats, the ISA, one folder a unit, and the top.

pub mod control;
pub mod fault;
pub mod glue;
pub mod isa;
pub mod machine;
pub mod memory;
pub mod num;
pub mod packing;
pub mod params;
pub mod pe;
pub mod rtl;
pub mod sample;
pub mod scratchpad;
pub mod tlmm;
pub mod top;
pub mod unit;
pub mod vec;
pub mod vendor;
