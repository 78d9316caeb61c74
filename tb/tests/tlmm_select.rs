//! The select-and-add core against the product's definition, natively and in Verilator, for each technology.

#![allow(clippy::unwrap_used)]

mod core_bench;

use core_bench::{Case, Core, Stalls, build, check, exercise, native, params, verilated};
use hw::tlmm::core::{self, Code, SelectCore, Technology};
use hw::vendor::{ECP5_LINT, ECP5_RAM};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// T, Q, B, K tiles, row tiles.
type Sizes = (u32, u32, u32, u32, u32);

fn select(sizes: Sizes, technology: Technology) -> SelectCore {
    SelectCore::new(params(Code::TwoBit, sizes, 8), technology)
}

fn core(c: &SelectCore) -> Core {
    Core::new(&core::Core::Select(c.clone()))
}

/// Small configurations that differ in everything: one group, one row, one tile, chains of unequal length.
const SHAPES: [Sizes; 5] = [
    (1, 1, 1, 1, 1),
    (2, 3, 4, 3, 2),
    (5, 2, 1, 5, 8),
    (9, 3, 2, 4, 64),
    (19, 2, 1, 9, 16),
];

fn natively(technology: Technology, seed: u32, random: usize) {
    // The last one has as many vectors as the tables of other cores allow.
    for sizes in SHAPES.into_iter().chain([(3, 2, 16, 2, 4)]) {
        let core = core(&select(sizes, technology));
        exercise(&core, &mut native(&core.module, seed), random);
    }
}

#[test]
fn generic_natively() {
    natively(Technology::Generic, 1, 60);
}

#[test]
fn ecp5_natively() {
    natively(Technology::Ecp5, 2, 30);
}

#[test]
fn asic_natively() {
    natively(Technology::Asic, 3, 30);
}

#[test]
fn chains_of_all_lengths() {
    for technology in [Technology::Generic, Technology::Ecp5] {
        for (chain, per_stage) in [(1, 1), (3, 1), (8, 1), (4, 2), (5, 3), (16, 4)] {
            let mut c = select((11, 2, 2, 3, 8), technology);
            (c.chain, c.per_stage) = (chain, per_stage);
            let core = core(&c);
            exercise(&core, &mut native(&core.module, 4), 20);
        }
    }
}

#[test]
fn all_technologies_in_verilator() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        for (seed, sizes) in [
            (0, (9, 3, 2, 4, 1024)),
            (1, (16, 4, 1, 130, 16)),
            (2, (3, 2, 4, 2, 1)),
        ] {
            let core = core(&select(sizes, technology));
            let model = build(&core.module, &[]);
            exercise(&core, &mut verilated(&model, seed), 90);
        }
    }
}

/// An outside oracle for the carry cell: Yosys's own model of it in the place of ours.
#[test]
fn ecp5_with_the_cell_of_yosys() {
    let share = tb::tools::Tools::get()
        .unwrap()
        .site()
        .join("pyosys/share/lattice");
    let read = |name: &str| std::fs::read_to_string(share.join(name)).unwrap();
    let common = read("common_sim.vh");
    let module = |name: &str| {
        let from = common.find(&format!("module {name}")).unwrap();
        let text = &common[from..];
        text[..text.find("endmodule").unwrap() + 10].to_string()
    };
    let cells = [module("LUT2"), module("LUT4"), read("ccu2c_sim.vh")].join("\n");
    let lint = format!("{ECP5_LINT}lint_off -file \"*yosys_cells.v\"\nlint_off -rule SPECIFYIGN\n");
    let core = core(&select((9, 2, 2, 3, 16), Technology::Ecp5));
    let files = [
        ("carry.vlt", lint.as_str()),
        ("yosys_cells.v", &cells),
        ("ecp5_ram.v", ECP5_RAM),
    ];
    exercise(&core, &mut verilated(&build(&core.module, &files), 7), 60);
}

/// One word a cycle, without a pause between K tiles, when there are row tiles enough; a known pace when there are not.
#[test]
fn pace() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        let c = select((16, 2, 1, 16, 64), technology);
        let core = core(&c);
        let mut bench = native(&core.module, 5);
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        for row_tiles in [1, 2, 5, 8, 40] {
            let case = Case::random(&core.params, rng, 2 * row_tiles, 16 * 16);
            let cycles = check(&core, &mut bench, &case, Stalls::default());
            let tile = (row_tiles as u64).max(c.tile_cycles().into());
            let most = 16 * tile + u64::from(c.latency()) + 8;
            assert!(
                cycles <= most,
                "{technology:?}: {cycles} cycles for 16 tiles of {row_tiles}, not {most}"
            );
        }
    }
}
