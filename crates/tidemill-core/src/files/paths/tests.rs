//! Tests of paths: lists, schemes, folders and what is said about missing ones.

use super::*;

/// A folder with these files; a name that ends in `/` makes a folder.
fn folder_of(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
    folder
}

/// What `find` says, with `@` for the folder in the list, and names below the folder in the result.
fn found(folder: &tempfile::TempDir, list: &str) -> Result<Vec<String>, String> {
    let root = folder.path().display().to_string();
    let files = find(&list.replace('@', &root)).map_err(|error| error.to_string().replace(&root, "@"))?;
    Ok(files.iter().map(|file| file.path.strip_prefix(folder.path()).unwrap().display().to_string()).collect())
}

#[test]
fn lists_globs_and_folders() {
    let folder = folder_of(&["b.txt", "a.txt", "d/2", "d/1", "d/_SUCCESS", "d/.1.crc", "d/_temporary/x", "e/"]);
    let table: [(&str, &[&str]); 9] = [
        ("@/a.txt", &["a.txt"]),
        ("@/b.txt,@/a.txt", &["b.txt", "a.txt"]),
        ("@/a.txt,@/a.txt", &["a.txt", "a.txt"]),
        ("@/*.txt", &["a.txt", "b.txt"]),
        ("@/{b,a}.txt,@/d", &["a.txt", "b.txt", "d/1", "d/2"]),
        ("file:@/d", &["d/1", "d/2"]),
        ("file://@/d/", &["d/1", "d/2"]),
        ("@/d/_SUCCESS", &["d/_SUCCESS"]),
        ("@/e", &[]),
    ];
    for (list, expected) in table {
        assert_eq!(found(&folder, list).unwrap(), expected, "{list}");
    }
}

#[test]
fn length_and_compression_are_noted() {
    let folder = folder_of(&["a.gz"]);
    let path = folder.path().join("a.gz");
    let files = find(path.to_str().unwrap()).unwrap();
    assert_eq!(files, [InputFile { path, length: 4, compression: Compression::Gzip }]);
}

#[test]
fn what_is_missing_is_told_in_the_words_of_spark() {
    let folder = folder_of(&["a.txt", "d/sub/x", "d/1"]);
    let table = [
        ("@/none", "Input path does not exist: file:@/none;"),
        ("@/*.csv", "Input Pattern file:@/*.csv matches 0 files;"),
        ("@/{x,y}", "Input Pattern file:@/{x,y} matches 0 files;"),
        ("@/none,@/a.txt,@/*.csv", "matches 0 files"),
        ("@/none,@/a.txt,@/*.csv", "Input path does not exist: file:@/none;"),
        ("@/d", "Not a file: file:@/d/sub;"),
        ("@/a.txt,", "Can not create a Path from an empty string"),
        ("@/a.txt, @/a.txt", "begins or ends with a blank"),
        ("hdfs://host:9000/a", "hdfs: paths are for what is saved"),
        ("s3a://bucket/a", "s3a: paths are for what is saved"),
        ("file://host/a", "names a machine"),
    ];
    for (list, expected) in table {
        let error = found(&folder, list).unwrap_err();
        assert!(error.contains(expected), "{list}: {error}");
    }
}

#[test]
fn credentials_in_a_path_are_not_repeated() {
    for error in [find("/a,s3a://key:hidden@bucket/b").unwrap_err(), local("s3://hidden@bucket/b").unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains("a path holds no credentials") && !error.contains("hidden"), "{error}");
    }
}

#[test]
fn a_colon_in_a_name_is_no_scheme() {
    let folder = folder_of(&["12:30.log", "a:b"]);
    assert_eq!(found(&folder, "@/12:30.log,@/a:b").unwrap(), ["12:30.log", "a:b"]);
    assert_eq!(without_scheme("a:b").unwrap(), "a:b");
    assert_eq!(without_scheme("FILE:/a").unwrap(), "/a");
    assert_eq!(without_scheme("file:a").unwrap(), "a");
    assert_eq!(without_scheme("file://localhost/a").unwrap(), "/a");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_broken_ones_told() {
    let folder = folder_of(&["a.txt", "d/1"]);
    std::os::unix::fs::symlink(folder.path().join("a.txt"), folder.path().join("d/2")).unwrap();
    assert_eq!(found(&folder, "@/d").unwrap(), ["d/1", "d/2"]);
    std::os::unix::fs::symlink(folder.path().join("gone"), folder.path().join("d/3")).unwrap();
    for list in ["@/d", "@/d/*", "@/d/3"] {
        assert!(found(&folder, list).unwrap_err().contains("@/d/3 is a link to @/gone"), "{list}");
    }
}

#[test]
fn output_goes_to_one_local_path() {
    assert_eq!(local("file:/a/b").unwrap(), Path::new("/a/b"));
    assert_eq!(local("/a/{b}*").unwrap(), Path::new("/a/{b}*"));
    assert!(local("x").unwrap().is_absolute());
    assert!(local("gs://a/b").is_err() && local("").is_err());
    assert_eq!(uri(Path::new("/a/b")), "file:/a/b");
}

#[test]
fn one_path_is_taken_as_it_is() {
    let folder = folder_of(&["a,b*.txt", "a", "d/2", "d/1", "d/_x", "_h"]);
    let found_at = |name: &str| {
        let files = at(&folder.path().join(name)).map_err(|error| error.to_string())?;
        Ok::<_, String>(
            files.iter().map(|file| file.path.file_name().unwrap().display().to_string()).collect::<Vec<_>>(),
        )
    };
    let table: [(&str, &[&str]); 4] = [("a,b*.txt", &["a,b*.txt"]), ("a", &["a"]), ("d", &["1", "2"]), ("_h", &["_h"])];
    for (name, expected) in table {
        assert_eq!(found_at(name).unwrap(), expected, "at {name}");
    }
    let gone = found_at("b").unwrap_err();
    assert!(gone.starts_with("Input path does not exist: file:/") && gone.contains("is gone"), "{gone}");
}
