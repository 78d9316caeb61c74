//! Static allocation of the scratchpad: every vector of the program has a named place for the whole run.
//!
//! What each token of a prefill block has for itself lies together and is copied at one distance for all its places, so that
//! one register addresses all of them in a loop over tokens.

use hw::isa::Operand;
use indexmap::IndexMap;

use super::CompileError;
use super::emit::reg;

/// A named run of scratchpad words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// First word.
    pub addr: u32,
    /// Words.
    pub words: u32,
    /// Register that is added to the address, in loops; 0 is none.
    pub reg: u8,
}

impl Place {
    /// A place that no register moves.
    pub fn new(addr: u32, words: u32) -> Place {
        Place {
            addr,
            words,
            reg: 0,
        }
    }

    /// Its address as an operand.
    pub fn at(self) -> Operand {
        reg(self.reg, self.addr)
    }

    /// The same place as register `reg` moves it.
    pub fn moved_by(self, reg: u8) -> Place {
        Place { reg, ..self }
    }

    /// The place `words` behind.
    pub fn behind(self, words: u32) -> Place {
        Place {
            addr: self.addr + words,
            ..self
        }
    }

    /// The `count` words from word `start` of this place.
    pub fn part(self, start: u32, count: u32) -> Place {
        debug_assert!(start + count <= self.words);
        Place {
            words: count,
            ..self.behind(start)
        }
    }

    /// Word `index` alone.
    pub fn word(self, index: u32) -> Place {
        self.part(index, 1)
    }

    /// Whether they share words; both are where their registers, if any, hold 0.
    pub fn overlaps(self, other: Place) -> bool {
        self.addr < other.addr + other.words && other.addr < self.addr + self.words
    }
}

/// Allocator; names are for people who debug the program and go into the manifest.
pub struct Scratch {
    lanes: u32,
    size: u32,
    next: u32,
    places: IndexMap<String, Place>,
}

impl Scratch {
    pub fn new(lanes: u32, size: u32) -> Scratch {
        Scratch {
            lanes,
            size,
            next: 0,
            places: IndexMap::new(),
        }
    }

    fn take(&mut self, name: &str, words: u32) -> Place {
        let place = Place::new(self.next, words);
        self.next += words;
        self.places.insert(name.to_string(), place);
        place
    }

    /// Place of `n` f32 or i32 elements.
    pub fn words32(&mut self, name: &str, n: u32) -> Place {
        self.take(name, n.div_ceil(self.lanes))
    }

    /// Place of `n` int8 elements.
    pub fn bytes(&mut self, name: &str, n: u32) -> Place {
        self.take(name, n.div_ceil(4 * self.lanes))
    }

    /// Places of `n` scalars, one word each.
    pub fn scalars(&mut self, name: &str, n: u32) -> Place {
        self.take(name, n)
    }

    /// Copies of all places from word `start` on, until each is there `count` times; returns their distance.
    pub fn copies(&mut self, start: u32, count: u32) -> u32 {
        let distance = self.next - start;
        let all = self.places.iter().filter(|(_, p)| p.addr >= start);
        let originals: Vec<(String, Place)> = all.map(|(n, p)| (n.clone(), *p)).collect();
        for copy in 1..count {
            for (name, place) in &originals {
                let place = place.behind(copy * distance);
                self.places.insert(format!("{name}.{copy}"), place);
            }
        }
        self.next = start + count * distance;
        distance
    }

    /// Words needed so far.
    pub fn used(&self) -> u32 {
        self.next
    }

    /// All names with their places.
    ///
    /// # Errors
    /// The scratchpad is too small; the message names the size that would do.
    pub fn finish(self) -> Result<IndexMap<String, Place>, CompileError> {
        if self.next > self.size {
            return Err(CompileError::ScratchpadTooSmall {
                need: self.next,
                have: self.size,
            });
        }
        Ok(self.places)
    }
}
