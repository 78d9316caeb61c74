//! `tritforge bench pe` as a user meets it, and the goals of the array on what it measures.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper: a failure here fails the test"
)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tritforge"))
        .args(["--json", "bench", "pe"])
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn goals_are_reached() {
    let dir = tempfile::tempdir().unwrap();
    let out = bench(&["--quick", "--out", dir.path().to_str().unwrap()]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{err}");
    let rows: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let row = |config: &str| {
        let mut found = rows.iter().filter(|row| row["source"] == "measured");
        found
            .find(|row| row["config"].as_str().unwrap().starts_with(config))
            .unwrap_or_else(|| panic!("no row {config}"))
    };
    let number = |config: &str, key: &str| row(config)[key].as_f64().unwrap();
    for (config, products) in [
        ("8s x 8s", 2.0),
        ("4y x 4y, 8", 8.0),
        ("4y x 4y, 9", 9.0),
        ("11u x 11u, 2", 2.0),
        ("11u x 4s", 3.0),
        ("chain of 16 INT8 pairs", 2.0),
        ("array", 2.0),
    ] {
        assert_eq!(number(config, "products_per_dsp"), products, "{config}");
    }
    for config in ["4y x 4y, 8", "4y x 4y, 9"] {
        assert!(number(config, "lut") <= 75.0, "{config}: {}", row(config));
        assert_ne!(row(config)["proof"], "", "{config}");
    }
    let (ours, papers) = (
        number("11u x 11u, 2 products", "lut_per_product"),
        number("11u x 11u, 2 products, papers", "lut_per_product"),
    );
    assert!(ours < papers, "{ours} of {papers} LUT a product");
    assert_eq!(number("chain of 16 INT8 pairs", "lut"), 0.0);
    let share = number("array", "of_chain_percent");
    assert!(share <= 40.0, "{share} % of the chain of multiply-adds");
    println!("array: {share:.1} %, {}", row("array"));
    println!("chain: {}", row("chain of MACs"));

    let published = rows.iter().filter(|row| row["source"] == "published");
    assert!(published.count() >= 4);
    let csv = fs::read_to_string(dir.path().join("pe.csv")).unwrap();
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let svg = fs::read_to_string(dir.path().join("pe.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("Ultra-DSP"));
}

#[test]
fn names_that_no_row_has_are_refused() {
    let out = bench(&["--only", "no such row"]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains("8s x 8s, 2 products"), "{text}");
}
