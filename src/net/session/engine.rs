//! The part of an engine that its sessions and its listeners share.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use crate::config::EngineConfig;
use crate::counters::Counters;
use crate::net::session::sid_index::Sids;
use crate::sums::{Largest, Sum};
use crate::ws::deflate;

/// The number of JavaScript among the threads that close clients for which too much waits.
const JAVASCRIPT: usize = 63;

/// One engine: its options, and its sessions by their id.
#[derive(Debug, Default)]
pub struct SharedEngine {
    /// The options that sessions read while they live.
    pub config: EngineConfig,
    /// The bounds that its clients have reached.
    pub counters: Counters,
    /// Bytes of memory that wait for its clients: on connections that take nothing at the moment, for
    /// the next polls, and in JavaScript. A frame that many connections share counts once.
    pub buffered: Arc<Sum>,
    /// Bytes of packets that wait for their attachments.
    pub attachments: Sum,
    /// Contexts of compression that connections keep, or may keep.
    pub contexts: Arc<Sum>,
    /// The clients that may be closed if too much waits in all.
    pub largest: Largest,
    /// The threads that watch the sums, as bits.
    watchers: AtomicU64,
    sids: Sids,
    deflate: OnceLock<deflate::Options>,
}

impl SharedEngine {
    /// An engine with these options.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// True if one of the sums that are watched is above its bound, or near it.
    pub fn is_crowded(&self) -> bool {
        self.buffered.get() > self.config.max_buffered_of_all() / 2
            || self.attachments.get() > self.config.max_attachments_of_all()
    }

    /// Notes that a thread watches the sums. Returns false if it does already.
    pub fn watch(&self, thread: usize) -> bool {
        let bit = 1 << (thread % JAVASCRIPT);
        self.watchers.fetch_or(bit, SeqCst) & bit == 0
    }

    /// True if a thread watches the sums.
    pub fn is_watched_by(&self, thread: usize) -> bool {
        self.watchers.load(SeqCst) & 1 << (thread % JAVASCRIPT) != 0
    }

    /// Notes that a thread watches the sums no more.
    pub fn unwatch(&self, thread: usize) {
        self.largest.is_mine(thread, 0);
        self.watchers
            .fetch_and(!(1 << (thread % JAVASCRIPT)), SeqCst);
    }

    /// Counts the bytes that wait in JavaScript, `now` instead of `before`. Returns true if too much
    /// waits in all, and the client of JavaScript for which `largest` bytes wait has to go first.
    pub fn count_buffered(&self, before: usize, now: usize, largest: usize) -> bool {
        let sum = self.buffered.replace(before, now);
        let max = self.config.max_buffered_of_all();
        self.largest
            .is_mine(JAVASCRIPT, if sum > max / 2 { largest } else { 0 })
            && sum > max
    }

    /// Has compression of WebSocket messages offered from now on. Only the first call counts.
    pub fn set_deflate(&self, options: deflate::Options) {
        let _ = self.deflate.set(options);
    }

    /// The options of compression; `None` if the engine ignores the offers of clients.
    pub fn deflate(&self) -> Option<&deflate::Options> {
        self.deflate.get()
    }

    /// The engine's sessions by their id.
    pub const fn sids(&self) -> &Sids {
        &self.sids
    }
}
