//! tokenizer.json: round trips, and streams that give out only whole characters.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use serde_json::{Value, json};
use tritforge_gen::model::{Tokenizer, TokenizerError};

/// Words with spaces in front, and bytes for everything else.
fn byte_fallback() -> Value {
    let mut vocab = serde_json::Map::new();
    for (id, token) in ["<unk>", "<s>", "</s>"].iter().enumerate() {
        vocab.insert((*token).to_owned(), json!(id));
    }
    for byte in 0..256 {
        vocab.insert(format!("<0x{byte:02X}>"), json!(3 + byte));
    }
    for (at, token) in ["▁", "T", "h", "e", "▁c", "a", "t", "c"].iter().enumerate() {
        vocab.insert((*token).to_owned(), json!(259 + at));
    }
    json!({
        "version": "1.0",
        "added_tokens": [
            {"id": 1, "content": "<s>", "special": true, "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false},
        ],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true,
                  "vocab": vocab, "merges": [["▁", "c"]]},
    })
}

fn open(text: &str, vocab: usize) -> Result<Option<Tokenizer>, TokenizerError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokenizer.json"), text).unwrap();
    Tokenizer::open(dir.path(), vocab)
}

#[test]
fn text_survives_and_streams_in_whole_characters() {
    let tokenizer = open(&byte_fallback().to_string(), 267).unwrap().unwrap();
    for text in ["The cat", "The é cat 🙂 at", " at  a", ""] {
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        let mut stream = tokenizer.stream();
        let mut pieces = Vec::new();
        for id in &ids {
            pieces.extend(stream.push(*id).unwrap());
        }
        assert!(
            pieces.iter().all(|piece| !piece.contains('\u{fffd}')),
            "{pieces:?}"
        );
        pieces.push(stream.finish().unwrap());
        assert_eq!(pieces.concat(), text);
    }
    assert_eq!(tokenizer.id("<s>"), Some(1));
    assert_eq!(tokenizer.decode(&[1, 260, 261]).unwrap(), "Th");
}

#[test]
fn half_a_character_at_the_end_is_not_lost() {
    let tokenizer = open(&byte_fallback().to_string(), 267).unwrap().unwrap();
    let mut stream = tokenizer.stream();
    assert_eq!(stream.push(260).unwrap(), Some("T".to_owned()));
    assert_eq!(stream.push(3 + 0xc3).unwrap(), None);
    assert_eq!(stream.finish().unwrap(), "\u{fffd}");
}

#[test]
fn a_directory_without_tokenizer_has_token_ids_only() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Tokenizer::open(dir.path(), 10).unwrap().is_none());
}

#[test]
fn unusable_tokenizers_are_refused() {
    let error = open("{\"version\":", 10).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("tokenizer.json: not a tokenizer"),
        "{error}"
    );
    let error = open(&byte_fallback().to_string(), 200).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("token id 266, but the model's vocabulary ends at 200")
    );
}
