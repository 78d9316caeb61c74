//! Values of OPMODE and ALUMODE by name (UG579, chapter 2).

/// What the Z multiplexer takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Z {
    Zero = 0,
    Pcin = 1,
    P = 2,
    C = 3,
}

/// What the W multiplexer takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum W {
    Zero = 0,
    P = 1,
    Rnd = 2,
    C = 3,
}

/// OPMODE: what the four multiplexers in front of the adder take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opmode(u64);

impl Opmode {
    /// X and Y take 0, as Z and W do until they are set.
    pub const fn zero() -> Opmode {
        Opmode(0)
    }

    /// X and Y take M, which is one number only in both together.
    pub const fn product() -> Opmode {
        Opmode(0b0101)
    }

    /// X takes A:B, Y takes C.
    pub const fn operands() -> Opmode {
        Opmode(0b1111)
    }

    pub const fn z(self, z: Z) -> Opmode {
        Opmode(self.0 & !(7 << 4) | (z as u64) << 4)
    }

    pub const fn w(self, w: W) -> Opmode {
        Opmode(self.0 & !(3 << 7) | (w as u64) << 7)
    }

    /// The nine bits.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// ALUMODE: what becomes of Z and S = W + X + Y + CIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alumode {
    /// Z + S.
    Add = 0b0000,
    /// S - Z - 1.
    SubtractZ = 0b0001,
    /// -(Z + S) - 1.
    Invert = 0b0010,
    /// Z - S.
    Subtract = 0b0011,
}

impl Alumode {
    pub const ALL: [Alumode; 4] = [
        Alumode::Add,
        Alumode::SubtractZ,
        Alumode::Invert,
        Alumode::Subtract,
    ];

    /// The four bits.
    pub const fn value(self) -> u64 {
        self as u64
    }
}
