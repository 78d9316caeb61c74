//! packing: several exact products in one hardware multiplier.
//!
//! Contract
//! * A [`Layout`] puts operands a_i at weights 2^x_i on the first multiplicand and operands b_j at 2^y_j on the second; the
//!   multiplier then holds every a_i b_j at weight 2^(x_i + y_j). Where a lane reaches into the one above, the low bits of that
//!   one are computed in fabric, subtracted through C in the same multiplier, and put back under what is read
//!   (papers.md, 2.4 and 2.5). Exact for all operands, or refused with operands for which it is not.
//! * Signed operands cost nothing on the first multiplicand: A takes offset codes (the uppermost bit inverted), D the
//!   constant that the pre-adder makes them signed with. On the second they cost a borrow from operand to operand.
//! * Signed lanes cost nothing either: the constant RND adds a bias to each, so that none borrows from the next, and the bias is
//!   taken off by inverting the lane's uppermost bit.
//! * An unsigned operand may use the sign bit of its port: it stands there 2^(n-1) too small, and C adds the rest.
//! * [`packed_multiplier`]: operands in, products [`LATENCY`] cycles later, one set a cycle; all registers of the multiplier are used.
//!
//! | file | what |
//! |---|---|
//! | `operand` | width and kind of an operand |
//! | `layout` | a layout as data, its constants and the rules of the ports |
//! | `golden` | a layout bit by bit |
//! | `prove` | proof or counterexample |
//! | `cost` | look-up tables of a layout |
//! | `solve` | search |
//! | `low` | low bits of a product in fabric |
//! | `rtl` | the multiplier |

mod cost;
pub mod golden;
mod layout;
mod low;
mod operand;
mod prove;
mod rtl;
mod solve;
#[cfg(test)]
mod tests;

pub use cost::{Cost, cost};
pub use layout::{Broken, Field, Lane, Layout, MAX_SIDE, Multiplier};
pub use operand::{Kind, MAX_BITS, Operand};
pub use prove::{NotExact, Proof, prove};
pub use rtl::{LATENCY, packed_multiplier};
pub use solve::{Found, MAX_PRODUCTS, solve};
