//! Keeps a session for each user, and says how long it was when the user has been silent for ten seconds.
//!
//! Run with: `cargo run --release --example stateful_sessions -- localhost 9999`
//! and in another terminal `nc -lk 9999`; each line is a user's name and what they do: `ann buys bread`. One more argument
//! sets the seconds of silence. Ctrl-C ends it.

use std::time::Duration;

use tidemill::prelude::*;

/// The state of a user: how many lines they have sent.
type Lines = u64;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost".into());
    let port = arguments.next().map_or(Ok(9999), |port| port.parse())?;
    let silence = Duration::from_secs(arguments.next().map_or(Ok(10), |seconds| seconds.parse())?);

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    streaming.checkpoint(std::env::temp_dir().join("tidemill-stateful-sessions"))?;

    let actions = streaming.socket_text_stream(&host, port).flat_map(|line| line.split_once(' '));
    // Called for every action with the user's state, and once more, without an action, when the user has been silent.
    let session = |user: &Text, action: Option<Text>, lines: &mut State<Lines>| {
        let so_far = lines.get().copied().unwrap_or(0);
        match action {
            Some(action) => {
                lines.update(so_far + 1);
                format!("{user} {action} (line {})", so_far + 1)
            }
            None => format!("{user} left after {so_far} lines"),
        }
    };
    let events = actions.map_with_state(StateSpec::function(session).timeout(silence));
    events.print(100);
    // Beside what the function returns there is the state itself, after every batch.
    events.state_snapshots().foreach_rdd(|users, time| {
        eprintln!("{time}: {} users", users.count()?);
        Ok(())
    });

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}
