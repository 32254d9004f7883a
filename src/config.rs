//! Every option, default and limit of the native side, in one place.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Delay before each server ping, in ms, unless the application says otherwise.
pub const PING_INTERVAL_MS: u64 = 25_000;
/// Time allowed for the pong, in ms.
pub const PING_TIMEOUT_MS: u64 = 20_000;
/// Longest duration of a transport upgrade, in ms.
pub const UPGRADE_TIMEOUT_MS: u64 = 10_000;
/// Largest message or request body taken, in bytes.
pub const MAX_HTTP_BUFFER_SIZE: u64 = 1_000_000;
/// Time that the body of a POST may take, in ms.
pub const HTTP_REQUEST_BODY_TIMEOUT_MS: u64 = 30_000;
/// Bytes of the bodies of POSTs that an engine may be receiving, unless the application says
/// otherwise. The largest is given up if there are more.
pub const MAX_BODY_BYTES_OF_ALL: usize = 256 << 20;
/// Pieces in which the body of a POST may come.
pub const MAX_BUFFERED_CHUNKS: u64 = 10_000;

/// Between two `noop` answers that free a client's poll during an upgrade, in ms.
pub const UPGRADE_FLUSH_MS: u64 = 100;
/// The time that a closing transport waits for its peer, in ms: for the next poll, or the close
/// frame.
pub const CLOSE_WAIT_MS: u64 = 30_000;
/// The time between the 101 of a WebSocket of protocol 3 and its first packet, in ms: clients that
/// listen for frames only once they have read the 101 lose a packet that they read with it.
pub const FIRST_PACKET_GAP_MS: u64 = 5;

/// Fragments one WebSocket message may have.
pub const MAX_FRAGMENTS: u32 = 16_384;
/// Attachments one Socket.IO packet may announce, unless the application says otherwise.
pub const MAX_ATTACHMENTS: u32 = 10;
/// Arrays and objects that may be nested in the data of one packet. `JSON.stringify` and a walk by
/// recursion take several times as many on the default stack.
pub const MAX_DEPTH: u32 = 1_000;

/// Bytes that may wait for one client, unless the application says otherwise. A client for which
/// more waits is closed if it takes nothing: it would otherwise use up the memory of all.
pub const MAX_BUFFERED_BYTES: usize = 64 << 20;
/// Time that a client for which more waits may take nothing, in ms, unless the application says
/// otherwise.
pub const KEEP_READERS_MS: u64 = 10_000;
/// The same for a client to which more and more is sent, once a quarter more waits than may.
pub const FLOOD_PATIENCE_MS: u64 = 250;
/// Bytes that may wait for all clients of an engine, unless the application says otherwise.
pub const MAX_BUFFERED_BYTES_OF_ALL: usize = 1 << 30;
/// Bytes of attachments, of all clients of an engine, that may wait for the rest of their packets.
pub const MAX_ATTACHMENT_BYTES_OF_ALL: usize = 256 << 20;
/// Contexts of compression that the connections of an engine may keep between messages.
pub const MAX_COMPRESSION_CONTEXTS: usize = 8192;
/// Sessions of clients that are away which a server keeps for their recovery.
pub const MAX_SESSIONS_AWAY: usize = 100_000;
/// Bytes of packets that a server keeps for such clients, over all namespaces.
pub const MAX_RECOVERY_BYTES: usize = 512 << 20;
/// Cost of the records of all connections of one environment that JavaScript has not worked off,
/// above which no more is read from the network until it has caught up.
pub const MAX_INBOX_COST: usize = 32 << 20;
/// Cost of the records of one connection that JavaScript has not worked off, above which no more
/// is read from it, unless the application says otherwise.
pub const MAX_PENDING_BYTES: usize = 256 << 10;
/// A connection may take this part of the room that [`MAX_INBOX_COST`] leaves, if that is less than
/// its own bound: so many connections at their bounds leave room for others.
pub const PENDING_SHARE: usize = 32;
/// Cost of a record beside its bytes, and of each attachment or long payload: they are objects in
/// JavaScript.
pub const RECORD_OVERHEAD: usize = 256;
/// Bytes read from one connection after which the others of its thread have their turn.
pub const READ_TURN_BYTES: usize = 256 << 10;
/// Bytes of the packets that answer one poll; more wait for the next one. A longer packet is
/// answered alone.
pub const POLL_PAYLOAD_BYTES: usize = 1536 << 10;

/// Bytes read at once; one such buffer exists per I/O thread.
pub const READ_BUFFER_BYTES: usize = 64 << 10;
/// Text of one batch handed to JavaScript, in bytes, after which the next batch begins.
pub const BATCH_BYTES: usize = 64 << 10;
/// Cost of one batch after which the next one begins: half of what one connection may have pending,
/// so that reading goes on while JavaScript works.
pub const BATCH_COST: usize = MAX_PENDING_BYTES / 2;
/// Cost of one batch after which the next one begins although a read is being decoded: the records of
/// one read are in one batch otherwise.
pub const BATCH_COST_IN_READ: usize = 1 << 20;
/// Values beside the text of one batch, in bytes, after which the next batch begins.
pub const BATCH_VALUE_BYTES: usize = 256 << 10;
/// Payloads longer than this travel beside the batch, as strings of their own, in bytes.
pub const INLINE_PAYLOAD_BYTES: usize = 2 << 10;

/// Threads that compress long answers and messages, and give memory back, for each I/O thread; more work waits.
pub const BLOCKING_THREADS: usize = 2;

/// Headers whose values hardly differ between the clients of an application: what is kept of
/// requests has one string for all that are equal in these. In lower case.
pub const SHARED_HEADERS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "host",
    "origin",
    "pragma",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "upgrade",
    "user-agent",
];

/// Parts of `User-Agent` of browsers that would take a payload for a page: their answers have one
/// header more.
pub const SNIFFING_AGENTS: [&str; 2] = [";MSIE", "Trident/"];

/// Between two values of a request snapshot; no header can contain it.
pub const SNAPSHOT_SEPARATOR: char = '\0';
/// In the shared part of a request snapshot, in place of a value that is in its own part.
pub const SNAPSHOT_OWN: &str = "\u{1}";

/// Bounds of the time between two looks at a slow reader, in ms.
pub const SLOW_READER_LOOK_MS: (u64, u64) = (5, 100);
/// Time between two looks at a sum that is near its bound, in ms.
pub const SUM_LOOK_MS: u64 = 20;

/// The options of one engine that sessions read while they live. JavaScript may change them at
/// any time; each is read when it is needed.
#[derive(Debug)]
pub struct EngineConfig {
    ping_interval_ms: AtomicU64,
    ping_timeout_ms: AtomicU64,
    upgrade_timeout_ms: AtomicU64,
    max_message: AtomicU64,
    max_buffered: AtomicUsize,
    keep_readers_ms: AtomicU64,
    max_pending: AtomicUsize,
    max_buffered_of_all: AtomicUsize,
    max_attachments_of_all: AtomicUsize,
    max_contexts: AtomicUsize,
    max_bodies_of_all: AtomicUsize,
    max_attachments: AtomicU32,
    max_depth: AtomicU32,
    /// The limits on new sessions.
    pub admission: AdmissionLimits,
    /// The limits on what one connection sends in a second.
    pub pace: PaceLimits,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            ping_interval_ms: AtomicU64::new(PING_INTERVAL_MS),
            ping_timeout_ms: AtomicU64::new(PING_TIMEOUT_MS),
            upgrade_timeout_ms: AtomicU64::new(UPGRADE_TIMEOUT_MS),
            max_message: AtomicU64::new(MAX_HTTP_BUFFER_SIZE),
            max_buffered: AtomicUsize::new(MAX_BUFFERED_BYTES),
            keep_readers_ms: AtomicU64::new(KEEP_READERS_MS),
            max_pending: AtomicUsize::new(MAX_PENDING_BYTES),
            max_buffered_of_all: AtomicUsize::new(MAX_BUFFERED_BYTES_OF_ALL),
            max_attachments_of_all: AtomicUsize::new(MAX_ATTACHMENT_BYTES_OF_ALL),
            max_contexts: AtomicUsize::new(MAX_COMPRESSION_CONTEXTS),
            max_bodies_of_all: AtomicUsize::new(MAX_BODY_BYTES_OF_ALL),
            max_attachments: AtomicU32::new(MAX_ATTACHMENTS),
            max_depth: AtomicU32::new(MAX_DEPTH),
            admission: AdmissionLimits::default(),
            pace: PaceLimits::default(),
        }
    }
}

impl EngineConfig {
    /// Stores new values: three durations in ms, and the largest message in bytes (0: unlimited).
    pub fn set(&self, ping_interval: u64, ping_timeout: u64, upgrade_timeout: u64, max: u64) {
        self.ping_interval_ms.store(ping_interval, Relaxed);
        self.ping_timeout_ms.store(ping_timeout, Relaxed);
        self.upgrade_timeout_ms.store(upgrade_timeout, Relaxed);
        self.max_message.store(max, Relaxed);
    }

    /// Stores the bytes that may wait for a client, and the time in ms that a client for which more
    /// waits may take nothing.
    pub fn set_buffering(&self, max_buffered: usize, keep_readers: u64) {
        self.max_buffered.store(max_buffered, Relaxed);
        self.keep_readers_ms.store(keep_readers, Relaxed);
    }

    /// Stores the bounds of the sums over all clients: bytes that wait for them, bytes of their
    /// attachments, contexts of compression, and bytes of request bodies.
    pub fn set_sums(&self, buffered: usize, attachments: usize, contexts: usize, bodies: usize) {
        self.max_buffered_of_all.store(buffered, Relaxed);
        self.max_attachments_of_all.store(attachments, Relaxed);
        self.max_contexts.store(contexts, Relaxed);
        self.max_bodies_of_all.store(bodies, Relaxed);
    }

    /// Bytes of request bodies of all clients that may be under way.
    pub fn max_bodies_of_all(&self) -> usize {
        self.max_bodies_of_all.load(Relaxed)
    }

    /// Bytes that may wait for all clients.
    pub fn max_buffered_of_all(&self) -> usize {
        self.max_buffered_of_all.load(Relaxed)
    }

    /// Bytes of attachments of all clients that may wait for the rest of their packets.
    pub fn max_attachments_of_all(&self) -> usize {
        self.max_attachments_of_all.load(Relaxed)
    }

    /// Contexts of compression that connections may keep between messages.
    pub fn max_contexts(&self) -> usize {
        self.max_contexts.load(Relaxed)
    }

    /// Stores the cost of the records of one connection that may wait for JavaScript.
    pub fn set_max_pending(&self, max_pending: usize) {
        self.max_pending.store(max_pending, Relaxed);
    }

    /// Cost of the records of one connection that may wait for JavaScript.
    pub fn max_pending(&self) -> usize {
        self.max_pending.load(Relaxed)
    }

    /// Stores the number of attachments that one packet may announce.
    pub fn set_max_attachments(&self, max_attachments: u32) {
        self.max_attachments.store(max_attachments, Relaxed);
    }

    /// Attachments that one packet may announce.
    pub fn max_attachments(&self) -> u32 {
        self.max_attachments.load(Relaxed)
    }

    /// Stores the number of arrays and objects that may be nested in one packet.
    pub fn set_max_depth(&self, max_depth: u32) {
        self.max_depth.store(max_depth, Relaxed);
    }

    /// Arrays and objects that may be nested in one packet.
    pub fn max_depth(&self) -> u32 {
        self.max_depth.load(Relaxed)
    }

    /// Delay before a ping, in ms.
    pub fn ping_interval(&self) -> u64 {
        self.ping_interval_ms.load(Relaxed)
    }

    /// Time allowed for a pong, in ms.
    pub fn ping_timeout(&self) -> u64 {
        self.ping_timeout_ms.load(Relaxed)
    }

    /// Longest duration of an upgrade, in ms.
    pub fn upgrade_timeout(&self) -> u64 {
        self.upgrade_timeout_ms.load(Relaxed)
    }

    /// Bytes that may wait for a client.
    pub fn max_buffered(&self) -> usize {
        self.max_buffered.load(Relaxed)
    }

    /// Time that a client for which more waits may take nothing, in ms.
    pub fn keep_readers(&self) -> u64 {
        self.keep_readers_ms.load(Relaxed)
    }

    /// Largest WebSocket message, in bytes; 0 is unlimited.
    pub fn max_message(&self) -> u64 {
        self.max_message.load(Relaxed)
    }
}

/// The limits on new sessions of an engine; 0 is no limit.
#[derive(Debug, Default)]
pub struct AdmissionLimits {
    is_any: AtomicBool,
    connections: AtomicUsize,
    connections_of_address: AtomicUsize,
    handshakes: AtomicU64,
}

impl AdmissionLimits {
    /// Stores the sessions in all, those of one address, and the handshakes per second.
    pub fn set(&self, connections: usize, connections_of_address: usize, handshakes: u64) {
        self.connections.store(connections, Relaxed);
        (self.connections_of_address).store(connections_of_address, Relaxed);
        self.handshakes.store(handshakes, Relaxed);
        let is_any = connections > 0 || connections_of_address > 0 || handshakes > 0;
        self.is_any.store(is_any, Relaxed);
    }

    /// True if there is a limit.
    pub fn is_any(&self) -> bool {
        self.is_any.load(Relaxed)
    }

    /// Sessions in all.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Sessions of one address.
    pub fn connections_of_address(&self) -> usize {
        self.connections_of_address.load(Relaxed)
    }

    /// Handshakes in one second.
    pub fn handshakes(&self) -> u64 {
        self.handshakes.load(Relaxed)
    }
}

/// The limits on what one connection sends in a second; 0 is no limit.
#[derive(Debug, Default)]
pub struct PaceLimits {
    is_any: AtomicBool,
    events: AtomicU64,
    bytes: AtomicU64,
}

impl PaceLimits {
    /// Stores the events and the bytes per second.
    pub fn set(&self, events: u64, bytes: u64) {
        self.events.store(events, Relaxed);
        self.bytes.store(bytes, Relaxed);
        self.is_any.store(events > 0 || bytes > 0, Relaxed);
    }

    /// True if there is a limit.
    pub fn is_any(&self) -> bool {
        self.is_any.load(Relaxed)
    }

    /// Events in one second.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Bytes in one second.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}
