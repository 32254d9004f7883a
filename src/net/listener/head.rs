//! Reads the heads of requests, and tells those that the listener answers from those for Node. It
//! does no I/O.
//!
//! Only the requests that well-behaved clients send are taken. Everything unusual (another path or
//! method, a refusal, a body in chunks, HTTP/1.0 …) is left to Node's HTTP server, which answers it
//! as it does on a server of the application: there is one place for each rarity, and it is there.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use crate::config::SNIFFING_AGENTS;
use crate::net::listener::encoding::Accepted;

/// The most headers of a request. One with more is left to Node.
const MAX_HEADERS: usize = 64;
/// Longest head in bytes, Node's default too.
pub const MAX_HEAD: usize = 16 << 10;

/// The meaning of the bytes that a connection has sent since its last request.
#[derive(Debug, PartialEq, Eq)]
pub enum Inspected<'a> {
    /// The head is not complete.
    Partial,
    /// The connection is for Node.
    Foreign,
    /// The request is for the listener.
    Ours(Request<'a>),
}

/// A request that the listener may answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The kind of request.
    pub kind: RequestKind<'a>,
    /// Length of the head in bytes.
    pub head: usize,
    /// Length of the body that follows, in bytes.
    pub body: usize,
    /// The client closes the connection after the answer.
    pub closes: bool,
    /// Path and query.
    pub target: &'a str,
    /// The headers as they came, names and values.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The encodings that the client takes.
    pub accepts: Accepted,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind<'a> {
    /// It opens a session over polling.
    Handshake,
    /// It polls for the packets of a session, named by its id.
    Poll(&'a str),
    /// It posts packets for a session, named by its id.
    Push(&'a str),
    /// It opens a WebSocket for the session of that id, or for a new one.
    WebSocket(Option<&'a str>),
}

/// Reads the next request from `bytes`. `engine`: the path of the engine's URLs.
pub fn inspect<'a>(bytes: &'a [u8], engine: &str) -> Inspected<'a> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => Inspected::Partial,
        Ok(Status::Complete(head)) if head <= MAX_HEAD && has_whole_line_ends(bytes, head) => {
            request(&parsed, head, engine).map_or(Inspected::Foreign, Inspected::Ours)
        }
        _ => Inspected::Foreign,
    }
}

/// True if a request that begins with `bytes` is for the path `engine`, with a query.
pub fn is_at(bytes: &[u8], engine: &str) -> bool {
    let target = [&b"GET "[..], b"POST "]
        .iter()
        .find_map(|method| bytes.strip_prefix(*method));
    let rest = target.and_then(|target| target.strip_prefix(engine.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b"?") || rest.starts_with(b"/?"))
}

/// The session id in the target of a request that is left to Node, as far as it can be told: from
/// the first line, if the target is one of the engine's.
pub fn session_named<'a>(bytes: &'a [u8], engine: &str) -> Option<&'a str> {
    let line = bytes.split(|&byte| byte == b'\r' || byte == b'\n').next()?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    let (_, query) = target
        .starts_with(engine)
        .then(|| target.split_once('?'))??;
    query
        .split('&')
        .rev()
        .find_map(|pair| pair.strip_prefix("sid="))
}

/// True if no line ends in a line feed alone: Node refuses those.
fn has_whole_line_ends(bytes: &[u8], head: usize) -> bool {
    let head = bytes.get(..head).unwrap_or_default();
    memchr::memchr_iter(b'\n', head)
        .all(|end| end.checked_sub(1).and_then(|before| head.get(before)) == Some(&b'\r'))
}

fn request<'a>(
    parsed: &httparse::Request<'_, 'a>,
    head: usize,
    engine: &str,
) -> Option<Request<'a>> {
    let (method, target) = (parsed.method?, parsed.path?);
    // Node reads some targets otherwise than they are written, and refuses all that are not ASCII.
    if parsed.version != Some(1) || !target.is_ascii() || target.contains(['#', '"', '<', '>']) {
        return None;
    }
    let query = Query::of(query_at(target, engine)?)?;
    let fields = Fields::read(parsed.headers)?;
    let kind = fields.kind(method, query)?;
    let takes_body = matches!(kind, RequestKind::Push(_));
    if !takes_body && fields.length.is_some_and(|length| length > 0)
        || takes_body && fields.length.is_none()
    {
        return None;
    }
    Some(Request {
        kind,
        head,
        body: fields.length.unwrap_or(0),
        closes: fields.closes,
        target,
        accepts: Accepted::parse(fields.accept_encoding),
        headers: fields.all,
    })
}

/// The query of a target at the path `engine`, which a client may end with a slash where the server
/// does without one. Targets that go on behind the path are left to Node: client files are there.
fn query_at<'a>(target: &'a str, engine: &str) -> Option<&'a str> {
    let rest = target.strip_prefix(engine)?;
    rest.strip_prefix('/').unwrap_or(rest).strip_prefix('?')
}

/// The headers that matter.
#[derive(Default)]
struct Fields<'a> {
    all: Vec<(&'a str, &'a str)>,
    host: bool,
    length: Option<usize>,
    closes: bool,
    upgrades: bool,
    upgrade: Option<&'a str>,
    content_type: Option<&'a str>,
    accept_encoding: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reads the headers. Returns `None` if one of them is for Node.
    fn read(headers: &[Header<'a>]) -> Option<Self> {
        let mut fields = Fields {
            all: Vec::with_capacity(headers.len()),
            ..Fields::default()
        };
        for header in headers {
            // Node reads other bytes as Latin-1, and refuses some.
            let value = std::str::from_utf8(header.value)
                .ok()
                .filter(|value| value.is_ascii())?;
            fields.all.push((header.name, value));
            let slot = match header.name.len() {
                4 if is(header, "host") => {
                    if std::mem::replace(&mut fields.host, true) {
                        return None;
                    }
                    continue;
                }
                6 if is(header, "expect") => return None,
                7 if is(header, "upgrade") => &mut fields.upgrade,
                10 if is(header, "connection") => {
                    fields.read_connection(value)?;
                    continue;
                }
                10 if is(header, "user-agent") => {
                    // Node adds a header for browsers that would take a payload for a page.
                    if SNIFFING_AGENTS.iter().any(|agent| value.contains(agent)) {
                        return None;
                    }
                    continue;
                }
                12 if is(header, "content-type") => &mut fields.content_type,
                14 if is(header, "content-length") => {
                    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                    if !digits || fields.length.is_some() {
                        return None;
                    }
                    fields.length = Some(value.parse().ok()?);
                    continue;
                }
                15 if is(header, "accept-encoding") => &mut fields.accept_encoding,
                // Node reads it as it reads `Connection`.
                16 if is(header, "proxy-connection") => return None,
                17 if is(header, "transfer-encoding") => return None,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        // Node refuses a request without `Host`.
        fields.host.then_some(fields)
    }

    fn read_connection(&mut self, value: &str) -> Option<()> {
        for token in value.split(',') {
            match token.trim() {
                t if t.eq_ignore_ascii_case("keep-alive") => {}
                t if t.eq_ignore_ascii_case("close") => self.closes = true,
                t if t.eq_ignore_ascii_case("upgrade") => self.upgrades = true,
                _ => return None,
            }
        }
        Some(())
    }

    fn kind(&self, method: &str, query: Query<'a>) -> Option<RequestKind<'a>> {
        if query.protocol != Some("4") || query.encodes {
            return None;
        }
        let sid = query.sid.filter(|sid| !sid.is_empty());
        match (method, query.transport?, self.upgrades, self.upgrade) {
            ("GET", "websocket", true, Some(_)) => Some(RequestKind::WebSocket(sid)),
            ("GET", "polling", false, None) => {
                Some(sid.map_or(RequestKind::Handshake, RequestKind::Poll))
            }
            ("POST", "polling", false, None)
                if self.content_type != Some("application/octet-stream") =>
            {
                sid.map(RequestKind::Push)
            }
            _ => None,
        }
    }
}

fn is(header: &Header<'_>, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}

/// The parameters that matter.
#[derive(Default)]
struct Query<'a> {
    protocol: Option<&'a str>,
    transport: Option<&'a str>,
    sid: Option<&'a str>,
    /// The client takes scripts or base64 only.
    encodes: bool,
}

impl<'a> Query<'a> {
    /// Reads the parameters; the last one of a name counts. Returns `None` if a name, or a value
    /// that matters, has to be decoded.
    fn of(pairs: &'a str) -> Option<Self> {
        let encoded = |text: &str| text.contains(['%', '+']);
        let mut query = Self::default();
        for pair in pairs.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "EIO" => &mut query.protocol,
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "j" | "b64" => {
                    query.encodes = true;
                    continue;
                }
                name if encoded(name) => return None,
                _ => continue,
            };
            if encoded(value) {
                return None;
            }
            *slot = Some(value);
        }
        Some(query)
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
