//! Queue units.

use std::fmt;

/// A unit with an instruction queue; the order is that of mask bits, counters and ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unit {
    Load,
    Store,
    Tlmm,
    Pe,
    Vec,
    Sample,
}

impl Unit {
    pub const ALL: [Unit; 6] = [
        Unit::Load,
        Unit::Store,
        Unit::Tlmm,
        Unit::Pe,
        Unit::Vec,
        Unit::Sample,
    ];
    /// Queue units.
    pub const COUNT: usize = 6;

    /// Place in masks and port lists, 0..=5.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Bit of wait, release and sync masks.
    pub const fn mask(self) -> u8 {
        1 << self as u8
    }

    pub const fn from_index(index: usize) -> Option<Unit> {
        if index < Unit::COUNT {
            Some(Unit::ALL[index])
        } else {
            None
        }
    }

    /// Lower-case name, as in assembler text, ports and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Load => "load",
            Unit::Store => "store",
            Unit::Tlmm => "tlmm",
            Unit::Pe => "pe",
            Unit::Vec => "vec",
            Unit::Sample => "sample",
        }
    }

    pub fn from_name(name: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|u| u.name() == name)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an instruction runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// In issue, in order.
    Issue,
    /// In the queue of a unit.
    Queue(Unit),
}

impl Target {
    pub const fn name(self) -> &'static str {
        match self {
            Target::Issue => "issue",
            Target::Queue(unit) => unit.name(),
        }
    }
}
