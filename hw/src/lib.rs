//! What the machine is: the typed RTL layer, number formats, the ISA, one folder a unit, and the top.

pub mod control;
pub mod glue;
pub mod isa;
pub mod num;
pub mod params;
pub mod rtl;
pub mod sample;
pub mod vec;
