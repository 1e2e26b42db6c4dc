//! Just enough of Rust's grammar for the rules: code apart from comments, functions, and test modules.

use std::ops::Range;

/// A Rust file taken apart. `code` and `comments` are as long as the text; what is not theirs is blank in them, so
/// that an offset means the same place in all three.
pub(crate) struct Source {
    /// The code, without comments and without what stands in string and character literals.
    pub(crate) code: String,
    /// The comments alone.
    pub(crate) comments: String,
}

/// A function of a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`, counted from 1.
    pub(crate) line: usize,
    /// Its lines, from `fn` to the closing brace.
    pub(crate) lines: usize,
}

impl Source {
    /// Takes `text` apart.
    pub(crate) fn new(text: &str) -> Source {
        let bytes = text.as_bytes();
        let (mut code, mut comments) = (blank(bytes), blank(bytes));
        let mut at = 0;
        while at < bytes.len() {
            let (end, kind) = token(bytes, at);
            match kind {
                Kind::Code => code[at..end].copy_from_slice(&bytes[at..end]),
                Kind::Comment => comments[at..end].copy_from_slice(&bytes[at..end]),
                Kind::Literal => {}
            }
            at = end;
        }
        let text = |bytes| String::from_utf8(bytes).expect("tokens end between characters");
        Source { code: text(code), comments: text(comments) }
    }

    /// The identifiers and keywords of the code, with their offsets.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut rest = 0;
        std::iter::from_fn(move || {
            let start = rest + self.code[rest..].find(|c: char| c.is_alphabetic() || c == '_')?;
            let len = self.code[start..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
            rest = start + len.unwrap_or(self.code.len() - start);
            Some((start, &self.code[start..rest]))
        })
    }

    /// The functions that have a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        let mut words = self.words().peekable();
        while let Some((at, word)) = words.next() {
            let Some(&(name_at, name)) = words.peek() else { break };
            let between = &self.code[at + word.len()..name_at];
            if word != "fn" || !between.trim().is_empty() {
                continue; // `fn(u8) -> u8` is a type.
            }
            if let Some(end) = self.body_end(name_at) {
                let lines = self.code[at..end].matches('\n').count() + 1;
                functions.push(Function { name: name.to_owned(), line: line_of(&self.code, at), lines });
            }
        }
        functions
    }

    /// The ranges of `#[cfg(test)]` items with a body, mostly `mod tests`.
    pub(crate) fn test_ranges(&self) -> Vec<Range<usize>> {
        let starts = self.code.match_indices("#[cfg(test)]").map(|(at, _)| at);
        starts.filter_map(|at| Some(at..self.body_end(at + "#[cfg(test)]".len())?)).collect()
    }

    /// Where the item that is declared at `from` ends; `None` if it has no body.
    fn body_end(&self, from: usize) -> Option<usize> {
        let (mut nested, mut braces) = (0_usize, 0_usize);
        for (at, byte) in self.code.bytes().enumerate().skip(from) {
            match byte {
                b'(' | b'[' => nested += 1,
                b')' | b']' => nested = nested.saturating_sub(1),
                b';' if nested == 0 && braces == 0 => return None,
                b'{' => braces += 1,
                b'}' if braces <= 1 => return Some(at + 1),
                b'}' => braces -= 1,
                _ => {}
            }
        }
        None
    }
}

/// The line of an offset, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

enum Kind {
    Code,
    Comment,
    Literal,
}

fn blank(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }).collect()
}

/// The token at `at`: its end, and what it is.
fn token(bytes: &[u8], at: usize) -> (usize, Kind) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let len = rest.iter().position(|&byte| byte == b'\n');
        return (at + len.unwrap_or(rest.len()), Kind::Comment);
    }
    if rest.starts_with(b"/*") {
        return (at + block_comment_len(rest), Kind::Comment);
    }
    if is_word(rest[0]) {
        let len = rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len());
        if matches!(&rest[..len], b"r" | b"br" | b"cr")
            && let Some(literal) = raw_string_len(&rest[len..])
        {
            return (at + len + literal, Kind::Literal);
        }
        return (at + len, Kind::Code);
    }
    match rest[0] {
        b'"' => (at + quoted_len(rest, b'"'), Kind::Literal),
        b'\'' if is_character(rest) => (at + quoted_len(rest, b'\''), Kind::Literal),
        _ => (at + 1, Kind::Code),
    }
}

/// Bytes above ASCII count as parts of words, so that no character is cut.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of `#".."#`, if that is what stands here.
fn raw_string_len(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().position(|&byte| byte != b'#')?;
    if rest[hashes] != b'"' {
        return None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = &rest[hashes + 1..];
    let len = body.windows(end.len()).position(|window| window == end)?;
    Some(hashes + 1 + len + end.len())
}

fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Tells the character `'a'` from the lifetime `'a`.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        None => false,
        Some(b'\\') => true,
        Some(_) => {
            let next = rest.iter().skip(2).position(|&byte| (byte & 0xC0) != 0x80);
            next.is_some_and(|skipped| rest[2 + skipped] == b'\'')
        }
    }
}

#[test]
fn comments_strings_and_lifetimes_are_told_apart() {
    let text =
        "fn a<'b>(c: &'b str) { /* x /* y */ */ let d = 'é'; let e = r#\"f\"g\"#; } // \"h\"\nlet i = \"\\\"j\";";
    let source = Source::new(text);
    assert_eq!(source.words().map(|(_, word)| word).collect::<Vec<_>>().join(" "), "fn a b c b str let d let e let i");
    assert_eq!(source.comments.split_whitespace().collect::<Vec<_>>().join(" "), "/* x /* y */ */ // \"h\"");
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn functions_and_test_modules_are_measured() {
    let source = Source::new(
        "type F = fn(u8);\ntrait T {\n fn no_body(&self, x: [u8; 2]);\n}\nfn two() -> bool {\n true }\n\
         #[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod inner {\n fn one() {}\n}\n",
    );
    let function = |name: &str, line, lines| Function { name: name.to_owned(), line, lines };
    assert_eq!(source.functions(), [function("two", 5, 2), function("one", 11, 1)]);
    let ranges = source.test_ranges();
    assert_eq!(ranges.len(), 1);
    assert_eq!((line_of(&source.code, ranges[0].start), line_of(&source.code, ranges[0].end)), (9, 12));
}
