//! Liberty text as groups and attributes.

/// `name (args) { .. }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub args: Vec<String>,
    /// `name : value ;` and `name (value, ..) ;`, in order.
    pub attributes: Vec<(String, Vec<String>)>,
    pub groups: Vec<Group>,
}

impl Group {
    /// First value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.0 == name);
        found.and_then(|a| a.1.first()).map(String::as_str)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.attribute(name)?.trim().parse().ok()
    }

    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(move |g| g.name == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Mark(char),
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    ahead: Option<Token>,
}

/// The line and what is wrong there.
pub type Fault = (usize, String);

/// Parses a whole file: one group.
pub fn parse(text: &str) -> Result<Group, Fault> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        line: 1,
        ahead: None,
    };
    let name = reader.word("the word `library`")?;
    if name != "library" {
        return Err((
            reader.line,
            format!("a liberty file begins with `library (..) {{`, not with {name:?}"),
        ));
    }
    reader.mark('(')?;
    let args = reader.arguments()?;
    reader.mark('{')?;
    reader.group(name, args)
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Token>, Fault> {
        if let Some(token) = self.ahead.take() {
            return Ok(Some(token));
        }
        loop {
            let rest = &self.text[self.at..];
            match rest {
                [] => return Ok(None),
                [b'\n', ..] => {
                    self.line += 1;
                    self.at += 1;
                }
                [b'/', b'*', ..] => {
                    let end = rest.windows(2).position(|w| w == b"*/");
                    let end = end.ok_or((self.line, "a comment that does not end".to_string()))?;
                    self.line += rest[..end].iter().filter(|&&c| c == b'\n').count();
                    self.at += end + 2;
                }
                [b'/', b'/', ..] => {
                    self.at += rest.iter().position(|&c| c == b'\n').unwrap_or(rest.len());
                }
                // A backslash goes on with the line below.
                [b'\\', ..] => self.at += 1,
                [c, ..] if c.is_ascii_whitespace() => self.at += 1,
                [b'"', rest @ ..] => {
                    let end = rest.iter().position(|&c| c == b'"');
                    let end =
                        end.ok_or((self.line, "a text in quotes that does not end".to_string()))?;
                    self.line += rest[..end].iter().filter(|&&c| c == b'\n').count();
                    self.at += end + 2;
                    return Ok(Some(Token::Word(
                        String::from_utf8_lossy(&rest[..end]).into_owned(),
                    )));
                }
                [c, ..] if b"(){}:;,".contains(c) => {
                    self.at += 1;
                    return Ok(Some(Token::Mark(*c as char)));
                }
                _ => {
                    let stop = |c: &u8| c.is_ascii_whitespace() || b"(){}:;,\"\\".contains(c);
                    let end = rest.iter().position(stop).unwrap_or(rest.len());
                    self.at += end;
                    return Ok(Some(Token::Word(
                        String::from_utf8_lossy(&rest[..end]).into_owned(),
                    )));
                }
            }
        }
    }

    fn fault<T>(&self, wanted: &str, found: Option<Token>) -> Result<T, Fault> {
        let found = match found {
            Some(Token::Word(w)) => format!("{w:?}"),
            Some(Token::Mark(c)) => format!("`{c}`"),
            None => "the end of the file".into(),
        };
        Err((self.line, format!("{wanted} is missing before {found}")))
    }

    fn word(&mut self, wanted: &str) -> Result<String, Fault> {
        match self.next()? {
            Some(Token::Word(w)) => Ok(w),
            other => self.fault(wanted, other),
        }
    }

    fn mark(&mut self, mark: char) -> Result<(), Fault> {
        match self.next()? {
            Some(Token::Mark(c)) if c == mark => Ok(()),
            other => self.fault(&format!("`{mark}`"), other),
        }
    }

    /// What is between parentheses, up to the closing one.
    fn arguments(&mut self) -> Result<Vec<String>, Fault> {
        let mut all = Vec::new();
        loop {
            match self.next()? {
                Some(Token::Word(w)) => all.push(w),
                Some(Token::Mark(',' | ':')) => {}
                Some(Token::Mark(')')) => return Ok(all),
                other => return self.fault("`)`", other),
            }
        }
    }

    fn group(&mut self, name: String, args: Vec<String>) -> Result<Group, Fault> {
        let mut group = Group {
            name,
            args,
            ..Group::default()
        };
        loop {
            let name = match self.next()? {
                Some(Token::Mark('}')) => return Ok(group),
                Some(Token::Mark(';')) => continue,
                Some(Token::Word(w)) => w,
                other => return self.fault(&format!("`}}` of the group `{}`", group.name), other),
            };
            match self.next()? {
                Some(Token::Mark(':')) => {
                    let mut value = self.word("a value")?;
                    // Up to the semicolon, which some libraries leave out at the end of a line.
                    let line = self.line;
                    loop {
                        match self.next()? {
                            Some(Token::Mark(';')) => break,
                            Some(Token::Word(w)) if self.line == line => {
                                value = format!("{value} {w}")
                            }
                            other => {
                                self.ahead = other;
                                break;
                            }
                        }
                    }
                    group.attributes.push((name, vec![value]));
                }
                Some(Token::Mark('(')) => {
                    let args = self.arguments()?;
                    match self.next()? {
                        Some(Token::Mark('{')) => {
                            let inner = self.group(name, args)?;
                            group.groups.push(inner);
                        }
                        Some(Token::Mark(';')) => group.attributes.push((name, args)),
                        other => {
                            self.ahead = other;
                            group.attributes.push((name, args));
                        }
                    }
                }
                other => return self.fault(&format!("`:` or `(` after `{name}`"), other),
            }
        }
    }
}
