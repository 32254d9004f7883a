//! The timers of an I/O thread: heartbeats and other deadlines of its sessions.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::net::handle::Handle;
use crate::net::thread::state::IoThread;

/// A timer that fires so much too late, in ms, shows that this thread was kept from running.
const LATE_MS: u64 = 100;
/// The time that the event loop gets to report what the sockets hold.
const LOOK: Duration = Duration::from_millis(1);
/// The turns that the event loop of JavaScript gets for that: what it reads of a stream may be on its way
/// to the listener.
const LOOK_TURNS: usize = 2;

/// Looks after sessions when they are due. Does not return.
pub async fn run(local: Rc<IoThread>) {
    loop {
        let next = local.tick_sessions();
        let changed = local.timers.notified();
        match next {
            Some(at) => {
                let wait = Duration::from_millis(at.saturating_sub(local.now()));
                let _ = tokio::time::timeout(wait, changed).await;
                if local.now() > at + LATE_MS {
                    // This thread was not running. What clients have sent in the meantime comes
                    // before their deadlines: the sockets are asked meanwhile.
                    look(&local).await;
                }
            }
            None => changed.await,
        }
    }
}

/// Waits until the sockets were asked what they hold.
async fn look(local: &Rc<IoThread>) {
    if !local.is_inline() {
        return sleep(LOOK).await;
    }
    for _ in 0..LOOK_TURNS {
        let mut is_over = false;
        poll_fn(|cx| match std::mem::replace(&mut is_over, true) {
            true => Poll::Ready(()),
            false => local.give_way(cx),
        })
        .await;
    }
}

impl IoThread {
    /// Looks after the sessions that are due. Returns the time of the next deadline, in ms of the
    /// clock; `None`: there is none.
    fn tick_sessions(self: &Rc<Self>) -> Option<u64> {
        let now = self.now();
        let mut due = Vec::new();
        self.wheel
            .borrow_mut()
            .advance(now, &mut |token| due.push(token));
        for raw in due {
            let Some(entry) = self.entry(Handle::from_raw(raw)) else {
                continue;
            };
            if entry.armed.get() > now {
                continue;
            }
            entry.armed.set(u64::MAX);
            self.guard(|| {
                let goes_on = entry.with_session(self, |session, config, now, out| {
                    let shared = &out.entry.shared;
                    let is_held = shared.external.is_holding();
                    if is_held || shared.inbox.is_stopped() || shared.pending.is_stopped() {
                        // Not read from, the client cannot show that it lives.
                        session.postpone(now, config.ping_timeout());
                    }
                    let main = out.entry.main.borrow().clone();
                    if main.is_some_and(|conn| conn.is_being_read(self, config.ping_timeout())) {
                        // The client lives: it reads what was sent before the ping.
                        session.postpone(now, config.ping_timeout());
                    }
                    session.tick(config, now, out);
                    out.ends_pause(now)
                });
                if goes_on {
                    self.go_on(entry.shared.handle);
                }
            });
        }
        self.guard(|| self.settle());
        self.wheel.borrow().next_deadline()
    }
}

#[cfg(test)]
mod tests;
