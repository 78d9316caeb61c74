//! `tritforge packing` as a user meets it.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper: a failure here fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn packing(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tritforge"))
        .args(["--json", "packing"])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn found(dir: &Path, args: &[&str]) -> Value {
    let out = packing(dir, args);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {err}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn refused(dir: &Path, args: &[&str], wanted: &[&str]) {
    let out = packing(dir, args);
    let all = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(out.status.code(), Some(2), "{args:?}: {all}");
    assert!(!all.contains("panicked"), "{args:?}: {all}");
    for words in wanted {
        assert!(all.contains(words), "{args:?}: no `{words}` in: {all}");
    }
}

#[test]
fn a_layout_is_found_proven_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let fp16 = found(dir.path(), &["--a", "11u", "--b", "11u", "--out", "build"]);
    assert_eq!((&fp16["products"], &fp16["dsp"]), (&2.into(), &1.into()));
    assert_eq!(fp16["proof"]["by"], "intervals");
    assert!(fp16["svg"].as_str().unwrap().starts_with("<svg"));
    let mut names: Vec<String> = fs::read_dir(dir.path().join("build"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let name = "packed_11u_11u_2_dsp48e2";
    let wanted = ["packed_low_6_of_6x6.v".into(), "sim_DSP48E2.v".into()];
    let own = ["svg", "toml", "v"].map(|end| format!("{name}.{end}"));
    assert_eq!(names, own.into_iter().chain(wanted).collect::<Vec<_>>());
    // What it wrote is a layout that it reads and finds to be the same.
    let again = found(
        dir.path(),
        &["--layout", &format!("build/{name}.toml"), "--out", "again"],
    );
    assert_eq!(again["layout"], fp16["layout"]);
    // Few operands are tried one by one; fabric that may cost nothing gives fewer products.
    let int4 = found(
        dir.path(),
        &[
            "--a",
            "4s",
            "--b",
            "4s",
            "--products",
            "4",
            "--out",
            "build4",
        ],
    );
    assert_eq!(int4["proof"]["cases"], 1 << 20);
    let free = found(
        dir.path(),
        &["--a", "3u", "--b", "3u", "--luts", "0", "--out", "build3"],
    );
    assert_eq!(free["products"], 6);
    assert_eq!(free["lut"], 0);
}

#[test]
fn a_layout_that_is_not_exact_is_refused_with_a_counterexample() {
    let dir = tempfile::tempdir().unwrap();
    let file = |text: &str| fs::write(dir.path().join("mine.toml"), text).unwrap();
    let args = ["--layout", "mine.toml", "--out", "build"];
    file("a = \"11u\"\nb = \"11u\"\na_at = [0, 15]\nb_at = [0]\nrecompute = [0, 6]\n");
    refused(
        dir.path(),
        &args,
        &["not exact", "a = [", "b = [", "gives", ", not "],
    );
    file("a = \"11u\"\nb = \"11u\"\na_at = [0, 9]\nb_at = [0]\n");
    refused(dir.path(), &args, &["do not fit port a of 27 bits"]);
    file("a = \"11x\"\nb = \"11u\"\na_at = [0]\nb_at = [0]\n");
    refused(dir.path(), &args, &["`11x` is no operand", "mine.toml"]);
    file("a = \"11u\"\nb = \"11u\"\na_at = [0, 99]\nb_at = [0]\n");
    refused(dir.path(), &args, &["weight 99"]);
    for recompute in ["[0]", "[0, 7, 7]", "[0, 4000000000]"] {
        file(&format!(
            "a = \"11u\"\nb = \"11u\"\na_at = [0, 15]\nb_at = [0]\nrecompute = {recompute}\n"
        ));
        refused(
            dir.path(),
            &args,
            &["low bits of lane", "one number below 40"],
        );
    }
    file("a = \"11u\"\nb = \"11u\"\na_at = [0]\n");
    refused(dir.path(), &args, &["b_at"]);
    assert!(!dir.path().join("build").exists());
    refused(
        dir.path(),
        &["--a", "17s", "--b", "17s", "--products", "3"],
        &["no layout", "products there are: 1 "],
    );
    refused(dir.path(), &["--a", "1u", "--b", "4u"], &["2 to 17 bits"]);
}
