//! The part of an engine that its sessions and its listeners share.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use crate::config::EngineConfig;
use crate::counters::{Bound, Counters};
use crate::net::handle::Handle;
use crate::net::session::admission::Admission;
use crate::net::session::bodies::Bodies;
use crate::net::session::sid_index::Sids;
use crate::net::session::slow_readers::crowd_patience;
use crate::sums::{Largest, Share, Sum};
use crate::ws::deflate::{self, Agreement, Compression, Parameters};
use crate::ws::handshake::Refusal;

/// The number of JavaScript among the threads that close clients for which too much waits.
const JAVASCRIPT: usize = 63;
/// The number of the sessions of an engine that live on its JavaScript thread.
const INLINE: usize = JAVASCRIPT - 1;

/// The number, among those that watch the sums of an engine, of the thread on which a session lives;
/// there are `threads` I/O threads.
pub fn watcher_of(handle: Handle, threads: usize) -> usize {
    if handle.is_inline() {
        INLINE
    } else {
        handle.slot() % threads
    }
}

/// The compression that a handshake has agreed on.
pub struct Negotiated {
    /// The answer, and its parameters.
    pub agreement: Agreement,
    /// The server's compression.
    pub compression: Compression,
    /// False if neither side takes a context over, because too many are kept.
    pub keeps_contexts: bool,
}

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
    /// Its sessions and handshakes, as the limits on new sessions count them.
    pub admission: Admission,
    /// The bodies of its clients that I/O threads receive.
    pub bodies: Arc<Bodies>,
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

    /// Negotiates the compression of one more connection from its `Sec-WebSocket-Extensions`. While
    /// others keep as many contexts as may be kept, it gets none of its own. `Ok(None)`: no compression.
    ///
    /// # Errors
    /// As [`deflate::negotiate`].
    pub fn negotiate(&self, header: Option<&str>) -> Result<Option<Negotiated>, Refusal> {
        let Some(options) = self.deflate() else {
            return Ok(None);
        };
        let keeps_contexts = self.contexts.get().saturating_add(2) <= self.config.max_contexts();
        let options = deflate::Options {
            keeps_no_contexts: !keeps_contexts,
            ..*options
        };
        let agreement = deflate::negotiate(header, &options)?;
        Ok(agreement.map(|agreement| {
            if !keeps_contexts {
                self.counters.reached(Bound::CompressionContexts);
            }
            let compression = options.compression;
            Negotiated {
                agreement,
                compression,
                keeps_contexts,
            }
        }))
    }

    /// The contexts that a connection keeps by these parameters. Without room for them, the server
    /// compresses without a context of its own, whatever was agreed on.
    pub fn contexts(&self, parameters: &mut Parameters) -> Share {
        let of_client = usize::from(parameters.client_takeover);
        let all = usize::from(parameters.server_takeover) + of_client;
        Share::within(&self.contexts, all, self.config.max_contexts()).unwrap_or_else(|| {
            parameters.server_takeover = false;
            Share::new(&self.contexts, of_client)
        })
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

    /// Counts the bytes that wait in JavaScript, `now` instead of `before`. If too much waits in all,
    /// and the client of JavaScript for which `largest` bytes wait has to go first, returns the time in
    /// ms that it has to have taken nothing for.
    pub fn count_buffered(&self, before: usize, now: usize, largest: usize) -> Option<u64> {
        let sum = self.buffered.replace(before, now);
        let max = self.config.max_buffered_of_all();
        let share = if sum > max / 2 { largest } else { 0 };
        let is_mine = self.largest.is_mine(JAVASCRIPT, share);
        (is_mine && sum > max).then(|| crowd_patience(sum, max))
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
