//! Text that grows token by token, with a progress line below it when people watch.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, Out};
use crate::model::StreamDecoder;
use crate::project::Project;

/// Columns of streamed text on a terminal.
const COLUMNS: usize = 78;

/// Writes tokens as they come.
pub struct TextStream<'a> {
    decoder: Option<StreamDecoder<'a>>,
    /// A progress line under the text: only where both are terminals, or they would disturb each other.
    bar: Option<ProgressBar>,
    /// The last, incomplete line of text above the progress line.
    line: String,
}

impl<'a> TextStream<'a> {
    /// Shows the prompt; with `progress`, a line below the text can be kept up to date.
    ///
    /// # Errors
    /// The output is closed or can not be written, or the tokenizer's decoder fails.
    pub fn new(
        project: &'a Project,
        prompt: &[u32],
        progress: bool,
        out: &mut Out,
    ) -> Result<Self, Failure> {
        let terminals = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let bar = (progress && terminals && !out.json).then(|| {
            let bar = ProgressBar::new_spinner();
            // Only a constant template: it can not be malformed.
            if let Ok(style) = ProgressStyle::with_template("{msg}\n{spinner} {prefix}") {
                bar.set_style(style);
            }
            bar
        });
        let mut stream = Self {
            decoder: project.tokenizer.as_ref().map(|t| t.stream()),
            bar,
            line: String::new(),
        };
        if out.json {
            out.value(&json!({"event": "prompt", "tokens": prompt}))?;
        }
        for id in prompt {
            let text = stream.decode(*id)?;
            if !out.json {
                stream.show(&text, out)?;
            }
        }
        Ok(stream)
    }

    /// Shows a new token; `facts` are added to it in JSON.
    ///
    /// # Errors
    /// As [`TextStream::new`].
    pub fn token(
        &mut self,
        id: u32,
        facts: &serde_json::Value,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let text = self.decode(id)?;
        if out.json {
            let event = json!({"event": "token", "token": id, "text": text, "facts": facts});
            return out.value(&event);
        }
        self.show(&text, out)
    }

    /// Changes the progress line.
    pub fn progress(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(text);
            bar.tick();
        }
    }

    /// Ends the text with a line break and takes the progress line away.
    ///
    /// # Errors
    /// As [`TextStream::new`].
    pub fn finish(mut self, out: &mut Out) -> Result<(), Failure> {
        let rest = match self.decoder.take() {
            Some(decoder) => decoder
                .finish()
                .map_err(|e| Failure::failed(e.to_string()))?,
            None => String::new(),
        };
        if out.json {
            return if rest.is_empty() {
                Ok(())
            } else {
                out.value(&json!({"event": "rest", "text": rest}))
            };
        }
        match self.bar.take() {
            Some(bar) => {
                bar.finish_and_clear();
                out.print(&format!("{}{rest}\n", self.line))
            }
            None => out.print(&format!("{rest}\n")),
        }
    }

    fn decode(&mut self, id: u32) -> Result<String, Failure> {
        let decoder = self.decoder.as_mut().map(|d| d.push(id));
        match decoder.transpose() {
            Ok(text) => Ok(text.flatten().unwrap_or_default()),
            Err(e) => Err(Failure::failed(e.to_string())),
        }
    }

    fn show(&mut self, text: &str, out: &mut Out) -> Result<(), Failure> {
        let Some(bar) = &self.bar else {
            return out.print(text);
        };
        self.line.push_str(text);
        while let Some((done, rest)) = split_line(&self.line) {
            let (done, rest) = (done.to_owned(), rest.to_owned());
            bar.suspend(|| out.print(&format!("{done}\n")))?;
            self.line = rest;
        }
        bar.set_message(self.line.clone());
        bar.tick();
        Ok(())
    }
}

/// The first line of a text that has one complete: at a line break, or at the last blank that fits the columns.
fn split_line(text: &str) -> Option<(&str, &str)> {
    if let Some((line, rest)) = text.split_once('\n')
        && line.chars().count() <= COLUMNS
    {
        return Some((line, rest));
    }
    let (limit, _) = text.char_indices().nth(COLUMNS)?;
    match text[..limit].rfind(' ') {
        Some(blank) => Some((&text[..blank], &text[blank + 1..])),
        None => Some(text.split_at(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(split_line("short"), None);
        assert_eq!(split_line("a\nb"), Some(("a", "b")));
        let long = format!("{} {}", "x".repeat(70), "y".repeat(20));
        let (line, rest) = split_line(&long).unwrap();
        assert_eq!((line.len(), rest.len()), (70, 20));
        let (line, rest) = split_line(&"ä".repeat(90))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!((line.chars().count(), rest.chars().count()), (COLUMNS, 12));
    }
}
