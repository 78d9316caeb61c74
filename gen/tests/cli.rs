//! The command line as a user meets it: results, exit codes, and mistakes that leave nothing behind.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper: a failure here fails the test"
)]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A folder with a tiny model, `model/`, that has a tokenizer of the words `w2` to `w128`.
fn workspace() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ref/nano");
    let to = dir.path().join("model");
    fs::create_dir(&to).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let mut vocab: Map<String, Value> = (2..129).map(|i| (format!("w{i}"), i.into())).collect();
    vocab.insert("<bos>".into(), 0.into());
    vocab.insert("<eos>".into(), 1.into());
    let special = [(0, "<bos>"), (1, "<eos>")].map(|(id, content)| {
        json!({
            "id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false,
        })
    });
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w2"},
    });
    fs::write(to.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    dir
}

/// A configuration for that model with more lines after `[model] path`.
fn config(dir: &Path, lines: &str) -> PathBuf {
    let file = dir.join("c.toml");
    fs::write(&file, format!("[model]\npath = \"model\"\n{lines}\n")).unwrap();
    file
}

fn tritforge(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tritforge"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Refused as input, with all of `wanted` on standard error and nothing on standard output.
fn refused(dir: &Path, args: &[&str], wanted: &[&str]) {
    let out = tritforge(dir, args);
    let err = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {err}");
    assert!(out.stdout.is_empty(), "{args:?}");
    assert!(!err.contains("panicked"), "{args:?}: {err}");
    for words in wanted {
        assert!(err.contains(words), "{args:?}: no `{words}` in: {err}");
    }
}

fn lines(out: &Output) -> Vec<Value> {
    let text = text(&out.stdout);
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn a_misspelt_key_is_shown_with_its_place_and_the_key_that_was_meant() {
    let dir = workspace();
    config(dir.path(), "[engine]\ngruops = 8");
    let wanted = [
        "unknown key `gruops`",
        "c.toml:4:1",
        "did you mean `groups`?",
    ];
    refused(dir.path(), &["check", "--config", "c.toml"], &wanted);
    refused(
        dir.path(),
        &["gen", "--config", "c.toml", "--out", "out"],
        &wanted,
    );
    assert!(!dir.path().join("out").exists());

    let out = tritforge(dir.path(), &["check", "--json", "--config", "c.toml"]);
    let answer = &lines(&out)[0];
    assert_eq!(
        (answer["ok"].as_bool(), out.status.code()),
        (Some(false), Some(2))
    );
    assert_eq!(answer["messages"][0]["place"]["line"], 4);
}

#[test]
fn sizes_that_do_not_fit_each_other_are_refused() {
    let dir = workspace();
    for (lines, wanted) in [
        (
            "[engine]\nscratchpad_words = 512",
            "set engine.scratchpad_words to 2048",
        ),
        ("[engine]\npe_rows = 17", "the nearest legal value is 16"),
        (
            "[engine]\nweight_format = \"sherry\"",
            "exactly one zero in every four weights",
        ),
        ("context = 4096", "the nearest legal value is 128"),
        ("[target]\nboard = \"kv26\"", "did you mean \"kv260\"?"),
    ] {
        config(dir.path(), lines);
        refused(dir.path(), &["check", "-c", "c.toml"], &[wanted, "c.toml:"]);
    }
}

#[test]
fn an_unusable_model_is_refused_and_nothing_is_written() {
    let dir = workspace();
    config(dir.path(), "");
    let gen_args = ["gen", "-c", "c.toml", "--out", "out"];
    let weights = dir.path().join("model/model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    refused(dir.path(), &gen_args, &["model.safetensors", "c.toml:2:8"]);
    fs::remove_file(&weights).unwrap();
    refused(dir.path(), &gen_args, &["model.safetensors"]);
    fs::write(dir.path().join("model/tokenizer.json"), "{").unwrap();
    fs::write(&weights, whole).unwrap();
    refused(
        dir.path(),
        &["run", "-m", "model", "-p", "w5"],
        &["tokenizer.json", "not a tokenizer"],
    );
    refused(
        dir.path(),
        &["run", "-m", "nowhere", "-p", "w5"],
        &["no such model directory", "nowhere"],
    );
    refused(
        dir.path(),
        &["check", "-c", "nowhere.toml"],
        &["nowhere.toml", "can not be read"],
    );
    assert!(!dir.path().join("out").exists());
}

#[test]
fn someone_elses_directory_is_left_alone() {
    let dir = workspace();
    config(dir.path(), "");
    fs::create_dir(dir.path().join("thesis")).unwrap();
    fs::write(dir.path().join("thesis/main.tex"), "mine").unwrap();
    let args = ["gen", "-c", "c.toml", "--out", "thesis"];
    refused(
        dir.path(),
        &args,
        &["thesis", "not written by tritforge", "main.tex"],
    );
    refused(
        dir.path(),
        &["gen", "-c", "c.toml", "--out", "c.toml"],
        &["is not a directory"],
    );
    assert_eq!(
        fs::read(dir.path().join("thesis/main.tex")).unwrap(),
        b"mine"
    );
    assert_eq!(fs::read_dir(dir.path().join("thesis")).unwrap().count(), 1);
}

#[test]
fn a_run_that_does_not_fit_is_refused() {
    let dir = workspace();
    config(dir.path(), "context = 8");
    let run = |more: &[&'static str]| [&["run", "-c", "c.toml"], more].concat();
    let long = "w2 w3 w4 w5 w6 w7 w8 w9";
    let of_nine = "the prompt has 9 tokens, but the context holds 8";
    refused(
        dir.path(),
        &run(&["-p", long]),
        &[of_nine, "up to the model's 128"],
    );
    refused(dir.path(), &["sim", "-c", "c.toml", "-p", long], &[of_nine]);
    refused(
        dir.path(),
        &run(&["-p", "w2", "-n", "8"]),
        &["--tokens 7 fits"],
    );
    refused(dir.path(), &run(&["-p", "w2", "-n", "0"]), &["at least 1"]);
    refused(
        dir.path(),
        &run(&["-p", "w2", "--temperature", "-1"]),
        &["--temperature"],
    );
    refused(
        dir.path(),
        &run(&["-p", "w2", "--temperature", "NaN"]),
        &["--temperature"],
    );
    let draw = ["-p", "w2", "--temperature", "1", "--top-k", "17"];
    refused(dir.path(), &run(&draw), &["--top-k must be from 1 to 16"]);
    refused(
        dir.path(),
        &["sim", "-p", "w2", "--stalls", "91"],
        &["--stalls"],
    );
    let nowhere = ["sim", "-c", "c.toml", "-p", "w2", "--trace", "no/wave.fst"];
    refused(dir.path(), &nowhere, &["no/wave.fst", "does not exist"]);
}

#[test]
fn run_streams_the_same_text_for_the_same_seed() {
    let dir = workspace();
    config(dir.path(), "");
    let run = |seed: &str| {
        let args = ["run", "--json", "-c", "c.toml", "-p", "w5 w6", "-n", "6"];
        let draw = ["--temperature", "2", "--seed", seed];
        tritforge(dir.path(), &[&args[..], &draw].concat())
    };
    let events = lines(&run("3"));
    assert_eq!(events[0]["tokens"], json!([0, 5, 6]));
    let tokens = |events: &[Value]| -> Vec<Value> {
        let of = |e: &&Value| e["event"] == "token";
        events
            .iter()
            .filter(of)
            .map(|e| e["token"].clone())
            .collect()
    };
    assert!((1..=6).contains(&tokens(&events).len()));
    assert_eq!(events.last().unwrap()["ok"], true);
    assert_eq!(tokens(&events), tokens(&lines(&run("3"))));
    assert_ne!(tokens(&events), tokens(&lines(&run("4"))));

    let out = tritforge(
        dir.path(),
        &["run", "-m", "model", "-p", "w5 w6", "-n", "3"],
    );
    assert!(
        text(&out.stdout).starts_with("w5 w6 w"),
        "{}",
        text(&out.stdout)
    );
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let dir = workspace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tritforge"))
        .args(["run", "-m", "model", "-p", "w5"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{err}");
    assert!(!err.contains("error") && !err.contains("panicked"), "{err}");
}

#[test]
fn new_writes_a_legal_configuration_and_never_over_another() {
    let dir = workspace();
    assert!(
        tritforge(dir.path(), &["new", "--out", "my.toml"])
            .status
            .success()
    );
    let starter = fs::read_to_string(dir.path().join("my.toml")).unwrap();
    assert!(starter.contains("[engine]") && starter.contains("models/tale"));
    refused(
        dir.path(),
        &["new", "--out", "my.toml"],
        &["my.toml", "exists already"],
    );
    refused(
        dir.path(),
        &["new", "--out", "no/my.toml"],
        &["directory can not be used"],
    );
    assert_eq!(
        fs::read_to_string(dir.path().join("my.toml")).unwrap(),
        starter
    );
}

#[test]
fn check_says_what_the_machine_will_be() {
    let dir = workspace();
    config(dir.path(), "context = 64");
    let out = tritforge(dir.path(), &["check", "--json", "-c", "c.toml"]);
    let answer = &lines(&out)[0];
    assert_eq!(answer["machine"]["pe_max_count"], 64);
    assert_eq!(answer["model"]["hidden"], 128);
    let words = answer["machine"]["scratchpad_words"].as_u64().unwrap();
    assert!(words.is_power_of_two() && words >= 1024);
    let out = tritforge(dir.path(), &["check", "-c", "c.toml"]);
    assert!(
        text(&out.stdout).contains("196 608 ternary weights"),
        "{}",
        text(&out.stdout)
    );
}

#[test]
fn the_schema_and_every_help_are_there() {
    let dir = workspace();
    let out = tritforge(dir.path(), &["schema"]);
    let schema: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(schema["title"], "Tritforge configuration");
    for command in [
        "demo", "new", "check", "gen", "run", "sim", "packing", "schema",
    ] {
        let help = text(&tritforge(dir.path(), &[command, "--help"]).stdout);
        assert!(help.contains("Example"), "{command}");
    }
    refused(dir.path(), &["simulate"], &["sim"]);
}
