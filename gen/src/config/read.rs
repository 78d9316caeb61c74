//! One table-driven reader for the TOML files a user writes.
//!
//! A file is a list of [`Key`]s. The rule of a key is written once, in its [`Kind`]: the reader checks
//! it, the JSON Schema repeats it and the starter configuration explains it from the same words.

use crate::diag::{Diagnostic, Diagnostics, Source, nearest, one_of};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What values a key may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of some of these words.
    Words(&'static [&'static str]),
    /// An integer in a range.
    Count {
        /// Smallest legal value.
        min: u64,
        /// Largest legal value.
        max: u64,
        /// Only powers of two.
        power_of_two: bool,
    },
    /// One of these integers, ascending.
    OneOf(&'static [u64]),
    /// A number above zero.
    Positive,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Text => f.write_str("a text in quotes"),
            Kind::Choice(words) => f.write_str(&quoted(words)),
            Kind::Words(words) => write!(f, "a list of {}", quoted(words)),
            Kind::Count {
                min,
                max,
                power_of_two: false,
            } => {
                write!(f, "an integer from {min} to {max}")
            }
            Kind::Count {
                min,
                max,
                power_of_two: true,
            } => {
                write!(f, "a power of two from {min} to {max}")
            }
            Kind::OneOf(values) => write!(f, "{}", one_of(values.iter())),
            Kind::Positive => f.write_str("a number above 0"),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    one_of(words.iter().map(|word| format!("\"{word}\"")))
}

/// A value that has passed its rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Of [`Kind::Text`] and [`Kind::Choice`].
    Text(Cow<'static, str>),
    /// Of [`Kind::Words`].
    Words(Vec<&'static str>),
    /// Of [`Kind::Count`] and [`Kind::OneOf`].
    Count(u64),
    /// Of [`Kind::Positive`].
    Number(f64),
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Text(text) => write!(f, "{text:?}"),
            Datum::Words(words) => write!(f, "{words:?}"),
            Datum::Count(count) => write!(f, "{count}"),
            Datum::Number(number) => write!(f, "{number}"),
        }
    }
}

/// What happens when a key is absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Absent {
    /// The file is refused.
    Refuse,
    /// This value stands.
    Default(Datum),
    /// The value is derived; the words say from what.
    Derive(&'static str),
}

/// One key of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Table the key stands in.
    pub section: &'static str,
    /// The key.
    pub name: &'static str,
    /// Its rule.
    pub kind: Kind,
    /// Its default.
    pub absent: Absent,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

impl Key {
    fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// The values of a file, by `section.key`, with the place of each that the user wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    data: BTreeMap<String, Datum>,
    spans: BTreeMap<String, Range<usize>>,
}

impl Values {
    /// Text of a key; empty when the key is absent.
    pub fn text(&self, path: &str) -> &str {
        match self.data.get(path) {
            Some(Datum::Text(text)) => text,
            _ => "",
        }
    }

    /// Words of a key; none when the key is absent.
    pub fn words(&self, path: &str) -> &[&'static str] {
        match self.data.get(path) {
            Some(Datum::Words(words)) => words,
            _ => &[],
        }
    }

    /// Integer of a key, if it is present.
    pub fn count(&self, path: &str) -> Option<u64> {
        match self.data.get(path) {
            Some(Datum::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// Integer of a key as 32 bits; every rule with a value read this way has a smaller maximum.
    pub fn small(&self, path: &str) -> Option<u32> {
        self.count(path).and_then(|count| u32::try_from(count).ok())
    }

    /// Number of a key, if it is present.
    pub fn number(&self, path: &str) -> Option<f64> {
        match self.data.get(path) {
            Some(Datum::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Where the user wrote the value, if it was not a default.
    pub fn span(&self, path: &str) -> Option<Range<usize>> {
        self.spans.get(path).cloned()
    }
}

/// Reads a file against its keys; every mistake becomes one message.
pub fn read(source: &Source, keys: &[Key], diagnostics: &mut Diagnostics) -> Values {
    let mut values = Values::default();
    let (root, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        let message = Diagnostic::error(format!("not TOML: {}", error.message()));
        diagnostics.push(message.at(source, error.span().unwrap_or(0..0)));
    }
    if !errors.is_empty() {
        // What was recovered of a broken file would only add misleading messages.
        return values;
    }
    for (name, value) in in_file_order(root.get_ref()) {
        read_section(source, keys, (name, value), &mut values, diagnostics);
    }
    for key in keys {
        let path = key.path();
        if values.data.contains_key(&path) || values.spans.contains_key(&path) {
            continue;
        }
        match &key.absent {
            Absent::Refuse => diagnostics.push(missing(source, root.get_ref(), key)),
            Absent::Default(datum) => {
                values.data.insert(path, datum.clone());
            }
            Absent::Derive(_) => {}
        }
    }
    values
}

type Entry<'a, 'i> = (&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

/// A parsed table is sorted by name; messages follow the file.
fn in_file_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn sections(keys: &[Key]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = keys.iter().map(|key| key.section).collect();
    names.dedup();
    names
}

fn read_section(
    source: &Source,
    keys: &[Key],
    (name, value): Entry<'_, '_>,
    values: &mut Values,
    diagnostics: &mut Diagnostics,
) {
    let section = name.get_ref().as_ref();
    let legal = sections(keys);
    let Some(table) = value.get_ref().as_table() else {
        let message = if let Some(key) = keys.iter().find(|key| key.name == section) {
            Diagnostic::error(format!("key `{section}` stands outside its section"))
                .help(format!("write it below `[{}]`", key.section))
        } else {
            unknown("key", section, &legal)
        };
        diagnostics.push(message.at(source, name.span()));
        return;
    };
    if !legal.contains(&section) {
        diagnostics.push(unknown("section", section, &legal).at(source, name.span()));
        return;
    }
    for (name, value) in in_file_order(table) {
        let word = name.get_ref().as_ref();
        let Some(key) = keys
            .iter()
            .find(|key| key.section == section && key.name == word)
        else {
            let here: Vec<_> = keys.iter().filter(|k| k.section == section).collect();
            let mut message = unknown(
                "key",
                word,
                &here.iter().map(|key| key.name).collect::<Vec<_>>(),
            );
            if let Some(other) = keys.iter().find(|key| key.name == word) {
                message.help = vec![format!("`{word}` belongs below `[{}]`", other.section)];
            }
            message.message += &format!(" in `[{section}]`");
            diagnostics.push(message.at(source, name.span()));
            continue;
        };
        values.spans.insert(key.path(), value.span());
        match check(key, value.get_ref()) {
            Ok(datum) => {
                values.data.insert(key.path(), datum);
            }
            Err(message) => diagnostics.push(message.at(source, value.span())),
        }
    }
}

fn unknown(what: &str, word: &str, legal: &[&str]) -> Diagnostic {
    let message = Diagnostic::error(format!("unknown {what} `{word}`"));
    match nearest(word, legal.iter().copied()) {
        Some(near) => message.help(format!("did you mean `{near}`?")),
        None => message.help(format!("legal here: {}", one_of(legal.iter()))),
    }
}

fn missing(source: &Source, root: &DeTable<'_>, key: &Key) -> Diagnostic {
    let message = Diagnostic::error(format!("`{}` is missing in `[{}]`", key.name, key.section))
        .help(format!("{} must be {}", key.name, key.kind));
    let header = root
        .iter()
        .find(|(name, _)| name.get_ref().as_ref() == key.section);
    match header {
        Some((name, _)) => message.at(source, name.span()),
        None => message.in_file(source.name()),
    }
}

/// Applies the rule of a key to what was written.
fn check(key: &Key, value: &DeValue<'_>) -> Result<Datum, Diagnostic> {
    let wrong = |shown: String| {
        Diagnostic::error(format!("`{}` must be {}, not {shown}", key.name, key.kind))
    };
    let no_such_word = |text: &str, words: &[&str]| {
        let message = wrong(format!("\"{text}\""));
        match nearest(text, words.iter().copied()) {
            Some(near) => message.help(format!("did you mean \"{near}\"?")),
            None => message,
        }
    };
    let kind_of = || {
        wrong(format!(
            "{} {}",
            article(value.type_str()),
            value.type_str()
        ))
    };
    match key.kind {
        Kind::Text => match value.as_str() {
            Some("") => Err(wrong("an empty text".into())),
            Some(text) => Ok(Datum::Text(text.to_owned().into())),
            None => Err(kind_of()),
        },
        Kind::Choice(words) => {
            let text = value.as_str().ok_or_else(kind_of)?;
            let word = words.iter().find(|&&word| word == text);
            let word = word.ok_or_else(|| no_such_word(text, words))?;
            Ok(Datum::Text((*word).into()))
        }
        Kind::Words(words) => {
            let list = value.as_array().ok_or_else(kind_of)?;
            let word = |item: &Spanned<DeValue<'_>>| {
                let text = item.get_ref().as_str().ok_or_else(|| {
                    let kind = item.get_ref().type_str();
                    wrong(format!("a list with {} {kind}", article(kind)))
                })?;
                let word = words.iter().copied().find(|&word| word == text);
                word.ok_or_else(|| no_such_word(text, words))
            };
            Ok(Datum::Words(
                list.iter().map(word).collect::<Result<_, _>>()?,
            ))
        }
        Kind::Count { .. } | Kind::OneOf(_) => {
            let integer = value.as_integer().ok_or_else(kind_of)?;
            let digits = integer.as_str().replace('_', "");
            let parsed = i128::from_str_radix(&digits, integer.radix())
                .map_err(|_| wrong(integer.as_str().into()))?;
            let best = nearest_count(key.kind, parsed);
            if i128::from(best) == parsed {
                return Ok(Datum::Count(best));
            }
            Err(wrong(parsed.to_string()).help(format!("the nearest legal value is {best}")))
        }
        Kind::Positive => {
            let text = match value {
                DeValue::Float(float) => float.as_str(),
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
                _ => return Err(kind_of()),
            };
            match text.replace('_', "").parse::<f64>() {
                Ok(number) if number > 0.0 && number.is_finite() => Ok(Datum::Number(number)),
                _ => Err(wrong(text.to_owned())),
            }
        }
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// The legal integer nearest to `value`; the smaller of two that are equally near.
pub fn nearest_count(kind: Kind, value: i128) -> u64 {
    let closest = |candidates: &mut dyn Iterator<Item = u64>| {
        candidates
            .min_by_key(|&c| ((i128::from(c) - value).unsigned_abs(), c))
            .unwrap_or(0)
    };
    match kind {
        Kind::OneOf(values) => closest(&mut values.iter().copied()),
        Kind::Count {
            min,
            max,
            power_of_two: true,
        } => closest(
            &mut (0..64)
                .map(|bit| 1 << bit)
                .filter(|v| (min..=max).contains(v)),
        ),
        Kind::Count { min, max, .. } => {
            u64::try_from(value.clamp(i128::from(min), i128::from(max))).unwrap_or(min)
        }
        Kind::Text | Kind::Choice(_) | Kind::Words(_) | Kind::Positive => 0,
    }
}
