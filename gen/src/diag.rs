//! Diagnostics: what the user reads when an input is wrong.
//!
//! Libraries return typed errors; at the edge they become [`Diagnostic`]s, which accumulate in
//! [`Diagnostics`] so that one run names every mistake. A message that has a [`Place`] is printed with
//! its line and a caret under the offending text; `help:` lines name the nearest legal value.

use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;

/// How bad a message is. Only errors make the program fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input can not be used.
    Error,
    /// Legal, but surely not what was wanted.
    Warning,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }

    fn style(self) -> Style {
        match self {
            Severity::Error => AnsiColor::BrightRed.on_default().bold(),
            Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        }
    }
}

/// A text the user wrote: its name as shown, and its whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// `name` is what is printed in front of line and column, usually the path as given.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// The name as shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column, both from 1, of a byte offset; columns count characters, not bytes.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let line_start = self.line_start(offset);
        let end = floor_boundary(&self.text, offset);
        let line = self.text[..line_start].matches('\n').count() + 1;
        (line, self.text[line_start..end].chars().count() + 1)
    }

    fn line_start(&self, offset: usize) -> usize {
        let end = floor_boundary(&self.text, offset);
        self.text[..end].rfind('\n').map_or(0, |at| at + 1)
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where in a source a message points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The text pointed into.
    pub source: Source,
    /// Byte range in that text.
    pub span: Range<usize>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, without a trailing full stop.
    pub message: String,
    /// Where, if it is in a text that can be shown.
    pub place: Option<Box<Place>>,
    /// File concerned when there is no text to show.
    pub file: Option<String>,
    /// What to do about it, one line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without place or help.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            file: None,
            help: Vec::new(),
        }
    }

    /// A warning without place or help.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Points into a source.
    #[must_use]
    pub fn at(mut self, source: &Source, span: Range<usize>) -> Self {
        self.place = Some(Box::new(Place {
            source: source.clone(),
            span,
        }));
        self
    }

    /// Names the file, for inputs that are not text.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Adds a `help:` line.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    fn write(&self, out: &mut String, colour: bool) -> fmt::Result {
        let paint = |style: Style| if colour { style } else { Style::new() };
        let severity = paint(self.severity.style());
        let frame = paint(AnsiColor::BrightBlue.on_default().bold());
        let strong = paint(Style::new().bold());
        let word = self.severity.word();
        writeln!(
            out,
            "{severity}{word}{severity:#}{strong}: {}{strong:#}",
            self.message
        )?;
        let mut gutter = 1;
        if let Some(place) = &self.place {
            let Place { source, span } = place.as_ref();
            let (line, column) = source.line_column(span.start);
            let number = line.to_string();
            gutter = number.len();
            writeln!(
                out,
                "{:gutter$}{frame}-->{frame:#} {}:{line}:{column}",
                "", source.name
            )?;
            let start = source.line_start(span.start);
            let shown = source.text[start..].lines().next().unwrap_or_default();
            // A tab has no fixed width; a space keeps the caret under its character.
            let shown = shown.replace('\t', " ");
            let first = column - 1;
            let stop = floor_boundary(&source.text, span.end.max(span.start));
            let begin = floor_boundary(&source.text, span.start);
            let wide = source.text[begin..stop].lines().next().unwrap_or_default();
            let carets = "^".repeat(wide.chars().count().max(1));
            writeln!(out, "{:gutter$} {frame}|{frame:#}", "")?;
            writeln!(out, "{frame}{number} |{frame:#} {shown}")?;
            writeln!(
                out,
                "{:gutter$} {frame}|{frame:#} {:first$}{severity}{carets}{severity:#}",
                "", ""
            )?;
        } else if let Some(file) = &self.file {
            writeln!(out, "{:gutter$}{frame}-->{frame:#} {file}", "")?;
        }
        for help in &self.help {
            writeln!(
                out,
                "{:gutter$} {frame}={frame:#} {strong}help:{strong:#} {help}",
                ""
            )?;
        }
        Ok(())
    }
}

/// Messages in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    messages: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one message.
    pub fn push(&mut self, message: Diagnostic) {
        self.messages.push(message);
    }

    /// Appends all messages of `other`.
    pub fn extend(&mut self, other: Diagnostics) {
        self.messages.extend(other.messages);
    }

    /// The messages.
    pub fn messages(&self) -> &[Diagnostic] {
        &self.messages
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.messages
            .iter()
            .filter(|m| m.severity == Severity::Error)
            .count()
    }

    /// Whether the input can not be used.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// `Err(self)` when there is an error, else `Ok` of the value; warnings stay with `self`.
    pub fn into_result<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.has_errors() {
            Err(self)
        } else {
            Ok((value, self))
        }
    }

    /// All messages as text without escape sequences.
    pub fn plain(&self) -> String {
        self.render(false)
    }

    /// All messages with ANSI colours.
    pub fn coloured(&self) -> String {
        self.render(true)
    }

    fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for (index, message) in self.messages.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            // Writing to a String never fails.
            let _ = message.write(&mut out, colour);
        }
        out
    }

    /// All messages for programs: severity, text, place and help of each.
    pub fn to_json(&self) -> serde_json::Value {
        let value = |m: &Diagnostic| {
            let place = m.place.as_ref().map(|p| {
                let (line, column) = p.source.line_column(p.span.start);
                serde_json::json!({"file": p.source.name(), "line": line, "column": column})
            });
            let file = m.file.as_ref().map(|f| serde_json::json!({"file": f}));
            serde_json::json!({
                "severity": m.severity.word(),
                "message": m.message,
                "place": place.or(file),
                "help": m.help,
            })
        };
        self.messages.iter().map(value).collect()
    }

    /// Prints to standard error, coloured when it is a terminal that wants colours.
    pub fn emit(&self) {
        if !self.is_empty() {
            anstream::eprint!("{}", self.coloured());
        }
    }

    /// 1 when there is an error, else 0.
    pub fn exit_code(&self) -> ExitCode {
        if self.has_errors() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(message: Diagnostic) -> Self {
        Self {
            messages: vec![message],
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain())
    }
}

impl std::error::Error for Diagnostics {}

/// The legal word nearest to `word`, if any is near enough to be what was meant.
///
/// Nearness is the Damerau-Levenshtein distance in lower case; at most a third of the longer word may
/// differ, and never less than two letters are allowed to.
pub fn nearest<'a>(word: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    legal
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            let longest = lower.chars().count().max(candidate.chars().count());
            *distance <= (longest / 3).max(2) && *distance < longest
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Words as a list a sentence can hold: `` `a`, `b` or `c` ``.
pub fn one_of<S: fmt::Display>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_line_column_and_caret() {
        let source = Source::new("a.toml", "[engine]\ngröups = 8\n");
        let at = source.text().find("gröups").unwrap();
        let diagnostics = Diagnostics::from(
            Diagnostic::error("unknown key `gröups`")
                .at(&source, at..at + 7)
                .help("try `groups`"),
        );
        assert_eq!(
            diagnostics.plain(),
            "error: unknown key `gröups`\n --> a.toml:2:1\n  |\n2 | gröups = 8\n  | ^^^^^^\n  \
             = help: try `groups`\n"
        );
        assert!(diagnostics.coloured().contains("\u{1b}["));
    }

    #[test]
    fn a_span_at_or_past_the_end_is_still_printed() {
        let source = Source::new("a.toml", "x");
        for span in [1..1, 5..9] {
            let text = Diagnostics::from(Diagnostic::error("e").at(&source, span)).plain();
            assert!(text.contains("a.toml:1:2"), "{text}");
        }
    }

    #[test]
    fn only_errors_fail() {
        let mut diagnostics = Diagnostics::from(Diagnostic::warning("w"));
        assert!(!diagnostics.has_errors());
        diagnostics.push(Diagnostic::error("e").in_file("model.safetensors"));
        assert_eq!(diagnostics.errors(), 1);
        assert!(diagnostics.plain().contains("--> model.safetensors"));
        assert!(diagnostics.into_result(()).is_err());
    }

    #[test]
    fn nearest_word_is_named_only_when_near() {
        assert_eq!(nearest("gropus", ["rows", "groups"]), Some("groups"));
        assert_eq!(nearest("Sherri", ["g3", "sherry"]), Some("sherry"));
        assert_eq!(nearest("colour", ["rows", "groups"]), None);
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
