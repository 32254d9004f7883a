//! The counts of one engine: the bounds that were reached.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

shared_enum! {
    /// A bound on what clients may cost, as `io.engine.metrics()` counts those that were reached.
    pub enum Bound {
        /// `native.maxPendingBytes`: reading from a client stopped.
        PendingOfClient = 0,
        /// What all clients have sent and JavaScript has not taken: reading from all stopped.
        PendingOfAll = 1,
        /// `native.maxBufferedBytes`: a client that takes nothing was closed.
        BufferedOfClient = 2,
        /// The sum of what waits for all clients: a client was closed.
        BufferedOfAll = 3,
        /// `maxHttpBufferSize`: a message or a body was too large.
        MessageBytes = 4,
        /// Too many fragments of one WebSocket message.
        Fragments = 5,
        /// Too many attachments of one packet.
        Attachments = 6,
        /// The sum of attachments that wait for the rest of their packets.
        AttachmentBytes = 7,
        /// Too many namespaces of one client.
        Namespaces = 8,
        /// Too many connections in all.
        Connections = 9,
        /// Too many connections of one address.
        ConnectionsOfAddress = 10,
        /// Too many handshakes in one second.
        Handshakes = 11,
        /// Too many events of one client in one second.
        Events = 12,
        /// Too many bytes of one client in one second.
        Bytes = 13,
        /// Too many contexts of compression: a connection got none.
        CompressionContexts = 14,
        /// Too much kept for sessions to be restored: the oldest were given up.
        SessionsAway = 15,
    }
}

/// The counts of one engine. Any thread adds to them.
#[derive(Debug, Default)]
pub struct Counters {
    bounds: [AtomicU64; Bound::ALL.len()],
}

impl Counters {
    /// Counts that a bound was reached.
    pub fn reached(&self, bound: Bound) {
        if let Some(count) = self.bounds.get(bound as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The number of times that a bound was reached.
    pub fn times(&self, bound: Bound) -> u64 {
        (self.bounds.get(bound as usize)).map_or(0, |count| count.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_has_a_count_of_its_own() {
        let counters = Counters::default();
        for (n, &bound) in Bound::ALL.iter().enumerate() {
            assert_eq!(bound as usize, n, "the numbers have no gaps");
            for _ in 0..=n {
                counters.reached(bound);
            }
        }
        for (n, &bound) in (1..).zip(Bound::ALL) {
            assert_eq!(counters.times(bound), n);
        }
    }
}
