//! Ctrl-C and SIGTERM: the first stops all streaming contexts gracefully, the second ends the process.

use std::sync::{Mutex, Once, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tidemill_core::settings::keys;

use crate::context::{State, Stop, StreamingContext, WeakContext};

/// The contexts that a signal stops.
static ACTIVE: Mutex<Vec<WeakContext>> = Mutex::new(Vec::new());

/// From now on a signal stops `streaming`. A program that never starts one keeps the system's own behaviour.
pub(crate) fn stop_on_signal(streaming: &StreamingContext) {
    if !streaming.context().config().get(keys::STOP_GRACEFULLY_ON_SHUTDOWN) {
        return;
    }
    let mut active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    active.retain(|held| held.upgrade().is_some_and(|held| held.state() != State::Stopped));
    active.push(streaming.weak());
    drop(active);
    static LISTENING: Once = Once::new();
    LISTENING.call_once(listen);
}

fn listen() {
    let listening = Signals::new([SIGINT, SIGTERM]).and_then(|mut signals| {
        let work = move || {
            signals.forever().for_each(stop_all);
        };
        std::thread::Builder::new().name("tidemill-signals".into()).spawn(work)
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "Signals cannot be handled; Ctrl-C will end the process at once.");
    }
}

fn stop_all(signal: i32) {
    let active = std::mem::take(&mut *ACTIVE.lock().unwrap_or_else(PoisonError::into_inner));
    let running: Vec<_> =
        active.iter().filter_map(WeakContext::upgrade).filter(|held| held.state() == State::Active).collect();
    if running.is_empty() {
        return end_process(signal); // nothing to stop, or a first signal is at it
    }
    let work = move || {
        tracing::info!("Stopping: what was received is processed first. A second signal ends the process now.");
        let stop = Stop { graceful: true, context: false }; // behaviour 2.5
        running.iter().for_each(|streaming| streaming.stop_with(stop));
    };
    if std::thread::Builder::new().name("tidemill-stop".into()).spawn(work).is_err() {
        end_process(signal);
    }
}

/// Does as the system would have done if nobody had asked for the signal.
fn end_process(signal: i32) {
    if let Err(error) = emulate_default_handler(signal) {
        tracing::error!(%error, signal, "The signal cannot end the process; try `kill -9`.");
    }
}
