//! The transport that carries a session, as the counts and the lines of debugging name it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use crate::counters::{Bound, Carrier, Counters, Transport};
use crate::error::{CloseReason, QUEUE_FULL};
use crate::net::events::Topic;
use crate::net::session::shared::SharedSession;

/// Characters of an id that are shown: too few to take the session over.
const SHOWN: usize = 4;
/// No session is counted: it has not begun, or has ended.
const NOBODY: u8 = u8::MAX;

/// The [`Carrier`] of a session, as long as it is counted.
#[derive(Debug)]
pub struct Carried {
    carrier: AtomicU8,
    /// The transport that JavaScript offers for an upgrade is WebTransport.
    offers_webtransport: AtomicBool,
}

impl Default for Carried {
    fn default() -> Self {
        Self {
            carrier: AtomicU8::new(NOBODY),
            offers_webtransport: AtomicBool::new(false),
        }
    }
}

impl Carried {
    fn get(&self) -> Option<Carrier> {
        Carrier::ALL
            .get(usize::from(self.carrier.load(Relaxed)))
            .copied()
    }

    /// Stores the carrier and returns the one before.
    fn replace(&self, carrier: Option<Carrier>) -> Option<Carrier> {
        let number = carrier.map_or(NOBODY, |carrier| carrier as u8);
        let before = self.carrier.swap(number, Relaxed);
        Carrier::ALL.get(usize::from(before)).copied()
    }

    /// Tells if a connection that JavaScript offers for an upgrade is a stream of WebTransport.
    pub fn offer_webtransport(&self, offered: bool) {
        self.offers_webtransport.store(offered, Relaxed);
    }
}

impl SharedSession {
    /// Counts the session, which begins with the id `sid`.
    pub fn begin(&self, carrier: Carrier, sid: &str) {
        self.carried.replace(Some(carrier));
        self.counters().session_opened(carrier);
        let shown = || sid.chars().take(SHOWN).collect::<String>();
        self.say(|| format!("opened over {}, id {}…", carrier.text(), shown()));
    }

    /// The transport that carries it, while it lives.
    pub fn transport(&self) -> Option<Transport> {
        self.carried.get().map(Carrier::transport)
    }

    /// Counts that JavaScript answers its polls from now on.
    pub(in crate::net) fn polls_in_js(&self) {
        if self.carried.get() == Some(Carrier::PollingNative) {
            self.carried.replace(Some(Carrier::PollingInJs));
            let counters = self.counters();
            counters.session_moved(Carrier::PollingNative, Carrier::PollingInJs);
        }
    }

    /// Counts that it has moved to another connection, which JavaScript serves (`external`) or not.
    pub(super) fn moved(&self, external: bool) {
        let to = match external {
            false => Carrier::WebSocketNative,
            true if self.carried.offers_webtransport.load(Relaxed) => Carrier::WebTransport,
            true => Carrier::WebSocketInJs,
        };
        if let Some(from) = self.carried.replace(Some(to)) {
            self.counters().session_upgraded(from, to);
        }
        self.say(|| format!("upgraded to {}", to.text()));
    }

    /// Counts that it has ended, and the bound that it has ended for.
    pub(in crate::net) fn ended(&self, closure: &CloseReason) {
        if let Some(carrier) = self.carried.replace(None) {
            self.counters().session_ended(carrier, closure.reason);
        }
        if *closure == QUEUE_FULL {
            self.counters().reached(Bound::BufferedOfClient);
        }
        self.say(|| format!("ended: {closure}"));
    }

    /// The counts of its engine.
    pub fn counters(&self) -> &Counters {
        &self.engine.counters
    }

    /// Tells those who debug sessions something about this one.
    pub(in crate::net) fn say(&self, line: impl FnOnce() -> String) {
        if self.inbox.is_debugged(Topic::Session) {
            self.inbox
                .debug(Topic::Session, format!("{self} {}", line()));
        }
    }
}

/// The slot of its handle: its id is a secret.
impl fmt::Display for SharedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.handle.slot())
    }
}
