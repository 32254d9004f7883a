//! The settings of a listener, which JavaScript gives: the requests that it answers, and the
//! content of answers.

use std::collections::HashMap;

use hyper::header::{HeaderName, HeaderValue};

use crate::eio::session::Outgoing;
use crate::net::listener::head::RequestKind;

/// The settings of a listener. By default it answers nothing.
#[derive(Default)]
pub struct Settings {
    /// Path of the URLs of the engine.
    pub path: String,
    /// Node gets every connection as soon as it is accepted.
    pub hands_over: bool,
    /// Packets are decoded in JavaScript, by the application's parser.
    pub raw: bool,
    /// The application is told of handshakes that are refused: Node answers them.
    pub tells_refusals: bool,
    /// New sessions over polling may be opened here.
    pub handshakes: bool,
    /// Polls and posts may be answered here.
    pub polls: bool,
    /// New sessions over a WebSocket may be opened here.
    pub websockets: bool,
    /// Sessions may be upgraded here.
    pub upgrades: bool,
    /// The transports that a session on polling may upgrade to, as a JSON array.
    pub upgrade_list: String,
    /// The interval of pings that the open packet tells, in ms.
    pub ping_interval: u64,
    /// The time for pongs that the open packet tells, in ms.
    pub ping_timeout: u64,
    /// The largest message that the open packet tells, in bytes.
    pub max_payload: Option<u64>,
    /// Largest body of a post, in bytes.
    pub max_body: u64,
    /// Pieces in which a body may come.
    pub max_chunks: u64,
    /// The time for a body, in ms.
    pub body_ms: u64,
    /// A message that is sent right after the open packet.
    pub initial: Option<Outgoing>,
    /// Payloads of this length or more, in bytes, are compressed for clients that accept it.
    pub compress_from: Option<usize>,
    /// The cookie that the answer to a polling handshake sets.
    pub cookie: Option<Cookie>,
    /// Headers for other origins.
    pub cors: Cors,
    /// The header by which answers announce how long the connection is kept between two requests:
    /// [`keep_alive`]; `None`: nothing is announced.
    pub keep_alive: Option<HeaderValue>,
    /// The time between two requests after which the connection ends, in ms; `None`: it is kept. It
    /// is longer than the announced time, so that a request arrives that is under way at its end.
    pub idle_ms: Option<u64>,
    /// The time for the head of a request, in ms.
    pub head_ms: u64,
    /// The time for a whole request, in ms.
    pub request_ms: u64,
}

impl Settings {
    /// Returns true if requests of a kind may be answered, as far as the settings go.
    pub(in crate::net) const fn answer(&self, kind: RequestKind<'_>) -> bool {
        match kind {
            RequestKind::Handshake => self.handshakes,
            RequestKind::Poll(_) | RequestKind::Push(_) => self.polls,
            RequestKind::WebSocket(None) => self.websockets,
            RequestKind::WebSocket(Some(_)) => self.upgrades,
        }
    }
}

/// The value of the header `Keep-Alive` for a time in ms.
pub fn keep_alive(ms: u64) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("timeout={}", ms / 1000)).ok()
}

/// A cookie, without the session id that is its value.
pub struct Cookie {
    /// The text before the session id.
    pub before: String,
    /// The text behind it: the attributes.
    pub after: String,
}

/// The header lines of CORS, where they depend on nothing but the origin of the request.
#[derive(Default)]
pub struct Cors {
    /// By origin.
    pub origins: HashMap<String, Lines>,
    /// For requests without an origin, and for all other origins if these are known.
    pub others: Lines,
    /// True if JavaScript has to tell the lines of an origin that is not listed.
    pub learns: bool,
}

/// Header lines.
pub type Lines = Vec<(HeaderName, HeaderValue)>;

impl Cors {
    /// True if the lines for a request are known.
    pub(in crate::net) fn is_known(&self, origin: Option<&str>) -> bool {
        let is_listed = |origin| self.origins.contains_key(origin);
        !self.learns || origin.is_none_or(is_listed)
    }

    /// The lines for a request.
    pub(in crate::net) fn lines(&self, origin: Option<&str>) -> &Lines {
        origin
            .and_then(|origin| self.origins.get(origin))
            .unwrap_or(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cors_are_those_of_the_origin_or_of_all_others() {
        let line = |value| {
            vec![(
                HeaderName::from_static("access-control-allow-origin"),
                HeaderValue::from_static(value),
            )]
        };
        let cors = Cors {
            origins: HashMap::from([("http://a".to_owned(), line("http://a"))]),
            others: line("http://b"),
            learns: false,
        };
        assert_eq!(cors.lines(Some("http://a")), &line("http://a"));
        assert_eq!(cors.lines(Some("http://c")), &line("http://b"));
        assert_eq!(cors.lines(None), &line("http://b"));
        assert!(cors.is_known(Some("http://c")));
        let cors = Cors {
            learns: true,
            ..cors
        };
        assert!(cors.is_known(Some("http://a")) && cors.is_known(None));
        assert!(!cors.is_known(Some("http://c")));
    }
}
