//! Joins two streams: what was shown with what was clicked, second by second and over the last minute.
//!
//! Run with: `cargo run --release --example join_streams -- 9998 9999`
//! and in two other terminals `nc -lk 9998` for what was shown, `nc -lk 9999` for clicks; a line is an advertisement's name
//! and a user's: `shoes ann`. Ctrl-C ends it.

use std::time::Duration;

use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let mut ports = std::env::args().skip(1).map(|port| port.parse());
    let shown_at = ports.next().unwrap_or(Ok(9998))?;
    let clicked_at = ports.next().unwrap_or(Ok(9999))?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let pairs = |port| streaming.socket_text_stream("localhost", port).flat_map(|line| line.split_once(' '));
    let (shown, clicked) = (pairs(shown_at), pairs(clicked_at));

    // A join is one of batches: a click counts for what was shown in the last minute, so that side is a window.
    let recently = shown.window(Duration::from_secs(60))?;
    let both = clicked.join(&recently)?.filter(|(_, (clicker, viewer))| clicker == viewer);
    both.map(|(advertisement, (user, _))| format!("{user} clicked on {advertisement}")).print(10);

    // Without a click in the same batch the right side is missing: that is what an outer join is for.
    let outcome =
        shown.left_outer_join(&clicked)?.map_values(|(_, click)| if click.is_some() { (1, 1) } else { (1, 0) });
    outcome.reduce_by_key(|a, b| (a.0 + b.0, a.1 + b.1)).print(10);

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}
