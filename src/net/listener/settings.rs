//! What JavaScript lets a listener do, and how answers look.

use std::collections::HashMap;

use hyper::header::{HeaderName, HeaderValue};

use crate::eio::session::Outgoing;

/// See the module. By default nothing is answered here.
#[derive(Default)]
pub struct Settings {
    /// Path of the URLs of the engine.
    pub path: String,
    /// Node gets every connection as soon as it is accepted.
    pub hands_over: bool,
    /// Packets are decoded in JavaScript, by the application's parser.
    pub raw: bool,
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
    /// For the handshake, in ms.
    pub ping_interval: u64,
    /// For the handshake, in ms.
    pub ping_timeout: u64,
    /// For the handshake, in bytes.
    pub max_payload: Option<u64>,
    /// Largest body of a post, in bytes.
    pub max_body: u64,
    /// Sent right after the open packet.
    pub initial: Option<Outgoing>,
    /// Payloads from so many bytes on are compressed for clients that accept it.
    pub compress_from: Option<usize>,
    /// Set by the handshake of a polling session.
    pub cookie: Option<Cookie>,
    /// Headers for other origins.
    pub cors: Cors,
    /// How long a client may take a connection for open between requests, as answers announce it,
    /// in ms; nothing is announced without it.
    pub keep_alive_ms: Option<u64>,
    /// How long a connection may be idle between requests, in ms; for ever without it. Longer than
    /// what is announced: a request that is under way when the announced time ends still arrives.
    pub idle_ms: Option<u64>,
    /// How long the head of a request may take, in ms.
    pub head_ms: u64,
    /// How long a whole request may take, in ms.
    pub request_ms: u64,
}

/// A cookie: what stands before and after the session id.
pub struct Cookie {
    /// Up to the value.
    pub before: String,
    /// The attributes.
    pub after: String,
}

/// The headers by which CORS answers, for those configurations where they depend on nothing but
/// the request's origin.
#[derive(Default)]
pub struct Cors {
    /// By origin.
    pub origins: HashMap<String, Lines>,
    /// For all others, and requests without one.
    pub others: Lines,
}

/// Header lines.
pub type Lines = Vec<(HeaderName, HeaderValue)>;

impl Cors {
    /// The lines for a request.
    pub(in crate::net) fn lines(&self, origin: Option<&str>) -> &Lines {
        origin
            .and_then(|origin| self.origins.get(origin))
            .unwrap_or(&self.others)
    }
}
