//! The scratchpad as plain words: layouts of vectors and the bounds check.

use thiserror::Error;

/// An access at or past the end of the scratchpad (cause `SCRATCH_RANGE`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("scratchpad word {addr} is past the end ({words} words)")]
pub struct RangeFault {
    /// The word accessed.
    pub addr: u32,
    /// Words there are.
    pub words: u32,
}

/// Words of L lanes of 32 bits, addressed by word. All words are zero at first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scratchpad {
    lanes: usize,
    data: Vec<u32>,
}

impl Scratchpad {
    /// `words` words of `lanes` lanes.
    pub fn new(words: u32, lanes: u32) -> Scratchpad {
        Scratchpad {
            lanes: lanes as usize,
            data: vec![0; words as usize * lanes as usize],
        }
    }

    /// Lanes L of a word.
    pub fn lanes(&self) -> u32 {
        self.lanes as u32
    }

    /// Words there are.
    pub fn words(&self) -> u32 {
        (self.data.len() / self.lanes) as u32
    }

    /// All lanes of all words, word 0 first.
    pub fn as_slice(&self) -> &[u32] {
        &self.data
    }

    /// Lanes of words `addr .. addr + count`. The fault names the first word out of range.
    fn span(&self, addr: u32, count: usize) -> Result<std::ops::Range<usize>, RangeFault> {
        let words = self.words();
        if count == 0 {
            return Ok(0..0);
        }
        if u64::from(addr) + count as u64 > u64::from(words) {
            return Err(RangeFault {
                addr: addr.max(words),
                words,
            });
        }
        let start = addr as usize * self.lanes;
        Ok(start..start + count * self.lanes)
    }

    /// The lanes of one word.
    pub fn word(&self, addr: u32) -> Result<&[u32], RangeFault> {
        let span = self.span(addr, 1)?;
        Ok(&self.data[span])
    }

    /// Writes the low lanes of one word; lanes that `value` lacks become 0.
    pub fn write_word(&mut self, addr: u32, value: &[u32]) -> Result<(), RangeFault> {
        self.write_u32s(addr, &value[..value.len().min(self.lanes)], 1)
    }

    /// Lane 0.
    pub fn read_scalar(&self, addr: u32) -> Result<u32, RangeFault> {
        Ok(self.word(addr)?[0])
    }

    /// `value` in every lane.
    pub fn write_scalar(&mut self, addr: u32, value: u32) -> Result<(), RangeFault> {
        let span = self.span(addr, 1)?;
        self.data[span].fill(value);
        Ok(())
    }

    /// `n` elements of 32 bits from word `addr`.
    pub fn read_u32s(&self, addr: u32, n: usize) -> Result<Vec<u32>, RangeFault> {
        let span = self.span(addr, n.div_ceil(self.lanes))?;
        Ok(self.data[span][..n].to_vec())
    }

    /// Writes `count` whole words from `addr`; lanes past the end of `values` become 0. Nothing is written when
    /// a word is out of range.
    fn write_u32s(&mut self, addr: u32, values: &[u32], count: usize) -> Result<(), RangeFault> {
        let span = self.span(addr, count)?;
        let (head, tail) = self.data[span].split_at_mut(values.len());
        head.copy_from_slice(values);
        tail.fill(0);
        Ok(())
    }

    /// `n` i32 elements from word `addr`.
    pub fn read_i32s(&self, addr: u32, n: usize) -> Result<Vec<i32>, RangeFault> {
        let bits = self.read_u32s(addr, n)?;
        Ok(bits.into_iter().map(u32::cast_signed).collect())
    }

    /// A vector of i32; lanes past its end become 0.
    pub fn write_i32s(&mut self, addr: u32, values: &[i32]) -> Result<(), RangeFault> {
        let bits: Vec<u32> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.write_u32s(addr, &bits, bits.len().div_ceil(self.lanes))
    }

    /// `n` f32 elements from word `addr`.
    pub fn read_f32s(&self, addr: u32, n: usize) -> Result<Vec<f32>, RangeFault> {
        let bits = self.read_u32s(addr, n)?;
        Ok(bits.into_iter().map(f32::from_bits).collect())
    }

    /// A vector of f32; lanes past its end become 0.
    pub fn write_f32s(&mut self, addr: u32, values: &[f32]) -> Result<(), RangeFault> {
        let bits: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
        self.write_u32s(addr, &bits, bits.len().div_ceil(self.lanes))
    }

    /// `n` i8 elements from word `addr`, 4 L in a word.
    pub fn read_i8s(&self, addr: u32, n: usize) -> Result<Vec<i8>, RangeFault> {
        let bits = self.read_u32s(addr, n.div_ceil(4 * self.lanes) * self.lanes)?;
        let bytes = bits.iter().flat_map(|w| w.to_le_bytes());
        Ok(bytes.take(n).map(u8::cast_signed).collect())
    }

    /// A vector of i8; bytes past its end become 0.
    pub fn write_i8s(&mut self, addr: u32, values: &[i8]) -> Result<(), RangeFault> {
        let bytes: Vec<u8> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.write_bytes(addr, &bytes)
    }

    /// `n` bytes from word `addr`, lowest lane first.
    pub fn read_bytes(&self, addr: u32, n: usize) -> Result<Vec<u8>, RangeFault> {
        let signed = self.read_i8s(addr, n)?;
        Ok(signed.into_iter().map(i8::cast_unsigned).collect())
    }

    /// Whole words from bytes, lowest lane first; bytes past the end become 0.
    pub fn write_bytes(&mut self, addr: u32, bytes: &[u8]) -> Result<(), RangeFault> {
        let bits: Vec<u32> = bytes
            .chunks(4)
            .map(|c| {
                c.iter()
                    .rev()
                    .fold(0, |word, &byte| word << 8 | u32::from(byte))
            })
            .collect();
        self.write_u32s(addr, &bits, bytes.len().div_ceil(4 * self.lanes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_padded_with_zeros_to_whole_words() {
        let mut s = Scratchpad::new(8, 4);
        for a in 0..8 {
            s.write_scalar(a, u32::MAX).unwrap();
        }
        s.write_i8s(1, &[-1, 2, -3, 4, -5]).unwrap();
        assert_eq!(s.word(1).unwrap(), [0x04fd_02ff, 0xfb, 0, 0]);
        assert_eq!(s.read_i8s(1, 5).unwrap(), [-1, 2, -3, 4, -5]);
        s.write_f32s(2, &[1.0, -2.5, 0.0, 3.0, 4.0]).unwrap();
        assert_eq!(s.read_f32s(2, 6).unwrap(), [1.0, -2.5, 0.0, 3.0, 4.0, 0.0]);
        assert_eq!(s.word(4).unwrap(), [u32::MAX; 4], "next word untouched");
        s.write_i32s(4, &[-7]).unwrap();
        assert_eq!(s.read_i32s(4, 4).unwrap(), [-7, 0, 0, 0]);
        s.write_scalar(5, 9).unwrap();
        assert_eq!((s.read_scalar(5), s.word(5).unwrap()), (Ok(9), &[9; 4][..]));
    }

    #[test]
    fn an_access_past_the_end_names_the_first_word_out_of_range_and_writes_nothing() {
        let mut s = Scratchpad::new(8, 2);
        let fault = |addr| Err(RangeFault { addr, words: 8 });
        assert_eq!(s.write_i32s(6, &[1; 5]), fault(8));
        assert_eq!(s.read_scalar(6), Ok(0));
        assert_eq!(s.read_scalar(9).map(|_| ()), fault(9));
        assert_eq!(s.read_i32s(7, 3).map(|_| ()), fault(8));
        assert_eq!(s.write_i32s(20, &[]), Ok(()));
    }
}
