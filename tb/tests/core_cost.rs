//! What the cores cost, and the tools that tell.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use hw::tlmm::core::Technology;
use tb::bench::{self, Place};
use tb::liberty::{LibertyError, Library, Options, map};
use tb::nextpnr::{self, NextpnrError, place_ecp5};

/// A library as small as can be: gates, a register, a full adder; each output has one delay.
fn tiny() -> String {
    let pin = |name: &str, more: &str| {
        format!("pin ({name}) {{ direction : \"input\"; capacitance : 0.001; {more} }}\n")
    };
    let table = |name: &str, value: f64| format!("{name} (scalar) {{ values (\"{value}\"); }}\n");
    let output = |name: &str, function: &str, from: &[&str], kind: &str, delay: f64| {
        let timing: String = from
            .iter()
            .map(|f| {
                let tables: String = [
                    ("cell_rise", delay),
                    ("cell_fall", delay),
                    ("rise_transition", 0.1),
                ]
                .into_iter()
                .chain([("fall_transition", 0.1)])
                .map(|(n, v)| table(n, v))
                .collect();
                format!("timing () {{ related_pin : \"{f}\"; {kind} {tables} }}\n")
            })
            .collect();
        format!("pin ({name}) {{ direction : \"output\"; function : \"{function}\"; {timing} }}\n")
    };
    let setup = format!(
        "timing () {{ related_pin : \"CK\"; timing_type : \"setup_rising\"; {} {} }}",
        table("rise_constraint", 0.05),
        table("fall_constraint", 0.05)
    );
    let falls = "timing_sense : \"negative_unate\";";
    let cells = [
        (
            "inv",
            1.0,
            pin("A", "") + &output("Y", "!A", &["A"], falls, 0.1),
        ),
        (
            "buf",
            1.5,
            pin("A", "") + &output("Y", "A", &["A"], "timing_sense : \"positive_unate\";", 0.1),
        ),
        (
            "nand",
            2.0,
            pin("A", "") + &pin("B", "") + &output("Y", "!(A B)", &["A", "B"], falls, 0.2),
        ),
        (
            "adder",
            5.0,
            ["X", "Y", "Z"].map(|n| pin(n, "")).concat()
                + &output(
                    "S",
                    "X ^ Y ^ Z",
                    &["X", "Y", "Z"],
                    "timing_sense : \"non_unate\";",
                    0.5,
                )
                + &output(
                    "C",
                    "X Y + Z (X + Y)",
                    &["X", "Y", "Z"],
                    "timing_sense : \"positive_unate\";",
                    0.4,
                ),
        ),
        (
            "reg",
            4.0,
            "ff (IQ, IQN) { clocked_on : \"CK\"; next_state : \"D\"; }\n".to_string()
                + &pin("CK", "clock : true;")
                + &pin("D", &setup)
                + &output(
                    "Q",
                    "IQ",
                    &["CK"],
                    "timing_type : \"rising_edge\"; timing_sense : \"non_unate\";",
                    0.3,
                ),
        ),
    ];
    let cells =
        cells.map(|(name, area, body)| format!("cell ({name}) {{ area : {area};\n{body} }}\n"));
    format!(
        "library (tiny) {{ /* for tests */\n  time_unit : \"1ns\";\n  capacitive_load_unit (1, pf);\n{}}}\n",
        cells.concat()
    )
}

fn library(dir: &Path, text: &str) -> Result<Library, LibertyError> {
    let path = dir.join("tiny.lib");
    std::fs::write(&path, text).unwrap();
    Library::read(&path)
}

#[test]
fn a_design_is_mapped_to_a_library() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path(), &tiny()).unwrap();
    let adder = "module full_adder (input a, input b, input c, output sum, output carry);\n\
                 assign sum = a ^ b ^ c; assign carry = a & b | c & (a | b);\nendmodule\n";
    let top = "module top (input clk, input a, input b, input c, output reg q, output reg p);\n  reg r; wire s, t;\n  \
               full_adder u (.a(r), .b(b), .c(c), .sum(s), .carry(t));\n  \
               always @(posedge clk) begin r <= a; q <= s; p <= ~t; end\nendmodule\n";
    let files =
        [("full_adder.v", adder), ("top.v", top)].map(|(n, t)| (n.to_string(), t.to_string()));
    let mapped = map(&files, "top", &library, &Options::default()).unwrap();
    let count = |cell: &str| mapped.cells.get(cell).copied().unwrap_or(0);
    assert_eq!(
        (count("adder"), count("reg"), count("inv"), count("nand")),
        (1, 3, 1, 0)
    );
    assert_eq!((mapped.area, mapped.register_area), (18.0, 12.0));
    // Register, adder, setup of the next register.
    assert!(
        (mapped.delay - 0.85).abs() < 1e-9,
        "{} {}",
        mapped.delay,
        mapped.path
    );
}

#[test]
fn a_library_that_does_not_parse_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |text: &str| library(dir.path(), text).unwrap_err().to_string();
    let text = refuse("library (x) {\n  cell (a) {\n    area : 1.0;\n");
    assert!(
        text.ends_with("tiny.lib:4: `}` of the group `cell` is missing before the end of the file"),
        "{text}"
    );
    let text = refuse("module x;");
    assert!(
        text.contains("tiny.lib:1: a liberty file begins with"),
        "{text}"
    );
    let text = refuse("library (x) {\n  area 3;\n}");
    assert!(
        text.contains("tiny.lib:2: `:` or `(` after `area` is missing before \"3\""),
        "{text}"
    );
    assert!(refuse("library (x) { }").contains("no cells"));
    assert!(refuse("library (x) { cell (a) { } }").contains("cell a has no area"));
    let absent = Library::read(Path::new("/absent.lib.gz"))
        .unwrap_err()
        .to_string();
    assert!(absent.starts_with("/absent.lib.gz: "), "{absent}");
    let packed = dir.path().join("not.lib.gz");
    std::fs::write(&packed, "library (x) { }").unwrap();
    assert!(matches!(
        Library::read(&packed),
        Err(LibertyError::Read { .. })
    ));
}

#[test]
#[ignore = "downloads nextpnr (45 MB) when it is not there; a minute"]
fn a_design_is_placed_and_a_refused_one_says_why() {
    let counter = "module top (input clk, output [7:0] q);\n  reg [7:0] n;\n  always @(posedge clk) n <= n + 1;\n  \
                   assign q = n;\nendmodule\n";
    let files = [("top.v".to_string(), counter.to_string())];
    let placed = place_ecp5(&files, "top", &nextpnr::Options::default()).unwrap();
    assert_eq!(placed.ff, 8);
    assert!(
        (8..20).contains(&placed.lut) && placed.fmax_mhz > 200.0,
        "{placed:?}"
    );
    let options = nextpnr::Options {
        package: "nowhere",
        ..nextpnr::Options::default()
    };
    let refused = place_ecp5(&files, "top", &options).unwrap_err();
    assert!(matches!(refused, NextpnrError::Failed { .. }), "{refused}");
    assert!(refused.to_string().contains("nowhere"), "{refused}");
}

/// At most 16 LUT4 a product at 200 MHz, on the slowest speed grade.
#[test]
#[ignore = "place and route of 256 products a cycle: minutes, and nextpnr is downloaded once"]
fn select_and_add_on_ecp5() {
    let row = {
        let core = bench::select(32, 8, Technology::Ecp5);
        bench::measure(&core, Place::Ecp5(&nextpnr::Options::default())).unwrap()
    };
    let (lut, ff) = (row.lut.unwrap() as f64, row.ff.unwrap() as f64);
    let mhz = row.fmax_mhz.unwrap();
    println!(
        "{:.2} LUT4, {:.2} FF a product, {mhz:.1} MHz; {}",
        row.per_mac(lut),
        row.per_mac(ff),
        row.path
    );
    assert!(row.macs_per_cycle >= 256);
    assert!(row.per_mac(lut) <= 16.0 && mhz >= 200.0);
}

/// At most 480 um2 a product in sky130 hd tt. The user gives the library. 5 ns a stage is not reached: the last layers
/// of the tree and the accumulator's adder take 6.1 ns (docs/decisions.md).
#[test]
#[ignore = "needs the path of a liberty file in TRITFORGE_LIBERTY; minutes"]
fn select_and_add_in_silicon() {
    let path =
        std::env::var_os("TRITFORGE_LIBERTY").expect("TRITFORGE_LIBERTY names no liberty file");
    let row = {
        let library = Library::read(Path::new(&path)).unwrap();
        let core = bench::select(64, 16, Technology::Asic);
        bench::measure(&core, Place::Asic(&library)).unwrap()
    };
    let (area, delay) = (row.area.unwrap(), row.delay.unwrap());
    println!(
        "{:.1} um2 a product, {delay:.2} ns; {}",
        row.per_mac(area),
        row.path
    );
    assert!(row.per_mac(area) <= 480.0 && delay <= 6.5);
}
