//! Benchmarks: what the cores of the ternary engine and the products of the array cost, beside what others have built.

mod chart;
pub mod pe;
mod plot;
mod rivals;
mod table;

pub use plot::svg;
pub use rivals::{RIVALS, Rival};
pub use table::{csv, text};
pub use tb::bench::{BenchError, Row, SHAPE};

use hw::tlmm::core::{Code, Core, Technology};
use tb::bench::{self, Place, fabric, register, select, table as tables};
use tb::liberty::Library;
use tb::nextpnr;

/// A core, and where it is measured.
pub struct Config<'a> {
    core: Core,
    place: Place<'a>,
}

impl Config<'_> {
    /// Core and technology.
    pub fn name(&self) -> String {
        let place = match self.place {
            Place::Xcup => "UltraScale+",
            Place::Ecp5(_) => "ECP5",
            Place::Asic(library) => &library.name,
        };
        format!("{} for {place}", bench::name(&self.core))
    }

    /// Measures it.
    ///
    /// # Errors
    /// Rules that its parameters break, or what a tool refuses, with the end of its log.
    pub fn measure(&self) -> Result<Row, BenchError> {
        tb::bench::measure(&self.core, self.place)
    }
}

/// The cores of the list. Quick: a small one of each code for UltraScale+. All: growing batch up to 1728 products a cycle,
/// and, of the same tables in registers and of select-and-add, what they cost there, placed on ECP5, and mapped
/// to `library` when there is one.
pub fn configs<'a>(
    quick: bool,
    ecp5: &'a nextpnr::Options,
    library: Option<&'a Library>,
) -> Vec<Config<'a>> {
    use Code::{G3, Sherry};
    const SMALL: [(Code, u32); 2] = [(G3, 48), (Sherry, 40)];
    let on = |place: Place<'a>, core: Core| Config { core, place };
    let mut all = Vec::new();
    if quick {
        all.extend(SMALL.map(|(code, t)| on(Place::Xcup, tables(code, t, 4, 1))));
    } else {
        for (code, small, large) in [(G3, 48, 72), (Sherry, 40, 80)] {
            let sizes = [
                (16, 4, 1),
                (small, 4, 1),
                (small, 8, 1),
                (large, 4, 2),
                (small, 4, 4),
            ];
            all.extend(sizes.map(|(t, q, b)| on(Place::Xcup, tables(code, t, q, b))));
            all.push(on(Place::Xcup, register(code, 16, 4, Technology::Generic)));
        }
        for (code, t) in [(G3, 144), (Sherry, 128)] {
            all.extend([2, 4].map(|b| on(Place::Xcup, fabric(code, t, 2, b))));
        }
        all.push(on(Place::Xcup, select(32, 8, Technology::Generic)));
        let place = Place::Ecp5(ecp5);
        all.push(on(place, select(32, 8, Technology::Ecp5)));
        all.push(on(place, register(G3, 8, 8, Technology::Ecp5)));
        all.push(on(place, register(Sherry, 8, 8, Technology::Ecp5)));
    }
    if let Some(library) = library {
        let place = Place::Asic(library);
        let sizes = if quick { (16, 8) } else { (64, 16) };
        all.push(on(place, select(sizes.0, sizes.1, Technology::Asic)));
        for code in [G3, Sherry] {
            all.push(on(
                place,
                register(code, sizes.0 / 4, sizes.1, Technology::Asic),
            ));
        }
    }
    all
}
