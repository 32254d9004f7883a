//! The part of an engine that its sessions and its listeners share.

use std::sync::OnceLock;

use crate::config::EngineConfig;
use crate::counters::Counters;
use crate::net::session::sid_index::Sids;
use crate::ws::deflate;

/// One engine: its options, and its sessions by their id.
#[derive(Debug, Default)]
pub struct SharedEngine {
    /// The options that sessions read while they live.
    pub config: EngineConfig,
    /// The bounds that its clients have reached.
    pub counters: Counters,
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
