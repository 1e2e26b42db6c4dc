//! `tidemill demo` and the other commands.

use std::net::TcpListener;

use crate::program::{Program, tidemill};

fn run(arguments: &[&str]) -> (bool, String) {
    let (status, lines) = Program::start(tidemill().args(arguments)).end();
    (status.success(), lines.join("\n"))
}

#[test]
fn the_demo_shows_as_many_batches_as_it_is_asked_for() {
    let (ok, output) = run(&["demo", "--batches", "2", "--interval", "300ms", "--lines-per-second", "200"]);
    assert!(ok, "{output}");
    assert_eq!(output.matches("\nTime: ").count(), 2, "{output}");
    for said in ["A small server on 127.0.0.1:", "nc -lk 9999", "Ends after 2 batches", "Goodbye: 2 batches, "] {
        assert!(output.contains(said), "{said:?} is missing:\n{output}");
    }
    let counts = output.lines().filter(|line| line.starts_with("(\"")).count();
    assert!(counts > 0, "nothing was counted:\n{output}");
}

#[test]
fn the_demo_says_goodbye_with_totals_at_ctrl_c() {
    let mut demo = Program::start(tidemill().args(["demo", "--interval", "200ms"]));
    demo.wait_for("(\"");
    demo.signal("INT");
    let (status, lines) = demo.end();
    assert!(status.success(), "{status}: {lines:#?}");
    let goodbye = lines.iter().find(|line| line.starts_with("Goodbye: ")).expect("it says goodbye");
    assert!(!goodbye.contains(" 0 words"), "{goodbye}");
}

#[test]
fn a_port_in_use_is_an_error_that_says_what_to_try() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (ok, output) = run(&["demo", "--port", &port.to_string(), "--batches", "1"]);
    assert!(!ok);
    assert!(output.starts_with(&format!("error: port {port} is in use")), "{output}");
    assert!(output.contains("`--port`") && output.contains("--connect"), "{output}");
}

#[test]
fn wrong_options_are_explained() {
    for (arguments, said) in [
        (&["demo", "--connect", "localhost"][..], "localhost:9999"),
        (&["demo", "--interval", "soon"], "500ms"),
        (&["demo", "--batches", "0"], "1.."),
        (&["demo", "--master", "spark://host"], "local"),
        (&["demo", "--connect", "localhost:1", "--port", "2"], "cannot be used with"),
        (&["run", "program.py", "--option"], "`tidemill run` needs the Python package"),
        (&["shell"], "`tidemill shell` needs the Python package"),
    ] {
        let (ok, output) = run(arguments);
        assert!(!ok && output.contains(said), "{arguments:?}: {output}");
    }
}

#[test]
fn the_settings_and_the_version_are_printed() {
    let (ok, settings) = run(&["settings"]);
    assert!(ok && settings.contains("| `spark.streaming.blockInterval` |"), "{settings:.500}");
    let (ok, version) = run(&["--version"]);
    assert!(ok && version == format!("tidemill {}", env!("CARGO_PKG_VERSION")), "{version}");
    let (_, help) = run(&["--help"]);
    assert!(help.contains("tidemill demo --connect localhost:9999"), "{help}");
}
