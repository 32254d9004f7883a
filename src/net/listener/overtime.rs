//! Deadlines for what a client sends or reads. They look at the socket before the clock: what has
//! arrived in time counts, even if this process was not running when it arrived.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long the event loop gets to report what a socket holds. Timers fire after the sockets were
/// asked, but that question may be cut short by a signal, `SIGCONT` among them.
const LOOK: Duration = Duration::from_millis(1);
/// A client that goes on sending after its deadline is given up after this time.
const MOST: Duration = Duration::from_secs(1);

/// The time after a deadline, in which what came before it is still taken.
#[derive(Default)]
pub struct Overtime {
    /// When the deadline was first seen to have passed, and how far the client was when it was
    /// last looked at.
    began: Option<(Instant, u64)>,
}

impl Overtime {
    /// Returns whether the deadline of `timer` has passed without progress since. To be called
    /// when the socket has no more for now, with a number that grows as the client makes progress;
    /// arranges for a wake-up otherwise.
    pub fn is_over(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        progress: u64,
        cx: &mut Context<'_>,
    ) -> bool {
        while let Poll::Ready(()) = timer.as_mut().poll(cx) {
            let now = Instant::now();
            let began = match self.began {
                Some((began, last)) if last == progress || now - began > MOST => return true,
                Some((began, _)) => began,
                None => now,
            };
            self.began = Some((began, progress));
            timer.as_mut().reset(now + LOOK);
        }
        false
    }
}
