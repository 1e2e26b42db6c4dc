//! Texts against the `str`s they hold, wherever they are held.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use proptest::prelude::*;

use super::*;

/// Characters of every width, and all that something here takes for a separator.
const CHARACTERS: [char; 20] = [
    'a', 'b', 'c', ' ', ' ', ' ', ',', ',', '\n', '\r', '\t', '\0', '\x7f', 'Z', 'é', 'ß', '\u{2003}', '水', '𝄞',
    '\u{80}',
];

/// Text of few or many characters, and often of just so many bytes as change something: what fits in place, what a mask
/// sees. A third of it is ASCII throughout.
fn strings() -> impl Strategy<Value = String> {
    let length = prop_oneof![0..40usize, 13..18usize, 62..67usize, 100..200usize, 127..130usize];
    (length, 0..3u8, prop::collection::vec(0..CHARACTERS.len(), 200)).prop_map(|(length, kind, choices)| {
        let mut text = String::new();
        for choice in choices {
            let character = CHARACTERS[if kind == 0 { choice % 14 } else { choice }];
            if text.len() + character.len_utf8() <= length {
                text.push(character);
            }
        }
        text
    })
}

/// The text in a block of its own, in the midst of a block, and at a block's very end and start.
fn everywhere(text: &str) -> Vec<Text> {
    let within = |before: &str, behind: &str| {
        let block = TextBlock::new(format!("{before}{text}{behind}")).unwrap();
        block.get(before.len()..before.len() + text.len()).unwrap()
    };
    vec![Text::from(text), within(" , before ", " , behind \n"), within("水 ", ""), within("", "\n")]
}

/// All parts of an iterator: folded, drawn, and folded after `drawn` were drawn; they must agree.
#[track_caller]
fn all(parts: impl Iterator<Item = Text> + Clone, drawn: usize) -> Vec<String> {
    let mut folded = vec![];
    let most = parts.size_hint().1.unwrap();
    parts.clone().for_each(|part| folded.push(part.as_str().to_owned()));
    let mut one_by_one = vec![];
    let mut rest = parts.clone();
    for part in rest.by_ref() {
        one_by_one.push(part.as_str().to_owned());
    }
    assert!(rest.next().is_none());
    assert!(folded.len() >= parts.size_hint().0 && folded.len() <= most, "{} parts, at most {most}", folded.len());
    let mut rest = parts;
    let mut both: Vec<String> = rest.by_ref().take(drawn).map(String::from).collect();
    rest.for_each(|part| both.push(part.into()));
    assert_eq!((&folded, &folded), (&one_by_one, &both));
    folded
}

/// Every method that takes a separator, against `str`'s.
macro_rules! check_separator {
    ($text:expr, $want:expr, $drawn:expr, $by:expr) => {{
        let (text, want): (&Text, &str) = ($text, $want);
        prop_assert_eq!(all(text.split($by), $drawn), want.split($by).collect::<Vec<_>>());
        prop_assert_eq!(all(text.split_terminator($by), $drawn), want.split_terminator($by).collect::<Vec<_>>());
        prop_assert_eq!(all(text.splitn($drawn, $by), 1), want.splitn($drawn, $by).collect::<Vec<_>>());
        let pair = |pair: Option<(Text, Text)>| pair.map(|(a, b)| (String::from(a), String::from(b)));
        let owned = |pair: Option<(&str, &str)>| pair.map(|(a, b)| (a.to_owned(), b.to_owned()));
        prop_assert_eq!(pair(text.split_once($by)), owned(want.split_once($by)));
        prop_assert_eq!(pair(text.rsplit_once($by)), owned(want.rsplit_once($by)));
        prop_assert_eq!(text.strip_prefix($by), want.strip_prefix($by).map(Text::from));
        prop_assert_eq!(text.strip_suffix($by), want.strip_suffix($by).map(Text::from));
        prop_assert_eq!(text.trim_start_matches($by), want.trim_start_matches($by));
        prop_assert_eq!(text.trim_end_matches($by), want.trim_end_matches($by));
        prop_assert_eq!(text.replace($by, "<>"), want.replace($by, "<>"));
    }};
}

proptest! {
    #[test]
    fn separators_are_found_as_str_finds_them(want in strings(), drawn in 0..5usize) {
        for text in &everywhere(&want) {
            check_separator!(text, &want, drawn, ' ');
            check_separator!(text, &want, drawn, '\0');
            check_separator!(text, &want, drawn, 'é');
            check_separator!(text, &want, drawn, '水');
            check_separator!(text, &want, drawn, ",");
            check_separator!(text, &want, drawn, " ,");
            check_separator!(text, &want, drawn, "  ");
            check_separator!(text, &want, drawn, "ß");
            check_separator!(text, &want, drawn, &String::from("a "));
            check_separator!(text, &want, drawn, char::is_whitespace);
            check_separator!(text, &want, drawn, |c: char| c > 'Z');
            check_separator!(text, &want, drawn, [',', '𝄞']);
            check_separator!(text, &want, drawn, &['\n', '水'][..]);
        }
    }

    #[test]
    fn the_empty_separator_is_around_every_character(want in strings(), drawn in 0..5usize) {
        for text in &everywhere(&want) {
            prop_assert_eq!(all(text.split(""), drawn), want.split("").collect::<Vec<_>>());
            prop_assert_eq!(all(text.splitn(drawn, ""), 1), want.splitn(drawn, "").collect::<Vec<_>>());
            prop_assert_eq!(text.trim_matches(""), &*want);
            prop_assert_eq!(text.replace("", "-"), want.replace("", "-"));
        }
    }

    #[test]
    fn parts_are_as_str_gives_them(want in strings(), from in 0..70usize, length in 0..70usize, drawn in 0..5usize) {
        for text in &everywhere(&want) {
            prop_assert_eq!(all(text.split_whitespace(), drawn), want.split_whitespace().collect::<Vec<_>>());
            prop_assert_eq!(all(text.lines(), drawn), want.lines().collect::<Vec<_>>());
            prop_assert_eq!([text.trim(), text.trim_start(), text.trim_end()], [want.trim(), want.trim_start(), want.trim_end()]);
            prop_assert_eq!(text.trim_matches(' '), want.trim_matches(' '));
            prop_assert_eq!(text.trim_matches(char::is_whitespace), want.trim());
            prop_assert_eq!(text.get(from..from + length), want.get(from..from + length).map(Text::from));
            prop_assert_eq!(text.get(from..), want.get(from..).map(Text::from));
            if let Some(part) = want.get(..from) {
                prop_assert_eq!(text.slice(..from), part);
            }
            prop_assert_eq!(text.to_lowercase(), want.to_lowercase());
            prop_assert_eq!(text.to_uppercase(), want.to_uppercase());
            prop_assert_eq!((text.len(), text.is_empty(), text.is_ascii()), (want.len(), want.is_empty(), want.is_ascii()));
            prop_assert_eq!((text.as_bytes(), text.to_string(), format!("{text:?}")), (want.as_bytes(), want.clone(), format!("{want:?}")));
            prop_assert_eq!(&text.detached(), text);
            prop_assert_eq!(text.clone() + "ß", want.clone() + "ß");
            prop_assert_eq!(want.chars().collect::<Text>(), &*want);
        }
    }

    #[test]
    fn texts_compare_and_hash_as_str(a in strings(), b in strings()) {
        for (a_text, b_text) in everywhere(&a).iter().zip(everywhere(&b).iter().rev()) {
            prop_assert_eq!(a_text.cmp(b_text), a.cmp(&b));
            prop_assert_eq!(a_text == b_text, a == b);
            prop_assert_eq!(a_text, &everywhere(&a)[1]);
            prop_assert_eq!([*a_text == *a, *a_text == a, *a_text == a.as_str()], [true; 3]);
            prop_assert_eq!([*b == *a_text, b == *a_text, b.as_str() == *a_text], [a == b; 3]);
            let state = BuildHasherDefault::<DefaultHasher>::default();
            prop_assert_eq!(state.hash_one(a_text), state.hash_one(&*a));
            let seed = HashSeed::new(3);
            prop_assert_eq!(seed.hash(a_text), seed.hash(&Text::from(&*a)));
            prop_assert_eq!(seed.hash(&(a_text.clone(), 1)), seed.hash(&(a.clone(), 1)));
        }
    }

    #[test]
    fn texts_and_blocks_come_back_from_serde(want in strings()) {
        let written = postcard::to_stdvec(&want).unwrap();
        for text in everywhere(&want) {
            prop_assert_eq!(&postcard::to_stdvec(&text).unwrap(), &written);
        }
        prop_assert_eq!(postcard::from_bytes::<Text>(&written).unwrap(), &*want);
        let block = TextBlock::new(want).unwrap();
        prop_assert_eq!(postcard::to_stdvec(&block).unwrap(), &*written);
        prop_assert_eq!(postcard::from_bytes::<TextBlock>(&written).unwrap(), block);
    }

    /// behaviour 1.12
    #[test]
    fn lines_of_a_block_end_as_spark_ends_them(text in strings(), returns: bool, max in 1..5usize) {
        let text = if returns { text } else { text.replace('\r', "\n") };
        let want = lines_one_byte_at_a_time(&text);
        let block = TextBlock::new(text).unwrap();
        prop_assert_eq!(all(block.lines(), max), &*want);

        let (mut cursor, mut runs) = (block.lines(), vec![]);
        loop {
            let before = runs.len();
            let more = cursor.next_run(&mut runs, max);
            prop_assert!(runs.len() - before <= max && more == (runs.len() < want.len()));
            if !more {
                break;
            }
        }
        prop_assert_eq!(runs, want);
    }
}

/// The oracle of behaviour 1.12, without a thought for speed.
fn lines_one_byte_at_a_time(text: &str) -> Vec<String> {
    let (mut lines, mut line, mut begun) = (vec![], String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        begun = true;
        match character {
            '\r' => _ = characters.next_if_eq(&'\n'),
            '\n' => {}
            _ => {
                line.push(character);
                continue;
            }
        }
        lines.push(std::mem::take(&mut line));
        begun = false;
    }
    if begun {
        lines.push(line);
    }
    lines
}

/// behaviour 1.12
#[test]
fn every_end_of_line_is_known() {
    let cases: [(&str, &[&str]); 9] = [
        ("", &[]),
        ("\n", &[""]),
        ("a", &["a"]),
        ("a\n", &["a"]),
        ("a\n\nb", &["a", "", "b"]),
        ("a\r\nb\r\n", &["a", "b"]),
        ("a\rb\r", &["a", "b"]),
        ("\r\r\n\n\r", &["", "", "", ""]),
        ("a\n\rb", &["a", "", "b"]),
    ];
    for (text, want) in cases {
        let block = TextBlock::new(text.into()).unwrap();
        assert_eq!(block.lines().collect::<Vec<_>>(), want, "{text:?}");
    }
    // A `\r\n` that two masks share.
    let block = TextBlock::new(format!("{}\r\nb", "x".repeat(63))).unwrap();
    assert_eq!(block.lines().map(|line| line.len()).collect::<Vec<_>>(), [63, 1]);
}

#[test]
fn parts_share_the_block_and_detached_text_does_not() {
    let block = TextBlock::new("a first line that is long enough\na second line that is long enough".into()).unwrap();
    let lines: Vec<Text> = block.lines().collect();
    let place = |text: &Text| text.within().map(|(within, range)| (within == &block, within.len(), range));
    assert_eq!(place(&lines[1]), Some((true, 66, 33..66)));
    assert_eq!(place(&lines[1].trim_start_matches("a ")), Some((true, 66, 35..66)));
    assert_eq!(place(&lines[0].part("elsewhere, and long enough")), Some((false, 26, 0..26)));
    assert_eq!(place(&lines[1].detached()), Some((false, 33, 0..33)));
    assert_eq!(place(&lines[1].slice(2..8)), None);
}

#[test]
fn a_map_of_texts_can_be_asked_with_str() {
    let long = "a key of more than fifteen bytes";
    let map: HashMap<Text, i32> = [(Text::from("tide"), 1), (Text::from(long), 2)].into();
    assert_eq!((map.get("tide"), map.get(long), map.get("mill")), (Some(&1), Some(&2), None));
}

#[test]
fn text_is_made_of_what_there_is() {
    assert_eq!([Text::from('水'), "水".parse().unwrap(), Text::from(&String::from("水"))], ["水"; 3]);
    assert_eq!(Text::from("42").parse::<i64>(), Ok(42));
    assert!(Text::default() == Text::EMPTY && Text::EMPTY.is_empty());
}
