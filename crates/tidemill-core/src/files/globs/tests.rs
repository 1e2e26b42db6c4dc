//! Tests of globs: tables of patterns against a folder of names.

use proptest::prelude::*;

use super::*;

#[test]
fn braces_stand_for_their_alternatives() {
    let table: [(&str, &[&str]); 10] = [
        ("a", &["a"]),
        ("{a,b}", &["a", "b"]),
        ("x{a,b}y{c,d}z", &["xaycz", "xaydz", "xbycz", "xbydz"]),
        ("{a,b/c}/d", &["a/d", "b/c/d"]),
        ("{a{b,c},d}", &["ab", "ac", "d"]),
        ("{a,}b", &["ab", "b"]),
        ("{a}", &["a"]),
        ("a}", &["a}"]),
        (r"\{a,b\}", &[r"\{a,b\}"]),
        (r"{a\,b,c}", &[r"a\,b", "c"]),
    ];
    for (pattern, expected) in table {
        assert_eq!(expand_braces(pattern).unwrap(), expected, "{pattern}");
    }
}

#[test]
fn lists_are_split_at_commas_outside_of_braces() {
    let table: [(&str, &[&str]); 5] = [
        ("a,b", &["a", "b"]),
        ("a{b,c},d", &["a{b,c}", "d"]),
        ("{a,{b,c}},{d,e}", &["{a,{b,c}}", "{d,e}"]),
        (r"a\,b,c", &[r"a\,b", "c"]),
        (",", &["", ""]),
    ];
    for (list, expected) in table {
        assert_eq!(split_outside_braces(list), expected, "{list}");
    }
}

#[test]
fn patterns_find_what_hadoop_finds() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "a.txt",
        "b.txt",
        "c.log",
        "_hidden.txt",
        ".dot.txt",
        "x1/p",
        "x2/p",
        "_y/p",
        "a[1].csv",
        "a*b",
        "A.txt",
        "é.txt",
    ];
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let table: [(&str, &[&str], bool); 19] = [
        ("*.txt", &["A.txt", "a.txt", "b.txt", "é.txt"], true),
        ("**.txt", &["A.txt", "a.txt", "b.txt", "é.txt"], true),
        ("?.log", &["c.log"], true),
        ("?.txt", &["A.txt", "a.txt", "b.txt", "é.txt"], true),
        ("[a-b].txt", &["a.txt", "b.txt"], true),
        ("[!a].txt", &["A.txt", "b.txt", "é.txt"], true),
        ("[^a].txt", &["A.txt", "b.txt", "é.txt"], true),
        ("{a,c}.{txt,log}", &["a.txt", "c.log"], true),
        ("{a.txt,x1/p,none}", &["a.txt", "x1/p"], true),
        ("{a,a}.txt", &["a.txt"], true),
        ("*/p", &["_y/p", "x1/p", "x2/p"], true),
        ("x[12]/*", &["x1/p", "x2/p"], true),
        ("a.txt/*", &[], true),
        ("none/*", &[], true),
        ("a.txt", &["a.txt"], false),
        ("./x1//p", &["x1/p"], false),
        ("_hidden.txt", &["_hidden.txt"], false),
        (r"a\[1\].csv", &["a[1].csv"], false),
        (r"a\*b", &["a*b"], false),
    ];
    for (pattern, expected, is_pattern) in table {
        let found = matches(&format!("{}/{pattern}", folder.path().display())).unwrap();
        let expected: Vec<PathBuf> = expected.iter().map(|name| folder.path().join(name)).collect();
        assert_eq!(found, Matches { paths: expected, is_pattern }, "{pattern}");
        check(pattern).unwrap();
    }
}

#[test]
fn malformed_patterns_are_told() {
    let many = "{a,b}".repeat(20);
    for (pattern, word) in
        [("/a/{b,c", "`{` without `}`"), ("/a/[b", "`[` without `]`"), ("/a/[", "`[`"), (many.as_str(), "10,000")]
    {
        let error = matches(pattern).unwrap_err().to_string();
        assert!(error.contains(pattern) && error.contains(word), "{error}");
        assert_eq!(check(pattern).unwrap_err().to_string(), error);
    }
}

proptest! {
    #[test]
    fn no_pattern_makes_it_fall_over(pattern in r"[ab*?{},\[\]!^\\/-]{0,12}") {
        // Relative to a folder that is not there: what matters is that it is read at all.
        let _ = matches(&format!("/nothing-is-here/{pattern}"));
    }
}
