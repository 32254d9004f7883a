//! The I/O threads, and all that lives on them: sessions with their WebSockets, timers, buffers.
//! The state of a thread ([`state`]), its sessions ([`session`]) and their connections ([`conn`])
//! call each other; other threads send a [`Command`] to the thread's [`IoThreadHandle`].

mod attach;
pub mod broadcast;
mod command;
mod command_counter;
mod commands;
pub mod conn;
mod elsewhere;
mod exit;
pub mod exit_flush;
pub mod inline;
mod mailbox;
pub mod pending_writes;
pub mod session;
mod slow_readers;
pub mod state;
mod sum_watch;
mod timers;
pub mod trim;

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep};

pub use self::command::{
    Attach, Command, ConnectionCounter, FIRST_STREAM, NO_STREAM, OpenConnection, Source, is_single,
};
pub use self::exit::{LOOK as EXIT_LOOK, PATIENCE_MS as EXIT_PATIENCE_MS};
pub use self::mailbox::IoThreadHandle;
use self::mailbox::PATIENCE;
use crate::counters::claim_lane;
use crate::net::session::sessions::Sessions;
use crate::net::thread::state::IoThread;

/// Runs an I/O thread, one of `threads`. Does not return.
pub async fn run(mailbox: Arc<IoThreadHandle>, sessions: Arc<Sessions>, threads: usize) {
    claim_lane();
    let local = IoThread::new(mailbox, sessions, threads);
    tokio::task::spawn_local(timers::run(local.clone()));
    tokio::task::spawn_local(wake_sinks(local.clone()));
    tokio::task::spawn_local(slow_readers::watch(local.clone()));
    let mut soon = pin!(sleep(PATIENCE));
    let mut looks_soon = false;
    loop {
        {
            let mut notified = pin!(local.mailbox.notify.notified());
            poll_fn(|cx| {
                if notified.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                if looks_soon {
                    soon.as_mut().poll(cx)
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        let commands = local.mailbox.take_commands();
        looks_soon = !commands.is_empty();
        if looks_soon && soon.is_elapsed() {
            soon.as_mut().reset(Instant::now() + PATIENCE);
        }
        let count = commands.len();
        for command in commands {
            local.guard(|| local.command(command));
        }
        local.guard(|| local.settle());
        local.mailbox.commands_done.advance(count);
    }
}

/// Wakes the JavaScript threads for which there is something. Does not return.
async fn wake_sinks(local: Rc<IoThread>) {
    loop {
        local.waker.notified().await;
        // One round of the event loop: other events that have arrived share the wake-up.
        tokio::task::yield_now().await;
        for inbox in local.to_wake.take() {
            inbox.wake();
        }
    }
}
