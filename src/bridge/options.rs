//! The options of an engine that native code reads.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::bridge::runtime::runtime;
use crate::counters::Bound;
use crate::net::handle::Handle;
use crate::net::session::admission::AddressKey;
use crate::net::session::engine::SharedEngine;
use crate::ws::deflate::{self, Bits, Compression};

/// The options of one engine that live sessions read.
#[napi]
pub struct EngineOptions(pub(super) Arc<SharedEngine>);

#[napi]
impl EngineOptions {
    /// Makes options with the defaults.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "made from JavaScript only")]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Sets durations in ms, and the largest message in bytes; 0 for no limit.
    #[napi(catch_unwind)]
    pub fn set(
        &self,
        ping_interval: f64,
        ping_timeout: f64,
        upgrade_timeout: f64,
        max_message: f64,
    ) {
        // A float out of range saturates, NaN is 0.
        self.0.config.set(
            ping_interval as u64,
            ping_timeout as u64,
            upgrade_timeout as u64,
            max_message as u64,
        );
    }

    /// Sets the bytes that may wait for a client, and the time in ms that a client for which more
    /// waits may take nothing. Counts for living sessions too.
    #[napi(catch_unwind)]
    pub fn set_buffering(&self, max_buffered: f64, keep_readers: f64) {
        self.0
            .config
            .set_buffering(max_buffered as usize, keep_readers as u64);
    }

    /// Sets the bounds of sums over all clients: bytes that wait for them, bytes of attachments whose
    /// packets are not complete, contexts of compression, and bytes of request bodies under way. Counts
    /// for living sessions too.
    #[napi(catch_unwind)]
    pub fn set_sums(&self, buffered: f64, attachments: f64, contexts: f64, bodies: f64) {
        // A float out of range saturates, NaN is 0.
        let [buffered, attachments, contexts, bodies] =
            [buffered, attachments, contexts, bodies].map(|sum| sum as usize);
        self.0
            .config
            .set_sums(buffered, attachments, contexts, bodies);
    }

    /// Sets the bytes that wait in JavaScript for clients whose WebSockets it serves, from `before` to
    /// `now`. Returns -1 unless the sum over all clients is too large and the client for which
    /// `largest` bytes wait in JavaScript is the one to be closed: then the time in ms that it has to
    /// have taken nothing for.
    #[napi(catch_unwind)]
    pub fn count_buffered(&self, before: f64, now: f64, largest: f64) -> f64 {
        // A float out of range saturates, NaN is 0.
        self.0
            .count_buffered(before as usize, now as usize, largest as usize)
            .map_or(-1.0, |patience| patience as f64)
    }

    /// Sets the cost of the packets of one client that may wait for JavaScript: bytes, and an overhead
    /// for each packet and attachment. Counts for living sessions too.
    #[napi(catch_unwind)]
    pub fn set_max_pending(&self, max_pending: f64) {
        self.0.config.set_max_pending(max_pending as usize);
    }

    /// Sets limits that are off by default; 0 is none. They count for living sessions too.
    #[napi(catch_unwind)]
    pub fn set_limits(&self, limits: Limits) {
        // A float out of range saturates, NaN is 0.
        let config = &self.0.config;
        config.admission.set(
            limits.connections as usize,
            limits.connections_of_address as usize,
            limits.handshakes as u64,
        );
        config.set_max_attachments(limits.attachments as u32);
        config.set_max_depth(limits.depth as u32);
        (config.pace).set(limits.events as u64, limits.bytes as u64);
        runtime().look_at_paces();
    }

    /// Counts a handshake. Returns the number of the [`Bound`] that refuses it; null: it is admitted.
    /// `address`: of the client; empty for a UNIX socket, absent if it is not counted.
    #[napi(catch_unwind)]
    pub fn handshake(&self, address: Option<String>) -> Option<u32> {
        let address = address.as_deref().map(AddressKey::parse);
        let SharedEngine {
            admission, config, ..
        } = &*self.0;
        let admitted = admission.handshake(&config.admission, address, runtime().now());
        admitted.err().map(|bound| bound as u32)
    }

    /// Returns the number of the [`Bound`] that leaves no place for one session more; null: there is
    /// a place.
    #[napi(catch_unwind)]
    pub fn has_no_place(&self, address: Option<String>) -> Option<u32> {
        let address = address.as_deref().map(AddressKey::parse);
        let place = (self.0.admission).has_place(&self.0.config.admission, address);
        place.err().map(|bound| bound as u32)
    }

    /// Counts the address of a session that began before addresses were limited.
    #[napi(catch_unwind)]
    pub fn count_address(&self, handle: u32, address: String) {
        let session = runtime().table().get(Handle::from_raw(handle));
        if let Some(session) = session
            && Arc::ptr_eq(&session.engine, &self.0)
        {
            let address = AddressKey::parse(&address);
            self.0.admission.count_address(&session.seat, address);
        }
    }

    /// Counts that JavaScript has found a [`Bound`] reached, by its number.
    #[napi(catch_unwind)]
    pub fn reached(&self, bound: u32) {
        if let Some(bound) = Bound::ALL.get(bound as usize) {
            self.0.counters.reached(*bound);
        }
    }

    /// Has WebSocket messages compressed with clients that offer it. For new connections, and once.
    #[napi(catch_unwind)]
    pub fn set_deflate(&self, options: DeflateOptions) {
        self.0.set_deflate(options.into());
    }
}

/// Limits that are off by default; 0 is none.
#[napi(object)]
pub struct Limits {
    /// Sessions in all.
    pub connections: f64,
    /// Sessions of one address.
    pub connections_of_address: f64,
    /// Handshakes in one second.
    pub handshakes: f64,
    /// Events of one connection in one second.
    pub events: f64,
    /// Bytes of one connection in one second.
    pub bytes: f64,
    /// Attachments of one packet.
    pub attachments: f64,
    /// Arrays and objects that are nested in one packet.
    pub depth: f64,
}

/// The options of compression. Where one is absent, the client decides.
#[napi(object)]
pub struct DeflateOptions {
    /// The server takes no context over; `false`: clients may not want that.
    pub server_no_context_takeover: Option<bool>,
    /// The client may take none over.
    pub client_no_context_takeover: bool,
    /// The server's window, as a power of two; `false`: clients may not limit it.
    pub server_max_window_bits: Option<Either<bool, f64>>,
    /// The client's window; `false`: offers that name it are not answered.
    pub client_max_window_bits: Option<Either<bool, f64>>,
    /// Length from which messages are compressed where no context is taken over, in bytes.
    pub threshold: f64,
    /// 0 to 9; none: the engine's choice.
    pub level: Option<u8>,
    /// An upper limit for the server's window.
    pub window_bits: Option<u8>,
}

impl From<DeflateOptions> for deflate::Options {
    fn from(options: DeflateOptions) -> Self {
        let bits = |bits| match bits {
            Some(Either::A(false)) => Bits::Unsaid,
            Some(Either::B(bits)) => Bits::Exactly(bits),
            Some(Either::A(true)) | None => Bits::Any,
        };
        let usual = Compression::default();
        Self {
            server_no_context_takeover: options.server_no_context_takeover,
            client_no_context_takeover: options.client_no_context_takeover,
            server_max_window_bits: bits(options.server_max_window_bits),
            client_max_window_bits: bits(options.client_max_window_bits),
            compression: Compression {
                level: options.level.unwrap_or(usual.level),
                window_bits: options.window_bits.unwrap_or(usual.window_bits),
                threshold: options.threshold,
            },
            keeps_no_contexts: false,
        }
    }
}
