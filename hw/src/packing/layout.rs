//! A layout as data, and what follows from it: constants, the fields of the C port, the rules of the ports.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::operand::Operand;

/// The hardware multiplier that a layout is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Multiplier {
    /// AMD UltraScale and UltraScale+ (UG579): P = (A + D) B + C + RND.
    Dsp48e2,
    /// Lattice ECP5 (TN1267): A B; C and the constant are added in fabric.
    Mult18x18d,
}

impl Multiplier {
    pub const ALL: [Multiplier; 2] = [Multiplier::Dsp48e2, Multiplier::Mult18x18d];

    /// Its name on the command line and in files.
    pub const fn word(self) -> &'static str {
        match self {
            Multiplier::Dsp48e2 => "dsp48e2",
            Multiplier::Mult18x18d => "mult18x18d",
        }
    }

    /// Bits of the first multiplicand, two's complement.
    pub const fn a_bits(self) -> u32 {
        match self {
            Multiplier::Dsp48e2 => 27,
            Multiplier::Mult18x18d => 18,
        }
    }

    /// Bits of the second multiplicand, two's complement.
    pub const fn b_bits(self) -> u32 {
        18
    }

    /// Bits of the sum; it is taken modulo two to this.
    pub const fn sum_bits(self) -> u32 {
        match self {
            Multiplier::Dsp48e2 => 48,
            Multiplier::Mult18x18d => 36,
        }
    }

    /// Whether a constant can be added to the first multiplicand without fabric.
    pub const fn pre_adder(self) -> bool {
        matches!(self, Multiplier::Dsp48e2)
    }
}

/// Where one product stands in the sum, and how it is read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Which of the a operands.
    pub a: usize,
    /// Which of the b operands.
    pub b: usize,
    /// Weight of the product in the sum: 2^at.
    pub at: u32,
    /// Low bits that fabric computes once more. They are subtracted through C, so that the lane below may reach into them.
    pub low: u32,
    /// Bits of the lane, the low ones included.
    pub width: u32,
    /// Added to the product, so that the lane is not negative. A multiple of 2^low.
    pub bias: i64,
    /// The lane is two's complement; only the uppermost can be, because it has no lane above to borrow from.
    pub signed: bool,
}

/// Several products in one multiplier.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub multiplier: Multiplier,
    /// Operands of the first multiplicand (with the pre-adder).
    pub a: Operand,
    /// Operands of the second.
    pub b: Operand,
    /// Weights of the a operands, ascending.
    pub a_at: Vec<u32>,
    pub b_at: Vec<u32>,
    /// One for each pair of operands, ascending.
    pub lanes: Vec<Lane>,
}

/// Bits on C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Low bits of this lane; their complement where C is added.
    Low(usize),
    /// Code of an a operand: part of a product that the port could not take.
    A(usize),
    /// Code of a b operand.
    B(usize),
}

/// A rule of the ports that a layout breaks: it could not be built, exact or not.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Broken {
    #[error("{0} operands of {1} bits at {2:?} do not fit port {0} of {3} bits side by side")]
    Port(char, u32, Vec<u32>, u32),
    #[error("the layout lists no lane for a[{0}] b[{1}] at {2}, or lists it twice or out of order")]
    Lanes(usize, usize, u32),
    #[error("two products stand at weight {0}: only their sum could be read")]
    Same(u32),
    #[error("lane {0}: {1}")]
    Lane(usize, &'static str),
    #[error("low bits of lane {0}: one number below {MAX_WIDTH} for each lane is wanted, no more")]
    Low(usize),
    #[error("bit {0} of C would have to carry two values")]
    Collision(u32),
    #[error("a and b need at least one operand each, and at most {MAX_SIDE}")]
    Empty,
}

/// Widest lane.
pub(super) const MAX_WIDTH: u32 = 40;

/// Most operands on one port.
pub const MAX_SIDE: usize = 8;

/// How operands stand on a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Side<'a> {
    pub operand: Operand,
    pub at: &'a [u32],
    pub port_bits: u32,
}

impl Side<'_> {
    /// An unsigned operand that reaches the port's sign bit is centred: 2^(n-1) less, which inverts its uppermost bit.
    pub fn centred(&self) -> bool {
        let top = self.at.last().map_or(0, |at| at + self.operand.bits);
        !self.operand.is_signed() && top == self.port_bits
    }

    /// What operand `i` is less than its value.
    pub fn centre(&self, i: usize) -> i64 {
        if self.centred() && i + 1 == self.at.len() {
            1 << (self.operand.bits - 1)
        } else {
            0
        }
    }

    /// Operands stand side by side on the port.
    pub fn check(&self, name: char) -> Result<(), Broken> {
        if self.at.is_empty() || self.at.len() > MAX_SIDE {
            return Err(Broken::Empty);
        }
        let end = |at: &u32| at.saturating_add(self.operand.bits);
        let ordered = self.at.windows(2).all(|w| end(&w[0]) <= w[1]);
        if ordered && self.at.last().is_some_and(|at| end(at) <= self.port_bits) {
            return Ok(());
        }
        let (bits, at) = (self.operand.bits, self.at.to_vec());
        Err(Broken::Port(name, bits, at, self.port_bits))
    }
}

impl Layout {
    pub(super) fn side_a(&self) -> Side<'_> {
        Side {
            operand: self.a,
            at: &self.a_at,
            port_bits: self.multiplier.a_bits(),
        }
    }

    pub(super) fn side_b(&self) -> Side<'_> {
        Side {
            operand: self.b,
            at: &self.b_at,
            port_bits: self.multiplier.b_bits(),
        }
    }

    /// Products.
    pub fn products(&self) -> usize {
        self.lanes.len()
    }

    /// Whether A carries unsigned codes and D the constant that makes them signed: signed operands then need no logic.
    pub fn uses_pre_adder(&self) -> bool {
        self.multiplier.pre_adder() && self.a.is_signed() && self.a_at.len() > 1
    }

    /// The constant on D (27 bits, two's complement).
    pub fn d(&self) -> i64 {
        if !self.uses_pre_adder() {
            return 0;
        }
        let half = 1i64 << (self.a.bits - 1);
        -self.a_at.iter().map(|at| half << at).sum::<i64>()
    }

    /// What stands on C: each field with its place and width.
    pub fn fields(&self) -> Vec<(Field, u32, u32)> {
        let (a, b) = (self.side_a(), self.side_b());
        let mut fields = Vec::new();
        for (k, lane) in self.lanes.iter().enumerate() {
            if lane.low > 0 {
                fields.push((Field::Low(k), lane.at, lane.low));
            }
            // x y = (x - cx)(y - cy) + cx y + cy x - cx cy; the port gives the first term.
            let (cx, cy) = (a.centre(lane.a), b.centre(lane.b));
            if cx > 0 {
                fields.push((Field::B(lane.b), lane.at + cx.ilog2(), self.b.bits));
            }
            if cy > 0 {
                fields.push((Field::A(lane.a), lane.at + cy.ilog2(), self.a.bits));
            }
        }
        fields
    }

    /// Whether C is subtracted. Codes of operands have to be added; without them low bits need no inverters.
    pub fn subtracts(&self) -> bool {
        let (a, b) = (self.side_a(), self.side_b());
        !a.centred() && !b.centred()
    }

    /// The constant that is added to the sum, modulo two to its bits: biases, and what the codes on C stand for.
    pub fn constant(&self) -> i64 {
        let (a, b) = (self.side_a(), self.side_b());
        let code_zero = |o: Operand| {
            if o.is_signed() {
                1i64 << (o.bits - 1)
            } else {
                0
            }
        };
        let terms = self.lanes.iter().map(|lane| {
            let (cx, cy) = (a.centre(lane.a), b.centre(lane.b));
            // Low bits that are added as a complement are 2^low - 1 too many.
            let ones = if self.subtracts() {
                0
            } else {
                (1i64 << lane.low) - 1
            };
            (lane.bias - ones - cx * code_zero(self.b) - cy * code_zero(self.a) - cx * cy)
                << lane.at
        });
        terms.fold(0i64, i64::wrapping_add) & self.sum_mask()
    }

    /// Ones in all bits of the sum.
    pub fn sum_mask(&self) -> i64 {
        (1 << self.multiplier.sum_bits()) - 1
    }

    /// Checks the rules of the ports. What holds then can be built; whether it is exact is [`super::prove`]'s to say.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn check(&self) -> Result<(), Broken> {
        self.side_a().check('a')?;
        self.side_b().check('b')?;
        let mut pairs = pairs(&self.a_at, &self.b_at);
        pairs.sort_unstable();
        for (k, &(at, a, b)) in pairs.iter().enumerate() {
            let lane = self.lanes.get(k);
            if lane.is_none_or(|l| (l.at, l.a, l.b) != (at, a, b))
                || self.lanes.len() != pairs.len()
            {
                return Err(Broken::Lanes(a, b, at));
            }
        }
        for (k, lane) in self.lanes.iter().enumerate() {
            let wrong = |what| Err(Broken::Lane(k, what));
            if lane.low >= lane.width || lane.width > MAX_WIDTH {
                return wrong("width must be above low, and at most 40");
            }
            if lane.at + lane.width > self.multiplier.sum_bits() {
                return wrong("it ends above the sum");
            }
            if lane.bias.unsigned_abs() >= 1 << lane.width || lane.bias % (1 << lane.low) != 0 {
                return wrong("bias must be a multiple of 2^low, below 2^width");
            }
            if lane.signed && k + 1 < self.lanes.len() {
                return wrong("only the uppermost lane can be signed");
            }
        }
        let mut used = 0u64;
        for (_, at, width) in self.fields() {
            let mask = ((1u64 << width) - 1) << at;
            if used & mask != 0 {
                return Err(Broken::Collision((used & mask).trailing_zeros()));
            }
            used |= mask;
        }
        if used >> self.multiplier.sum_bits() != 0 {
            return Err(Broken::Collision(self.multiplier.sum_bits()));
        }
        Ok(())
    }
}

/// Weight and operands of each product.
pub(super) fn pairs(a_at: &[u32], b_at: &[u32]) -> Vec<(u32, usize, usize)> {
    let each_a = a_at.iter().enumerate();
    each_a
        .flat_map(|(i, x)| b_at.iter().enumerate().map(move |(j, y)| (x + y, i, j)))
        .collect()
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} x {}: {} products, {} at {:?}, {} at {:?}",
            self.a,
            self.b,
            self.products(),
            self.a,
            self.a_at,
            self.b,
            self.b_at
        )
    }
}
