//! Settings and masters that cannot be meant.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tidemill_core::{Context, Error, Settings};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn wrong_values_and_masters_are_refused_with_what_is_meant() {
    for (name, value, says) in [
        ("spark.master", "local(4)", "\"local(4)\" is no master: it must be local, local[N]"),
        ("spark.master", "local(4)", "try local[4]"),
        ("spark.master", "yarn", "YARN is not supported; try local[*]"),
        ("spark.master", "spark://host:7077", "try local[*]"),
        ("spark.default.parallelism", "many", "spark.default.parallelism is set to \"many\", but it takes"),
        ("spark.default.parallelism", "0", "above 0"),
        ("tidemill.memory.shuffle.limit", "lots", "try tidemill.memory.shuffle.limit=60%"),
        ("spark.driver.maxResultSize", "-1", "try spark.driver.maxResultSize="),
        ("spark.task.maxFailures", "0", "try spark.task.maxFailures="),
    ] {
        let error = Context::new(&Settings::from_pairs([(name, value)])).err().unwrap();
        assert!(matches!(error, Error::Setting(_) | Error::Master(_)), "{error:?}");
        assert!(error.to_string().contains(says), "{name}={value}: \"{says}\" is not in: {error}");
    }
}

#[test]
fn a_name_that_nobody_knows_is_warned_of_with_the_nearest_one() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let context = tracing::subscriber::with_default(subscriber, || {
        let settings = [("spark.master", "local[1]"), ("spark.default.paralelism", "3")];
        Context::new(&Settings::from_pairs(settings)).unwrap()
    });
    assert_eq!((context.default_parallelism(), context.range(0..3, 1).count().unwrap()), (1, 3));
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let warning = "there is no setting spark.default.paralelism; did you mean spark.default.parallelism?";
    assert!(text.contains("WARN") && text.contains(warning), "{text}");
}
