//! The looks of an I/O thread at slow readers, as long as there are any.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{EngineConfig, SLOW_READER_LOOK_MS as LOOK_MS};
use crate::net::handle::Handle;
use crate::net::thread::state::IoThread;

impl IoThread {
    /// Watches a session that polls, because more bytes wait than may, for it or for all.
    pub(in crate::net) fn full(&self, handle: Handle) {
        self.full.borrow_mut().insert(handle.raw());
        if let Some(entry) = self.entry(handle) {
            self.watch_sums(&entry.shared);
        }
        self.watch_slow_readers();
    }

    /// Wakes [`watch`].
    pub(in crate::net) fn watch_slow_readers(&self) {
        self.slow_readers.notify_one();
    }

    /// Closes the clients that have taken nothing for too long. Returns the time to the next look
    /// in ms; `None` if there is no slow reader left.
    fn look_at_slow_readers(self: &Rc<Self>) -> Option<u64> {
        let mut next = u64::MAX;
        let mut look_again = |config: &EngineConfig| {
            next = next.min((config.keep_readers() / 4).clamp(LOOK_MS.0, LOOK_MS.1));
        };
        for conn in self.pending_writes.conns() {
            if let Some(config) = conn.is_full() {
                look_again(config);
                self.overflowed(&conn);
            }
        }
        self.settle();
        let full: Vec<_> = self.full.borrow().iter().copied().collect();
        for raw in full {
            let Some(entry) = self.entry(Handle::from_raw(raw)) else {
                self.full.borrow_mut().remove(&raw);
                continue;
            };
            // Each operation on a session judges its client.
            let waiting = entry.with_session(self, |session, _, _, _| session.buffered());
            if waiting > entry.shared.engine.config.max_buffered() {
                look_again(&entry.shared.engine.config);
            } else {
                self.full.borrow_mut().remove(&raw);
            }
        }
        next = next.min(self.look_at_sums().unwrap_or(u64::MAX));
        (next < u64::MAX).then_some(next)
    }
}

/// Looks at slow readers as long as there are any. Does not return.
pub async fn watch(local: Rc<IoThread>) {
    loop {
        local.slow_readers.notified().await;
        loop {
            let mut next = None;
            local.guard(|| next = local.look_at_slow_readers());
            match next {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests;
