//! Files of properties as spark-submit reads them: a key and a value a line, in Java's form.

/// The keys and values of a file of properties, in its order.
///
/// A key ends at white space, `=` or `:`; `#` and `!` begin a comment line; a line that ends in a backslash goes on in the
/// next one. Other escapes of Java are those of texts: `\t`, `\n`, `\\` and a backslash before any other character.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    logical_lines(text).iter().filter_map(|line| pair(line)).collect()
}

/// Lines without comments, and those that go on joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let line = line.trim_start();
        if !goes_on && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let ends_open = backslashes % 2 == 1;
        let part = if ends_open { &line[..line.len() - 1] } else { line };
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(part),
            None => lines.push(part.to_owned()),
        }
        goes_on = ends_open;
    }
    lines
}

fn pair(line: &str) -> Option<(String, String)> {
    let mut escaped = false;
    let ends = |character: char| {
        let ends = !escaped && (character.is_whitespace() || character == '=' || character == ':');
        escaped = !escaped && character == '\\';
        ends
    };
    let end = line.find(ends).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim();
    (!key.is_empty()).then(|| (unescaped(key), unescaped(value)))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, false) => plain.push(character),
            (_, true) => match characters.next() {
                Some('t') => plain.push('\t'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => {}
            },
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_java_reads_them() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("# a comment\n! another\n\n", &[]),
            ("spark.master local[2]", &[("spark.master", "local[2]")]),
            (
                "spark.master=local[2]\nspark.app.name = my words ",
                &[("spark.master", "local[2]"), ("spark.app.name", "my words")],
            ),
            ("spark.a:1\r\nspark.b\t2", &[("spark.a", "1"), ("spark.b", "2")]),
            ("spark.a one,\\\n   two", &[("spark.a", "one,two")]),
            ("spark.a C:\\\\x\\ty", &[("spark.a", "C:\\x\ty")]),
            ("spark.empty", &[("spark.empty", "")]),
            ("spark.url=http://host:1/a=b", &[("spark.url", "http://host:1/a=b")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
