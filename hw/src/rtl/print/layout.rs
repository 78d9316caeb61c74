//! Lines and columns: breaks long lines where a reader expects it, aligns tables.

/// Longest line.
const COLUMNS: usize = 100;

/// One line of code, broken when it is too long: at the outermost place that keeps the line within the limit,
/// before an operator or after a comma.
pub(super) fn code(out: &mut String, indent: usize, text: &str) {
    let (mut rest, mut pad) = (text, indent);
    while pad + rest.len() > COLUMNS {
        let Some(at) = break_at(rest, COLUMNS - pad) else {
            break;
        };
        put(out, pad, &rest[..at]);
        rest = rest[at..].trim_start();
        pad = indent + 4;
    }
    put(out, pad, rest);
}

/// Code with a comment behind it, or before it when both do not fit on one line.
pub(super) fn code_doc(out: &mut String, indent: usize, text: &str, doc: &str) {
    if doc.is_empty() {
        return code(out, indent, text);
    }
    let line = format!("{text}  // {doc}");
    if indent + line.len() <= COLUMNS {
        put(out, indent, &line);
    } else {
        comment(out, indent, doc);
        code(out, indent, text);
    }
}

/// Comment lines, broken between words.
pub(super) fn comment(out: &mut String, indent: usize, text: &str) {
    for line in text.lines() {
        let mut now = String::from("//");
        for word in line.split(' ') {
            if indent + now.len() + 1 + word.len() > COLUMNS && now.len() > 2 {
                put(out, indent, &now);
                now = String::from("//");
            }
            now.push(' ');
            now.push_str(word);
        }
        put(out, indent, now.trim_end());
    }
}

/// Rows of declaration, name and explanation in columns.
pub(super) fn table(out: &mut String, indent: usize, rows: &[(String, String, &str)]) {
    let left = rows.iter().map(|r| r.0.len()).max().unwrap_or(0);
    let mid = rows.iter().map(|r| r.1.len()).max().unwrap_or(0);
    for (a, b, doc) in rows {
        let line = format!("{a:<left$} {b:<mid$}  // {doc}");
        if doc.is_empty() {
            put(out, indent, format!("{a:<left$} {b}").trim_end());
        } else if indent + line.len() <= COLUMNS {
            put(out, indent, &line);
        } else {
            comment(out, indent, doc);
            put(out, indent, format!("{a:<left$} {b}").trim_end());
        }
    }
}

fn put(out: &mut String, indent: usize, line: &str) {
    out.extend(std::iter::repeat_n(' ', indent));
    out.push_str(line);
    out.push('\n');
}

/// Where to break: a space within `limit`, of the least bracket depth, the last of these. The first third of the
/// line is left whole, so that a continuation does not dwarf it.
fn break_at(text: &str, limit: usize) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (i, &c) in bytes.iter().enumerate().take(limit + 1) {
        match c {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b' ' if i > limit / 3 && breaks(text, i) && best.is_none_or(|b| depth <= b.0) => {
                best = Some((depth, i));
            }
            _ => {}
        }
    }
    best.map(|b| b.1)
}

/// A space before an operator or after a comma.
fn breaks(text: &str, at: usize) -> bool {
    let next = text[at + 1..].split(' ').next().unwrap_or("");
    let operator = matches!(
        next,
        "&" | "|"
            | "^"
            | "+"
            | "-"
            | "*"
            | "=="
            | "!="
            | "<"
            | "<="
            | ">"
            | ">="
            | "<<"
            | ">>"
            | ">>>"
            | "?"
            | ":"
    );
    operator || text[..at].ends_with(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_code_breaks_at_the_outermost_operator() {
        let term = |k: usize| format!("(alpha_{k:02} & beta_{k:02})");
        let sum = (0..8).map(term).collect::<Vec<_>>().join(" | ");
        let mut out = String::new();
        code(&mut out, 2, &format!("assign y = {sum};"));
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.iter().all(|l| l.len() <= COLUMNS), "{out}");
        assert!(lines[1].starts_with("      | (alpha_"), "{out}");
        let joined: String = lines.iter().map(|l| format!("{} ", l.trim())).collect();
        assert_eq!(joined.trim(), format!("assign y = {sum};"));
    }

    #[test]
    fn comments_break_between_words() {
        let mut out = String::new();
        comment(&mut out, 2, &"word ".repeat(40));
        assert!(
            out.lines()
                .all(|l| l.len() <= COLUMNS && l.starts_with("  // word"))
        );
    }
}
