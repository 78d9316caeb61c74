//! tokenizer.json: text to token ids and back, and decoding one token at a time.

use std::path::{Path, PathBuf};

/// What can go wrong with a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// The file is not a tokenizer.
    #[error("{}: not a tokenizer: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// The tokenizer knows ids that the model has no embedding for.
    #[error("{}: has token id {id}, but the model's vocabulary ends at {vocab}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its largest id.
        id: u32,
        /// Tokens the model knows.
        vocab: usize,
    },
    /// A text can not be encoded or ids can not be decoded.
    #[error("the tokenizer refuses: {0}")]
    Text(String),
}

/// A model directory's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads tokenizer.json; `None` when the directory has none, so that only token ids can be used.
    ///
    /// # Errors
    /// The file is not a tokenizer, or has ids from `vocab` on.
    pub fn open(dir: &Path, vocab: usize) -> Result<Option<Self>, TokenizerError> {
        let file = dir.join("tokenizer.json");
        if !file.exists() {
            return Ok(None);
        }
        let inner = tokenizers::Tokenizer::from_file(&file).map_err(|e| TokenizerError::File {
            file: file.clone(),
            why: e.to_string(),
        })?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if largest as usize >= vocab {
            return Err(TokenizerError::TooLarge {
                file,
                id: largest,
                vocab,
            });
        }
        Ok(Some(Self { inner }))
    }

    /// Token ids of a text, with the special tokens the tokenizer itself adds.
    ///
    /// # Errors
    /// The tokenizer has no token for a part of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode(text, true).map_err(|e| refuse(&*e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of token ids, without special tokens.
    ///
    /// # Errors
    /// The tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, true).map_err(|e| refuse(&*e))
    }

    /// Id of a token by its text, special tokens included.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Decodes a sequence as it is produced.
    pub fn stream(&self) -> StreamDecoder<'_> {
        StreamDecoder {
            tokenizer: self,
            ids: Vec::new(),
            read: 0,
        }
    }
}

fn refuse(error: &(dyn std::error::Error + Send + Sync)) -> TokenizerError {
    TokenizerError::Text(error.to_string())
}

/// Text of a growing sequence: what [`push`](Self::push) returns, put together, is the decoded sequence.
///
/// A token's text depends on its neighbours (spaces, bytes of one character), so that a window of the last
/// tokens is decoded twice, with and without the new ones, and the difference is given out once it ends in a
/// whole character.
#[derive(Debug, Clone)]
pub struct StreamDecoder<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    read: usize,
}

impl StreamDecoder<'_> {
    /// Adds a token; `None` while its text is not complete.
    ///
    /// # Errors
    /// The tokenizer's decoder fails.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, TokenizerError> {
        self.ids.push(id);
        let (known, text) = self.window()?;
        if text.ends_with('\u{fffd}') || text.len() <= known {
            return Ok(None);
        }
        let fresh = text.get(known..).map(str::to_owned);
        if fresh.is_some() {
            // Tokens given out before this step's are never decoded again.
            self.ids.drain(..self.read);
            self.read = self.ids.len();
        }
        Ok(fresh)
    }

    /// What is left at the end of the sequence, incomplete characters as U+FFFD.
    ///
    /// # Errors
    /// The tokenizer's decoder fails.
    pub fn finish(self) -> Result<String, TokenizerError> {
        let (known, text) = self.window()?;
        Ok(text.get(known..).unwrap_or_default().to_owned())
    }

    fn window(&self) -> Result<(usize, String), TokenizerError> {
        let known = self.tokenizer.decode(&self.ids[..self.read])?.len();
        Ok((known, self.tokenizer.decode(&self.ids)?))
    }
}
