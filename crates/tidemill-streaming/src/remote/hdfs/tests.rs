//! Outputs on a real HDFS, where `TIDEMILL_TEST_HDFS` names one: `.ci/hdfs` starts it.

use std::io::Write;

use tidemill_core::{Context, Rdd};

use super::*;

/// The URL of a name node whose files may be written, for instance `hdfs://127.0.0.1:8020`.
const SERVER: &str = "TIDEMILL_TEST_HDFS";

/// The files of the server, and the URL and the path of a folder for this test alone; none without a server.
fn server(test: &str) -> Option<(Context, Arc<dyn RemoteFiles>, String, String)> {
    let Ok(root) = std::env::var(SERVER) else {
        eprintln!("not run: {SERVER} names no server; `make test-hdfs` starts one");
        return None;
    };
    let context = Context::local(2).unwrap();
    super::super::register(&context);
    let files = open_files(&root, &Settings::new()).unwrap();
    let folder = format!("tests/{test}-{}", std::process::id());
    Some((context, files, format!("{root}/{folder}"), folder))
}

fn lines(context: &Context, words: &[&str]) -> Rdd<String> {
    context.parallelize(words.iter().map(|word| word.to_string()), words.len())
}

/// What a file holds.
fn read(url: &str) -> Vec<u8> {
    let (root, path) = url.split_at(url.match_indices('/').nth(2).unwrap().0);
    let runtime = Runtime::start().unwrap();
    let client = ClientBuilder::new().with_url(root).with_io_runtime(runtime.handle()).build().unwrap();
    let path = path.to_owned();
    let bytes = runtime.run(async move {
        let length = client.get_file_info(&path).await?.length;
        client.read(&path).await?.read_range(0, length).await
    });
    bytes.unwrap().unwrap().to_vec()
}

fn names(files: &dyn RemoteFiles, folder: &str) -> Vec<String> {
    let mut names = files.list(folder).unwrap().unwrap_or_default();
    names.sort();
    names
}

// 1.42, 2.15, 4.64
#[test]
fn rdds_are_saved_refused_and_written_over() {
    let Some((context, files, url, folder)) = server("saved") else { return };
    let place = format!("{url}/above/a b");
    lines(&context, &["tide", "and", "mill"]).save_as_text_file(&place).unwrap();
    let three = ["_SUCCESS", "part-00000", "part-00001", "part-00002"];
    assert_eq!(names(&*files, &format!("{folder}/above/a b")), three);
    assert_eq!(read(&format!("{place}/part-00002")), b"mill\n");

    let error = lines(&context, &["no"]).save_as_text_file(&place).unwrap_err().to_string();
    assert!(error.contains(&format!("Output directory {place} already exists")), "{error}");
    for _ in 0..2 {
        lines(&context, &["again"]).overwrite_text_file(&place).unwrap();
        assert_eq!(names(&*files, &format!("{folder}/above/a b")), ["_SUCCESS", "part-00000"]);
        assert_eq!(read(&format!("{place}/part-00000")), b"again\n");
    }
    assert_eq!(names(&*files, &format!("{folder}/above")), ["a b"], "nothing lies beside the output");
    files.remove(&folder).unwrap();
}

#[test]
fn a_folder_has_one_name_and_a_name_one_folder() {
    let Some((_, files, _, folder)) = server("folders") else { return };
    let at = |name: &str| format!("{folder}/{name}");
    let put = |name: &str| files.put(&at(name), &mut tempfile::tempfile().unwrap()).unwrap();
    assert_eq!(files.list(&folder).unwrap(), None);
    put("a/1");
    put("b/2");
    assert_eq!(files.rename_folder(&at("a"), &at("b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(files.list(&at("a/1")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert_eq!(names(&*files, &folder), ["a", "b"]);
    files.rename_folder(&at("a"), &at("c/d")).unwrap();
    assert_eq!(names(&*files, &folder), ["b", "c"]);
    assert_eq!(names(&*files, &at("c/d")), ["1"]);
    let error = files.rename_folder(&at("a"), &at("e")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    files.remove(&folder).unwrap();
    files.remove(&folder).unwrap();
    assert_eq!(files.list(&folder).unwrap(), None);
}

#[test]
fn files_of_several_pieces_arrive_whole() {
    let Some((_, files, url, folder)) = server("pieces") else { return };
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..PIECE_BYTES * 2 + 12_345).map(|at| (at % 251) as u8).collect();
    file.write_all(&bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    files.put(&format!("{folder}/large"), &mut file).unwrap();
    assert!(read(&format!("{url}/large")) == bytes);
    files.remove(&folder).unwrap();
}

#[test]
fn a_name_node_that_is_not_there_is_told() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let context = Context::local(1).unwrap();
    let settings = Settings::from_pairs([("spark.hadoop.dfs.client.failover.max.attempts", "1")]);
    context.environment().remote.register(SCHEME, Arc::new(move |root| open_files(root, &settings)));
    let error = lines(&context, &["a"]).save_as_text_file(&format!("hdfs://127.0.0.1:{free}/a")).unwrap_err();
    let error = error.to_string();
    assert!(error.contains(&format!("hdfs://127.0.0.1:{free}/a")) && error.contains("refused"), "{error}");
}

#[test]
fn hadoops_settings_are_taken_over() {
    let named = |root: &str, settings: &[(&str, &str)]| {
        let mut found = options(root, &Settings::from_pairs(settings.iter().copied()));
        found.sort();
        found.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    let attempts = "spark.hadoop.dfs.client.failover.max.attempts";
    assert_eq!(named("hdfs://host:1", &[]), ["dfs.client.failover.max.attempts=4"]);
    assert_eq!(named("hdfs://host:1", &[(attempts, "9")]), ["dfs.client.failover.max.attempts=9"]);
    for several in ["hdfs://service", "hdfs://"] {
        assert_eq!(named(several, &[("spark.hadoop.fs.defaultFS", "hdfs://a"), ("x", "y")]), ["fs.defaultFS=hdfs://a"]);
    }
}

#[test]
fn an_address_that_is_not_configured_says_what_to_do() {
    let error = open_files("hdfs://", &Settings::new()).err().unwrap().to_string();
    assert!(error.contains("HADOOP_CONF_DIR"), "{error}");
}
