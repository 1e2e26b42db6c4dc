//! `print`: shows the first records of each batch.

use std::fmt::{Debug, Display, Write as _};
use std::io::Write as _;

use tidemill_core::Element;

use crate::dstream::DStream;

impl<T: Element + Debug> DStream<T> {
    /// Prints the first `count` records of each batch, empty batches too, in Spark's layout: Spark's `DStream.print`
    /// (behaviour 1.33). `...` says that there are more.
    ///
    /// ```text
    /// -------------------------------------------
    /// Time: 1700000001000 ms
    /// -------------------------------------------
    /// ("tide", 2)
    /// ("mill", 1)
    ///
    /// ```
    #[track_caller]
    pub fn print(&self, count: usize) {
        self.output("print", move |rdd, time| {
            let first = rdd.take(count.saturating_add(1))?;
            let lines: Vec<_> = first.iter().map(|record| format!("{record:?}")).collect();
            let page = page(time, &lines, count);
            std::io::stdout().lock().write_all(page.as_bytes())?;
            std::io::stdout().flush()?;
            Ok(())
        });
    }
}

/// The page that [`print`](DStream::print) writes of a batch, for outputs that go elsewhere or show records in another
/// way: at most `count` of its `first` records, and dots if there is one more. `time` is shown as it is: Scala's `print` and
/// Python's `pprint` write it differently (behaviour 1.33).
///
/// ```
/// let page = tidemill_streaming::dstream::page("1970-01-01 00:00:01", &["to", "be", "or"], 2);
/// let rule = "-------------------------------------------";
/// assert_eq!(page, format!("{rule}\nTime: 1970-01-01 00:00:01\n{rule}\nto\nbe\n...\n\n"));
/// ```
pub fn page<R: Display>(time: impl Display, first: &[R], count: usize) -> String {
    let rule = "-".repeat(43);
    let mut page = format!("{rule}\nTime: {time}\n{rule}\n");
    for record in first.iter().take(count) {
        let _ = writeln!(page, "{record}"); // writing to a String cannot fail
    }
    if first.len() > count {
        page.push_str("...\n");
    }
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use tidemill_core::Timestamp;

    use super::*;

    #[test]
    fn pages_are_laid_out_as_spark_does() {
        // behaviour 1.33
        let rule = "-------------------------------------------";
        let table: [(&[i32], usize, &str); 3] = [(&[], 2, ""), (&[1, 2], 2, "1\n2\n"), (&[1, 2, 3], 2, "1\n2\n...\n")];
        for (records, count, body) in table {
            let expected = format!("{rule}\nTime: 1700000001000 ms\n{rule}\n{body}\n");
            assert_eq!(page(Timestamp::from_millis(1_700_000_001_000), records, count), expected);
            // Python's `pprint` shows the time in another form, and nothing else is different.
            let in_python = expected.replace("1700000001000 ms", "2023-11-14 22:13:21");
            assert_eq!(page("2023-11-14 22:13:21", records, count), in_python);
        }
    }
}
