//! Signature of what an instruction has written, the same in every order of its writes.

/// Sum over writes of `rotl(fold(word), index mod 32) + index`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Signature(pub u32);

impl Signature {
    /// Adds the write of `lanes` at scratchpad address or beat number `index`.
    pub fn write(&mut self, index: u32, lanes: impl IntoIterator<Item = u32>) {
        let fold = lanes
            .into_iter()
            .enumerate()
            .fold(0u32, |acc, (l, lane)| acc ^ lane.rotate_left(l as u32 % 32));
        self.0 = self
            .0
            .wrapping_add(fold.rotate_left(index % 32).wrapping_add(index));
    }

    /// Adds the beats of a packet, `bytes` bytes each.
    pub fn beats(&mut self, data: &[u8], bytes: usize) {
        for (i, beat) in data.chunks(bytes).enumerate() {
            self.write(i as u32, words(beat));
        }
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes
        .chunks(4)
        .map(|c| c.iter().rev().fold(0, |w, &b| w << 8 | u32::from(b)))
}
