//! Tests of the command line: what words come to.

use std::cell::RefCell;

use clap::CommandFactory;

use super::*;

/// Keeps what it is asked to run.
#[derive(Default)]
struct Kept(RefCell<Vec<String>>);

impl Programs for Kept {
    fn run(&self, program: &Program) -> u8 {
        let arguments: Vec<_> = program.arguments.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        self.0.borrow_mut().push(format!("{} {}", program.file.display(), arguments.join(" ")));
        self.0.borrow_mut().extend(program.submission.settings.iter().map(|(key, value)| format!("{key}={value}")));
        7
    }

    fn shell(&self, submission: &Submission) -> u8 {
        self.0.borrow_mut().push(format!("shell {:?}", submission.settings));
        0
    }

    fn demo(&self, demo: &Demo) -> u8 {
        let Demo { interval, batches, master, .. } = demo;
        self.0.borrow_mut().push(format!("demo {interval:?} {batches:?} {master}"));
        3
    }
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

#[test]
fn the_command_line_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn options_end_where_the_program_begins() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app.py");
    std::fs::write(&app, "").unwrap();
    let line = format!("tidemill run --master local[2] -c spark.a=b=c {} --master x -v --help", app.display());
    let kept = Kept::default();
    assert_eq!(main(words(&line), Some(&kept)), 7);
    let expected = format!("{} --master x -v --help", app.display());
    assert_eq!(kept.0.into_inner(), [expected, "spark.a=b=c".to_owned(), "spark.master=local[2]".to_owned()]);
}

#[test]
fn the_demo_runs_in_the_language_of_the_programs() {
    let kept = Kept::default();
    assert_eq!(main(words("tidemill demo --batches 2 --interval 500ms --master local[3]"), Some(&kept)), 3);
    assert_eq!(kept.0.into_inner(), ["demo 500ms Some(2) local[3]"]);
}

#[test]
fn the_binary_says_where_python_is() {
    assert_eq!(main(words("tidemill run missing.py"), None), FAILURE);
    assert_eq!(main(words("tidemill shell"), None), FAILURE);
    let error = with_python(None, "run").err().unwrap().to_string();
    assert!(error.contains("make python"), "{error}");
}

#[test]
fn options_win_over_settings_and_settings_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.conf");
    std::fs::write(&file, "spark.master local[3]\nspark.app.name file\nspark.x file\nother 1\n").unwrap();
    let line =
        format!("--properties-file {} --conf spark.app.name=conf --conf spark.x=conf --name option p", file.display());
    let told = submission(words(&line)).unwrap();
    let expected = [("spark.app.name", "option"), ("spark.master", "local[3]"), ("spark.x", "conf")];
    assert_eq!(told.settings.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn files_come_from_options_or_settings() {
    let told =
        submission(words("--py-files a.py,b.zip --conf spark.files=x,,y --packages g:a:1 pyspark-shell")).unwrap();
    assert_eq!(told.py_files, ["a.py", "b.zip"]);
    assert_eq!(told.files, ["x", "y"]);
    assert!(told.archives.is_empty());
}

#[test]
fn words_that_make_no_sense_are_refused() {
    assert!(submission(words("--conf spark.a pyspark-shell")).unwrap_err().contains("KEY=VALUE"));
    assert!(submission(words("--mister local pyspark-shell")).unwrap_err().contains("--mister"));
    assert!(submission(words("--properties-file /missing/file x")).unwrap_err().contains("/missing/file"));
    assert_eq!(main(words("tidemill run --mister local app.py"), None), 2);
    assert_eq!(main(words("tidemill nonsense"), None), 2);
    assert_eq!(main(words("tidemill --version"), None), 0);
}
