//! Modes of the array: what it multiplies with what.

use serde::{Deserialize, Serialize};

use super::PeParams;
use super::float::{FloatFormat, Formats, StreamKind};
use super::load::Order;

/// What an instruction multiplies: activations of the rows times elements of the packet. The number is `flags[7:4]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeMode {
    /// int8 codes times int8.
    Int8,
    /// int8 codes times int4.
    Int8Int4,
    Fp16Int4,
    Bf16Int4,
    Fp16Int8,
    Bf16Int8,
    /// fp16 times fp16.
    Fp16,
    /// bf16 times bf16.
    Bf16,
}

impl PeMode {
    pub const ALL: [PeMode; 8] = [
        PeMode::Int8,
        PeMode::Int8Int4,
        PeMode::Fp16Int4,
        PeMode::Bf16Int4,
        PeMode::Fp16Int8,
        PeMode::Bf16Int8,
        PeMode::Fp16,
        PeMode::Bf16,
    ];

    /// Names in assembler text and configurations, in the order of their numbers.
    pub const WORDS: [&str; 8] = [
        "int8",
        "int8_int4",
        "fp16_int4",
        "bf16_int4",
        "fp16_int8",
        "bf16_int8",
        "fp16",
        "bf16",
    ];

    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Its name in assembler text and configurations.
    pub const fn word(self) -> &'static str {
        PeMode::WORDS[self as usize]
    }

    /// Format of the activations; none for int8 codes.
    pub const fn format(self) -> Option<FloatFormat> {
        match self {
            PeMode::Int8 | PeMode::Int8Int4 => None,
            PeMode::Fp16Int4 | PeMode::Fp16Int8 | PeMode::Fp16 => Some(FloatFormat::Fp16),
            PeMode::Bf16Int4 | PeMode::Bf16Int8 | PeMode::Bf16 => Some(FloatFormat::Bf16),
        }
    }

    /// What the packet holds.
    pub const fn stream(self) -> StreamKind {
        match self {
            PeMode::Int8 => StreamKind::Int8Pair,
            PeMode::Int8Int4 => StreamKind::Int4Pair,
            PeMode::Fp16Int4 | PeMode::Bf16Int4 => StreamKind::Int4,
            PeMode::Fp16Int8 | PeMode::Bf16Int8 => StreamKind::Int8,
            PeMode::Fp16 => StreamKind::Fp16,
            PeMode::Bf16 => StreamKind::Bf16,
        }
    }

    /// Bytes of a vector of `len` elements in the packet.
    pub const fn bytes(self, len: u32) -> u64 {
        len as u64 * self.stream().bits() as u64 / 8
    }

    /// Whether the packet holds floats, so that two rows share the multipliers of a pair by halves.
    pub const fn halves(self) -> bool {
        self.stream().float().is_some()
    }

    /// Whether the packet holds nibbles, so that a row takes two pairs.
    pub const fn nibbles(self) -> bool {
        self.stream().bits() == 4
    }

    /// Where operands of the rows go.
    pub(super) const fn order(self) -> Order {
        match (self.format(), self.stream().bits()) {
            (None, 8) | (Some(_), 16) => Order::Rows,
            (None, _) => Order::Doubled,
            (Some(_), 8) => Order::Pairs,
            (Some(_), _) => Order::Fours,
        }
    }

    /// Most rows of an array of `rows` rows: two rows of codes share a pair of multipliers, one of floats takes them.
    pub const fn most_rows(self, rows: u32) -> u32 {
        let pairs = rows.div_ceil(2);
        match self.order() {
            Order::Rows => rows,
            Order::Doubled => pairs / 2 * 2,
            Order::Pairs => pairs,
            Order::Fours => pairs / 2,
        }
    }
}

/// The modes that an array has: bit k stands for the mode of number k.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeModes(u8);

impl PeModes {
    /// int8 alone, which every array has.
    pub const INT8: PeModes = PeModes(1);

    /// These modes, and int8.
    pub fn of(modes: &[PeMode]) -> PeModes {
        PeModes(modes.iter().fold(1, |set, m| set | 1 << m.code()))
    }

    pub const fn has(self, mode: PeMode) -> bool {
        self.0 >> mode.code() & 1 == 1
    }

    pub fn iter(self) -> impl Iterator<Item = PeMode> {
        PeMode::ALL.into_iter().filter(move |&m| self.has(m))
    }

    /// The mode of an instruction's flags, if the array has it.
    pub fn of_flags(self, flags: u8) -> Option<PeMode> {
        self.iter().find(|m| m.code() == u32::from(flags >> 4))
    }

    /// Whether it is int8 alone.
    pub(super) fn plain(self) -> bool {
        self == PeModes::INT8
    }

    pub(super) fn both(self) -> bool {
        self.formats() == Some(Formats::Both)
    }

    fn any(self, of: impl Fn(PeMode) -> bool) -> bool {
        self.iter().any(of)
    }

    /// Formats of activations, if there are float modes.
    pub(super) fn formats(self) -> Option<Formats> {
        let format = |f| self.any(|m| m.format() == Some(f));
        match (format(FloatFormat::Fp16), format(FloatFormat::Bf16)) {
            (false, false) => None,
            (true, false) => Some(Formats::Fp16),
            (false, true) => Some(Formats::Bf16),
            (true, true) => Some(Formats::Both),
        }
    }

    pub(super) fn floats(self) -> bool {
        self.formats().is_some()
    }

    pub(super) fn halves(self) -> bool {
        self.any(PeMode::halves)
    }

    pub(super) fn nibbles(self) -> bool {
        self.any(PeMode::nibbles)
    }

    /// What beats of the packets hold, in the order of their kinds.
    pub(super) fn kinds(self) -> Vec<StreamKind> {
        let kinds = StreamKind::ALL.into_iter();
        kinds.filter(|&k| self.any(|m| m.stream() == k)).collect()
    }
}

impl PeParams {
    /// Elements of the packet in a beat.
    pub const fn beat_elements(&self, mode: PeMode) -> u32 {
        self.bus_bits / mode.stream().bits()
    }

    /// The least of all modes.
    pub(super) fn least_beat_elements(&self) -> u32 {
        match self.modes.halves() {
            true => self.macs() / 2,
            false => self.macs(),
        }
    }
}
