//! Numbers of the connection that carries a session, which its I/O thread writes and any thread reads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Byte counts of the connection that carries a session as a WebSocket, or is about to. Its I/O
/// thread writes them, any thread reads them.
#[derive(Debug, Default)]
pub struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
}

impl Traffic {
    /// Counts more bytes.
    pub fn add(&self, read: u64, written: u64) {
        let before = self.load();
        self.store((before.0 + read, before.1 + written));
    }

    /// Begins with the bytes that a connection has carried before.
    pub fn store(&self, (read, written): (u64, u64)) {
        self.read.store(read, Ordering::Relaxed);
        self.written.store(written, Ordering::Relaxed);
    }

    /// Bytes read from the connection and bytes that the kernel has taken.
    pub fn load(&self) -> (u64, u64) {
        let read = self.read.load(Ordering::Relaxed);
        (read, self.written.load(Ordering::Relaxed))
    }
}

/// The bytes and messages that wait on a connection, written by its I/O thread and read by any.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: AtomicUsize,
    messages: AtomicU32,
    /// All bytes that wait for the client, those of polls too.
    waiting: AtomicUsize,
    /// JavaScript hands over one batch at a time: no message waits behind another.
    in_batches: AtomicBool,
}

impl Backlog {
    /// Stores both numbers.
    pub fn store(&self, bytes: usize, messages: u32) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.messages.store(messages, Ordering::Relaxed);
    }

    /// Bytes that were handed over and that the kernel has not taken.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Stores the bytes that wait for the client, whoever holds them.
    pub fn store_waiting(&self, bytes: usize) {
        self.waiting.store(bytes, Ordering::Relaxed);
    }

    /// All bytes that wait for the client: on its WebSocket, or for its next poll.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes that JavaScript hands over one batch at a time from now on.
    pub fn send_in_batches(&self) {
        self.in_batches.store(true, Ordering::Relaxed);
    }

    /// True if JavaScript hands over one batch at a time.
    pub fn is_in_batches(&self) -> bool {
        self.in_batches.load(Ordering::Relaxed)
    }

    /// Messages behind them, which are handed over next.
    pub fn messages(&self) -> u32 {
        self.messages.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_counts_on_from_what_it_began_with() {
        let traffic = Traffic::default();
        assert_eq!(traffic.load(), (0, 0));
        traffic.store((100, 200));
        traffic.add(1, 0);
        traffic.add(2, 3);
        assert_eq!(traffic.load(), (103, 203));
    }

    #[test]
    fn backlog_gives_what_was_stored_last() {
        let backlog = Backlog::default();
        assert_eq!((backlog.bytes(), backlog.messages()), (0, 0));
        backlog.store(10, 2);
        backlog.store(5, 1);
        assert_eq!((backlog.bytes(), backlog.messages()), (5, 1));
        assert!(!backlog.is_in_batches());
        backlog.send_in_batches();
        assert!(backlog.is_in_batches());
    }
}
