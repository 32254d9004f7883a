//! What the head of a request asks for, as far as the listener answers it by itself. Pure.
//!
//! Only the requests that well-behaved clients send are taken. Everything unusual (another path or
//! method, a refusal, a body in chunks, HTTP/1.0 …) is left to Node's HTTP server, which answers it
//! as it does on a server of the application: there is one place for each rarity, and it is there.

use httparse::{EMPTY_HEADER, Header, Status};

use crate::config::SNIFFING_AGENTS;
use crate::net::listener::encoding::Accepted;

/// Headers a request may have here; one with more is left to Node.
const MAX_HEADERS: usize = 64;
/// Longest head in bytes, Node's default too.
pub const MAX_HEAD: usize = 16 << 10;

/// What has been read of a connection since its last request.
#[derive(Debug, PartialEq, Eq)]
pub enum Inspected<'a> {
    /// The head is not complete.
    Partial,
    /// For Node.
    Foreign,
    /// For the listener.
    Ours(Request<'a>),
}

/// A request that the listener may answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What it asks for.
    pub wanted: Wanted<'a>,
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
    /// What the answer may be compressed with.
    pub accepts: Accepted,
}

/// See [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// A session over polling.
    Handshake,
    /// The packets for a session.
    Poll(&'a str),
    /// The body holds packets of a session.
    Push(&'a str),
    /// A WebSocket, for the session of that id or a new one.
    WebSocket(Option<&'a str>),
}

/// Looks at what has been read of a connection. `engine`: the path of the engine's URLs.
pub fn inspect<'a>(bytes: &'a [u8], engine: &str) -> Inspected<'a> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => Inspected::Partial,
        Ok(Status::Complete(head)) if head <= MAX_HEAD && has_whole_line_ends(bytes, head) => {
            request(&parsed, head, engine).map_or(Inspected::Foreign, Inspected::Ours)
        }
        _ => Inspected::Foreign,
    }
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

/// Node refuses lines that end in a line feed alone.
fn has_whole_line_ends(bytes: &[u8], head: usize) -> bool {
    let head = bytes.get(..head).unwrap_or_default();
    let ends = head.iter().filter(|&&byte| byte == b'\n').count();
    ends == head.windows(2).filter(|pair| pair == b"\r\n").count()
}

fn request<'a>(
    parsed: &httparse::Request<'_, 'a>,
    head: usize,
    engine: &str,
) -> Option<Request<'a>> {
    let (method, target) = (parsed.method?, parsed.path?);
    // Of the targets that Node takes, hyper refuses some.
    if parsed.version != Some(1) || target.contains(['#', '"', '<', '>']) {
        return None;
    }
    let query = Query::of(query_at(target, engine)?)?;
    let fields = Fields::read(parsed.headers)?;
    let wanted = fields.wanted(method, query)?;
    let takes_body = matches!(wanted, Wanted::Push(_));
    if !takes_body && fields.length.is_some_and(|length| length > 0)
        || takes_body && fields.length.is_none()
    {
        return None;
    }
    Some(Request {
        wanted,
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
    /// `None` if one of them is unusual.
    fn read(headers: &[Header<'a>]) -> Option<Self> {
        let mut fields = Fields {
            all: Vec::with_capacity(headers.len()),
            ..Fields::default()
        };
        for header in headers {
            // Node reads others as Latin-1, and refuses some.
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
                // Node reads it as it does `Connection`.
                16 if is(header, "proxy-connection") => return None,
                17 if is(header, "transfer-encoding") => return None,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        // Node insists on it.
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

    fn wanted(&self, method: &str, query: Query<'a>) -> Option<Wanted<'a>> {
        if query.protocol != Some("4") || query.encodes {
            return None;
        }
        let sid = query.sid.filter(|sid| !sid.is_empty());
        match (method, query.transport?, self.upgrades, self.upgrade) {
            ("GET", "websocket", true, Some(_)) => Some(Wanted::WebSocket(sid)),
            ("GET", "polling", false, None) => Some(sid.map_or(Wanted::Handshake, Wanted::Poll)),
            ("POST", "polling", false, None)
                if self.content_type != Some("application/octet-stream") =>
            {
                sid.map(Wanted::Push)
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
    /// Of repeated parameters the last one counts. `None` if there is something to decode in a
    /// name, or in a value that matters.
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
