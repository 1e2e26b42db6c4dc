//! A program with a subscriber of its own keeps it. In a process of its own, since there is one subscriber a process.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tidemill_core::log;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::ErrorKind::Other)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_program_with_its_own_subscriber_keeps_it_and_its_level() {
    let page = Page::default();
    let writer = page.clone();
    tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).init();
    log::init();
    log::set_log_level("OFF").unwrap();
    log::init();
    tracing::info!("news");
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, " INFO own_subscriber: news\n");
}
