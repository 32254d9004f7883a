//! Deadlines for what a client sends or reads. They look at the socket before the clock: what has
//! arrived in time counts, even if this process was not running when it arrived.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time that the event loop gets to report the bytes that a socket holds. Timers fire after the sockets were
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

/// The time that a client has to take more of its answer: what it does not read is not kept for
/// ever.
pub struct Stall {
    patience: Duration,
    /// Bytes that the client had taken when it stopped, and the time until which it may.
    since: Option<(u64, Pin<Box<Sleep>>, Overtime)>,
}

impl Stall {
    /// Gives a client that takes nothing `ms` milliseconds.
    pub fn new(ms: u64) -> Self {
        Self {
            patience: Duration::from_millis(ms),
            since: None,
        }
    }

    /// Returns whether the client has taken nothing for too long. `blocked_at`: bytes that it has
    /// taken, if there are more for it. Arranges for a wake-up otherwise.
    pub fn is_over(&mut self, blocked_at: Option<u64>, cx: &mut Context<'_>) -> bool {
        let Some(written) = blocked_at else {
            self.since = None;
            return false;
        };
        let since = self.since.take().filter(|(before, ..)| *before == written);
        let begin = || (written, Box::pin(sleep(self.patience)), Overtime::default());
        let (_, timer, overtime) = self.since.insert(since.unwrap_or_else(begin));
        overtime.is_over(timer.as_mut(), written, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Bounds what a test waits for.
    const SOON: Duration = Duration::from_secs(60);

    async fn ends(mut stall: Stall, mut blocked_at: impl FnMut() -> Option<u64>) -> bool {
        let over = poll_fn(|cx| match stall.is_over(blocked_at(), cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        tokio::time::timeout(SOON, over).await.is_ok()
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_has_its_time_and_no_more() {
        assert!(ends(Stall::new(1), || Some(7)).await);
    }

    #[tokio::test]
    async fn each_byte_that_is_taken_begins_the_time_anew() {
        let mut stall = Stall::new(3_600_000);
        poll_fn(|cx| {
            assert!(!stall.is_over(Some(1), cx));
            let end = stall.since.as_ref().map(|(_, timer, _)| timer.deadline());
            assert!(!stall.is_over(Some(1), cx));
            assert_eq!(
                stall.since.as_ref().map(|(_, timer, _)| timer.deadline()),
                end
            );
            assert!(!stall.is_over(Some(2), cx));
            assert_eq!(stall.since.as_ref().map(|(written, ..)| *written), Some(2));
            assert!(!stall.is_over(None, cx));
            assert!(stall.since.is_none());
            Poll::Ready(())
        })
        .await;
    }
}
