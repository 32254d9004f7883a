//! The counts of one engine, as `io.engine.metrics()` shows them: bounds that were reached, sessions,
//! connections, messages and bytes.
//!
//! Messages are counted without sharing: each I/O thread has a [`Lane`] of its own in each engine, and
//! adds to it without a locked instruction. All other threads share one.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::error::Reason;

shared_enum! {
    /// A bound on what clients may cost, as `io.engine.metrics()` counts those that were reached.
    pub enum Bound {
        /// `native.maxPendingBytes`: reading from a client stopped.
        PendingOfClient = 0,
        /// Too much of all clients waits for JavaScript: reading from all stopped.
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
        /// The sum of request bodies that are being received: the largest was given up.
        BodyBytes = 16,
        /// Arrays and objects nested too deeply in one packet.
        Depth = 17,
    }
}

shared_enum! {
    /// The transport that carries a session, and the thread that serves it.
    pub enum Carrier {
        /// Polls that a port answers natively.
        PollingNative = 0,
        /// Polls that JavaScript answers.
        PollingInJs = 1,
        /// A WebSocket of the native engine.
        WebSocketNative = 2,
        /// A WebSocket of the option `wsEngine`, or of `onWebSocket()`.
        WebSocketInJs = 3,
        /// A stream of WebTransport, which JavaScript serves.
        WebTransport = 4,
    }
}

shared_enum! {
    /// A transport, whoever serves it.
    pub enum Transport {
        /// HTTP long-polling.
        Polling = 0,
        /// WebSocket.
        WebSocket = 1,
        /// WebTransport.
        WebTransport = 2,
    }
}

impl Carrier {
    /// The transport.
    pub const fn transport(self) -> Transport {
        match self {
            Self::PollingNative | Self::PollingInJs => Transport::Polling,
            Self::WebSocketNative | Self::WebSocketInJs => Transport::WebSocket,
            Self::WebTransport => Transport::WebTransport,
        }
    }

    /// The transport and its server as lines of debugging name them.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PollingNative => "polling (native)",
            Self::PollingInJs => "polling (javascript)",
            Self::WebSocketNative => "websocket (native)",
            Self::WebSocketInJs => "websocket (javascript)",
            Self::WebTransport => "webtransport (javascript)",
        }
    }
}

/// The number of threads that have a lane of their own.
const OWN_LANES: usize = 64;
/// The lane of all threads that have none of their own.
const SHARED_LANE: usize = 0;

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(SHARED_LANE) };
}

/// Gives the calling thread a lane of its own in each engine, as long as there are any: it lives as
/// long as the process.
pub fn claim_lane() {
    static CLAIMED: AtomicUsize = AtomicUsize::new(0);
    let lane = CLAIMED.fetch_add(1, Relaxed) + 1;
    if lane <= OWN_LANES {
        LANE.set(lane);
    }
}

/// The messages and bytes of one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Messages received.
    pub messages_in: u64,
    /// Messages sent.
    pub messages_out: u64,
}

/// A place of [`Traffic`] in a lane.
#[derive(Clone, Copy)]
enum Flow {
    BytesIn,
    BytesOut,
    MessagesIn,
    MessagesOut,
}

/// The messages and bytes that one thread counts, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Lane {
    counts: [[AtomicU64; 4]; Transport::ALL.len()],
    /// Several threads add to it.
    is_shared: bool,
}

impl Lane {
    fn new(is_shared: bool) -> Arc<Self> {
        Arc::new(Self {
            counts: Default::default(),
            is_shared,
        })
    }

    /// Counts a message that was received.
    pub fn received(&self, via: Transport) {
        self.add(via, Flow::MessagesIn, 1);
    }

    /// Counts a message that is sent to one session.
    pub fn sent(&self, via: Transport) {
        self.add(via, Flow::MessagesOut, 1);
    }

    /// Counts bytes that were received.
    pub fn received_bytes(&self, via: Transport, bytes: usize) {
        self.add(via, Flow::BytesIn, bytes as u64);
    }

    /// Counts bytes that were sent.
    pub fn sent_bytes(&self, via: Transport, bytes: usize) {
        self.add(via, Flow::BytesOut, bytes as u64);
    }

    fn add(&self, via: Transport, flow: Flow, more: u64) {
        let count = self.counts.get(via as usize);
        let Some(count) = count.and_then(|flows| flows.get(flow as usize)) else {
            return;
        };
        if self.is_shared {
            count.fetch_add(more, Relaxed);
        } else {
            // Nobody else writes to it.
            count.store(count.load(Relaxed).wrapping_add(more), Relaxed);
        }
    }
}

/// The counts of one engine. Any thread adds to them.
#[derive(Debug)]
pub struct Counters {
    bounds: [AtomicU64; Bound::ALL.len()],
    alive: [AtomicI64; Carrier::ALL.len()],
    opened: [AtomicU64; Carrier::ALL.len()],
    upgraded: [AtomicU64; Carrier::ALL.len()],
    ended: [AtomicU64; Reason::ALL.len()],
    websockets: AtomicI64,
    http: AtomicI64,
    /// By thread; made when the thread counts something.
    lanes: Box<[OnceLock<Arc<Lane>>]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            bounds: Default::default(),
            alive: Default::default(),
            opened: Default::default(),
            upgraded: Default::default(),
            ended: Default::default(),
            websockets: AtomicI64::default(),
            http: AtomicI64::default(),
            lanes: (0..=OWN_LANES).map(|_| OnceLock::new()).collect(),
        }
    }
}

/// Adds to one of several counts.
fn add(counts: &[AtomicU64], index: u8) {
    if let Some(count) = counts.get(usize::from(index)) {
        count.fetch_add(1, Relaxed);
    }
}

fn load(counts: &[AtomicU64]) -> Vec<u64> {
    counts.iter().map(|count| count.load(Relaxed)).collect()
}

impl Counters {
    /// Counts that a bound was reached.
    pub fn reached(&self, bound: Bound) {
        add(&self.bounds, bound as u8);
    }

    /// The number of times that a bound was reached.
    pub fn times(&self, bound: Bound) -> u64 {
        (self.bounds.get(bound as usize)).map_or(0, |count| count.load(Relaxed))
    }

    /// Counts a session that begins.
    pub fn session_opened(&self, carrier: Carrier) {
        add(&self.opened, carrier as u8);
        self.add_alive(carrier, 1);
    }

    /// Counts a session that has moved to another transport.
    pub fn session_upgraded(&self, from: Carrier, to: Carrier) {
        add(&self.upgraded, to as u8);
        self.session_moved(from, to);
    }

    /// Counts a session that is carried in another way from now on, without an upgrade.
    pub fn session_moved(&self, from: Carrier, to: Carrier) {
        self.add_alive(from, -1);
        self.add_alive(to, 1);
    }

    /// Counts a session that has ended.
    pub fn session_ended(&self, carrier: Carrier, reason: Reason) {
        add(&self.ended, reason as u8);
        self.add_alive(carrier, -1);
    }

    fn add_alive(&self, carrier: Carrier, more: i64) {
        if let Some(count) = self.alive.get(carrier as usize) {
            count.fetch_add(more, Relaxed);
        }
    }

    /// The sessions that live, by [`Carrier`].
    pub fn alive(&self) -> Vec<u64> {
        let count = |count: &AtomicI64| count.load(Relaxed).max(0).unsigned_abs();
        self.alive.iter().map(count).collect()
    }

    /// The sessions that were opened, by [`Carrier`].
    pub fn opened(&self) -> Vec<u64> {
        load(&self.opened)
    }

    /// The sessions that have moved to a transport, by [`Carrier`].
    pub fn upgraded(&self) -> Vec<u64> {
        load(&self.upgraded)
    }

    /// The sessions that have ended, by [`Reason`].
    pub fn ended(&self) -> Vec<u64> {
        load(&self.ended)
    }

    /// Counts more (or less) WebSockets that are served natively.
    pub fn add_websockets(&self, more: i64) {
        self.websockets.fetch_add(more, Relaxed);
    }

    /// Counts more (or less) connections of a port that speak HTTP.
    pub fn add_http(&self, more: i64) {
        self.http.fetch_add(more, Relaxed);
    }

    /// WebSockets that are served natively, and connections of a port that speak HTTP.
    pub fn connections(&self) -> (u64, u64) {
        let count = |count: &AtomicI64| count.load(Relaxed).max(0).unsigned_abs();
        (count(&self.websockets), count(&self.http))
    }

    /// The lane of the calling thread. To be asked once for much that is counted.
    pub fn lane(&self) -> &Arc<Lane> {
        let index = LANE.get().min(self.lanes.len() - 1);
        self.lanes[index].get_or_init(|| Lane::new(index == SHARED_LANE))
    }

    /// The messages and bytes of a transport, of all threads.
    pub fn traffic(&self, via: Transport) -> Traffic {
        let sum = |flow: Flow| {
            let lanes = self.lanes.iter().filter_map(OnceLock::get);
            let counts = lanes.filter_map(|lane| lane.counts.get(via as usize)?.get(flow as usize));
            counts.map(|count| count.load(Relaxed)).sum()
        };
        Traffic {
            bytes_in: sum(Flow::BytesIn),
            bytes_out: sum(Flow::BytesOut),
            messages_in: sum(Flow::MessagesIn),
            messages_out: sum(Flow::MessagesOut),
        }
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

    #[test]
    fn messages_and_bytes_of_all_threads_add_up() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for own in [true, false, true, false] {
                let counters = &counters;
                scope.spawn(move || {
                    if own {
                        claim_lane();
                    }
                    let lane = counters.lane();
                    for _ in 0..1000 {
                        lane.received(Transport::Polling);
                        lane.sent(Transport::WebSocket);
                        lane.received_bytes(Transport::WebSocket, 3);
                        lane.sent_bytes(Transport::WebSocket, 5);
                    }
                });
            }
        });
        let polling = counters.traffic(Transport::Polling);
        assert_eq!((polling.messages_in, polling.messages_out), (4000, 0));
        let expected = Traffic {
            bytes_in: 12_000,
            bytes_out: 20_000,
            messages_in: 0,
            messages_out: 4000,
        };
        assert_eq!(counters.traffic(Transport::WebSocket), expected);
        assert_eq!(
            counters.traffic(Transport::WebTransport),
            Traffic::default()
        );
    }

    #[test]
    fn a_session_counts_for_the_transport_that_carries_it_until_it_ends() {
        let counters = Counters::default();
        counters.session_opened(Carrier::PollingNative);
        counters.session_opened(Carrier::WebSocketInJs);
        counters.session_upgraded(Carrier::PollingNative, Carrier::WebSocketNative);
        assert_eq!(counters.alive(), [0, 0, 1, 1, 0]);
        counters.session_ended(Carrier::WebSocketNative, Reason::PingTimeout);
        assert_eq!(counters.alive(), [0, 0, 0, 1, 0]);
        assert_eq!(counters.opened(), [1, 0, 0, 1, 0]);
        assert_eq!(counters.upgraded(), [0, 0, 1, 0, 0]);
        assert_eq!(counters.ended(), [0, 0, 1, 0, 0]);
    }
}
