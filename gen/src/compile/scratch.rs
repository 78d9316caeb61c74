//! Static allocation of the scratchpad: every vector of the program has a named place for the whole run.

use indexmap::IndexMap;

use super::CompileError;

/// A named run of scratchpad words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// First word.
    pub addr: u32,
    /// Words.
    pub words: u32,
}

impl Place {
    /// The `count` words from word `start` of this place.
    pub fn part(self, start: u32, count: u32) -> Place {
        debug_assert!(start + count <= self.words);
        Place {
            addr: self.addr + start,
            words: count,
        }
    }

    /// Word `index` alone.
    pub fn word(self, index: u32) -> Place {
        self.part(index, 1)
    }

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
        let place = Place {
            addr: self.next,
            words,
        };
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
