//! A WebSocket in the counts of its engine and in the lines of debugging.

use std::rc::Rc;

use super::WebSocketConn;
use crate::counters::Bound;
use crate::net::events::Topic;
use crate::net::thread::session::ThreadSession;
use crate::ws;

/// Counts a WebSocket of a session until this is dropped.
pub struct CountedConn {
    entry: Option<Rc<ThreadSession>>,
    /// A port has accepted it, and counts it as one that speaks HTTP otherwise.
    is_of_port: bool,
}

impl CountedConn {
    fn add(&self, more: i64) {
        let Some(entry) = &self.entry else {
            return;
        };
        let counters = entry.shared.counters();
        counters.add_websockets(more);
        if self.is_of_port {
            counters.add_http(-more);
        }
    }
}

impl Drop for CountedConn {
    fn drop(&mut self) {
        self.add(-1);
    }
}

impl WebSocketConn {
    /// Counts the connection from now on. `is_of_port`: a native listener has served it.
    pub fn counted(&self, is_of_port: bool) -> CountedConn {
        let counted = CountedConn {
            entry: self.entry.clone(),
            is_of_port,
        };
        counted.add(1);
        self.say(|| {
            let by = match (is_of_port, self.is_pumped()) {
                (true, _) => "a native listener",
                (false, false) => "an HTTP server, adopted",
                (false, true) => "an HTTP server, pumped",
            };
            let compressed = match self.deflater {
                Some(_) => "with compression",
                None => "without compression",
            };
            format!("begins: from {by}, {compressed}")
        });
        counted
    }

    /// Counts the bound that a peer has broken, if it is one.
    pub(super) fn count_violation(&self, error: ws::Error) {
        let bound = match error {
            ws::Error::MessageTooBig | ws::Error::LengthOverflow => Some(Bound::MessageBytes),
            ws::Error::TooManyFragments => Some(Bound::Fragments),
            _ => None,
        };
        if let (Some(entry), Some(bound)) = (&self.entry, bound) {
            entry.shared.counters().reached(bound);
        }
        self.say(|| format!("is closed with {}: {error}", error.code()));
    }

    /// Tells those who debug connections something about this one.
    pub(super) fn say(&self, line: impl FnOnce() -> String) {
        if !self.inbox.is_debugged(Topic::Connection) {
            return;
        }
        let name = match &self.entry {
            Some(entry) => format!("WebSocket of {}", entry.shared),
            None => "WebSocket of no session".into(),
        };
        let line = format!("{name} {}", line());
        self.inbox.debug(Topic::Connection, line);
    }
}
