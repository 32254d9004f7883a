//! The opening handshake, RFC 6455 §4.2: the check of an upgrade request, and the answer to it.

use std::collections::HashSet;
use std::fmt;

use tungstenite::handshake::derive_accept_key;

/// The headers of an upgrade request that matter here, `None` where absent. Repeated headers are
/// joined by commas, as Node does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// `Upgrade`.
    pub upgrade: Option<&'a str>,
    /// `Sec-WebSocket-Key`.
    pub key: Option<&'a str>,
    /// `Sec-WebSocket-Version`.
    pub version: Option<&'a str>,
    /// `Sec-WebSocket-Protocol`.
    pub protocol: Option<&'a str>,
}

/// The contents of the answer to a valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// Value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// The subprotocol, the first that was offered.
    pub protocol: Option<&'a str>,
}

/// The reason for which a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `Upgrade` is not `websocket`.
    Upgrade,
    /// The key is absent, or not 16 bytes of base64.
    Key,
    /// The version is neither 13 nor 8.
    Version,
    /// The subprotocols are not a list of distinct tokens.
    Protocol,
    /// The extensions, or the parameters of compression, are not as they should be. Never from
    /// [`check`]: [`deflate::negotiate`](super::deflate::negotiate) is asked after it.
    Extensions,
    /// The engine has been closed. Never from [`check`]: asked after it.
    Closed,
}

impl Refusal {
    /// HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Closed => 503,
            _ => 400,
        }
    }

    /// The body of the answer.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Upgrade => "Invalid Upgrade header",
            Self::Key => "Missing or invalid Sec-WebSocket-Key header",
            Self::Version => "Missing or invalid Sec-WebSocket-Version header",
            Self::Protocol => "Invalid Sec-WebSocket-Protocol header",
            Self::Extensions => "Invalid or unacceptable Sec-WebSocket-Extensions header",
            Self::Closed => "Service Unavailable",
        }
    }

    /// One header more than the usual, as name and value.
    pub const fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Version => Some(("Sec-WebSocket-Version", "13, 8")),
            _ => None,
        }
    }

    /// The whole answer, after which the connection is closed.
    pub fn response(self) -> String {
        let (status, text) = (self.status(), self.text());
        let phrase = match self {
            Self::Closed => "Service Unavailable",
            _ => "Bad Request",
        };
        let extra = self
            .header()
            .map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
        format!(
            "HTTP/1.1 {status} {phrase}\r\n\
             Connection: close\r\n\
             Content-Type: text/html\r\n\
             Content-Length: {}\r\n\
             {extra}\r\n\
             {text}",
            text.len(),
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}

/// Checks a request in the order the headers stand in [`Request`]; its method is the caller's
/// matter.
///
/// # Errors
/// The first header that does not fit.
pub fn check<'a>(request: &Request<'a>) -> Result<Accepted<'a>, Refusal> {
    if !request
        .upgrade
        .is_some_and(|name| name.eq_ignore_ascii_case("websocket"))
    {
        return Err(Refusal::Upgrade);
    }
    let key = request.key.filter(|key| is_key(key)).ok_or(Refusal::Key)?;
    if !request.version.is_some_and(is_version) {
        return Err(Refusal::Version);
    }
    let protocol = match request.protocol {
        Some(list) => Some(first_protocol(list).ok_or(Refusal::Protocol)?),
        None => None,
    };
    Ok(Accepted {
        accept: derive_accept_key(key.as_bytes()),
        protocol,
    })
}

/// True if this is base64 of 16 bytes. The bits that the last character has too many may be set.
fn is_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    })
}

/// True if the number is 13 or 8. Read as JavaScript reads decimal numbers, so `013` is 13.
fn is_version(version: &str) -> bool {
    version
        .trim()
        .parse::<f64>()
        .is_ok_and(|number| number == 13.0 || number == 8.0)
}

/// The first of a comma-separated list of subprotocols; `None` if one is not a token or occurs
/// twice. Looks at each byte a fixed number of times, whatever the list.
fn first_protocol(list: &str) -> Option<&str> {
    let mut seen = HashSet::new();
    let mut first = None;
    for item in list.split(',') {
        let name = item.trim_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(is_token_byte) || !seen.insert(name) {
            return None;
        }
        first = first.or(Some(name));
    }
    first
}

/// True if the byte may stand in a token, RFC 9110 §5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A header line that would be more than one line, and so could be used to forge the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHeaderLine;

impl fmt::Display for InvalidHeaderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a response header contains CR, LF or NUL")
    }
}

impl std::error::Error for InvalidHeaderLine {}

/// The 101 answer up to the empty line. `lines` are further headers, `Name: value` without line
/// end; the one for extensions comes first.
///
/// # Errors
/// [`InvalidHeaderLine`] if a line contains a line end or NUL.
pub fn response_head<L: AsRef<str>>(
    accept: &str,
    protocol: Option<&str>,
    lines: impl IntoIterator<Item = L>,
) -> Result<String, InvalidHeaderLine> {
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    if let Some(protocol) = protocol {
        head.push_str("Sec-WebSocket-Protocol: ");
        head.push_str(protocol);
        head.push_str("\r\n");
    }
    for line in lines {
        let line = line.as_ref();
        if line.contains(['\r', '\n', '\0']) {
            return Err(InvalidHeaderLine);
        }
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: Request<'static> = Request {
        upgrade: Some("websocket"),
        key: Some(KEY),
        version: Some("13"),
        protocol: None,
    };

    fn refused(request: Request<'_>) -> Option<Refusal> {
        check(&request).err()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let accepted = check(&GOOD).unwrap();
        assert_eq!(accepted.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accepted.protocol, None);
    }

    #[test]
    fn upgrade_header() {
        for upgrade in [None, Some(""), Some("h2c"), Some("websocket, websocket")] {
            let request = Request { upgrade, ..GOOD };
            assert_eq!(refused(request), Some(Refusal::Upgrade), "{upgrade:?}");
        }
        let upgrade = Some("WebSocket");
        assert_eq!(refused(Request { upgrade, ..GOOD }), None);
    }

    #[test]
    fn key_header() {
        for key in [KEY, "dGhlIHNhbXBsZSBub25jZf==", "+++++++++++++++++++++/=="] {
            let key = Some(key);
            assert_eq!(refused(Request { key, ..GOOD }), None, "{key:?}");
        }
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZ-==",
            "dGhlIHNhbXBsZSBub25jZQAA==",
            "dGhlIHNhbXBsZSBub25j\u{e9}==",
        ] {
            let key = Some(key);
            assert_eq!(
                refused(Request { key, ..GOOD }),
                Some(Refusal::Key),
                "{key:?}"
            );
        }
        assert_eq!(refused(Request { key: None, ..GOOD }), Some(Refusal::Key));
    }

    #[test]
    fn version_header() {
        for version in ["13", "8", "013", "13.0", "+13", " 13 "] {
            let version = Some(version);
            assert_eq!(refused(Request { version, ..GOOD }), None, "{version:?}");
        }
        for version in ["", "7", "1e1", "13,8", "13, 13", "13abc", "nan", "-13"] {
            let request = Request {
                version: Some(version),
                ..GOOD
            };
            assert_eq!(refused(request), Some(Refusal::Version), "{version:?}");
        }
        let version = None;
        assert_eq!(refused(Request { version, ..GOOD }), Some(Refusal::Version));
    }

    #[test]
    fn the_first_protocol_is_chosen() {
        for (list, first) in [
            ("a", "a"),
            ("a,b", "a"),
            ("a , b", "a"),
            (" a\t,\tb ", "a"),
            ("A,a", "A"),
            ("__proto__", "__proto__"),
            ("!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ"),
        ] {
            let protocol = Some(list);
            let accepted = check(&Request { protocol, ..GOOD }).unwrap();
            assert_eq!(accepted.protocol, Some(first), "{list}");
        }
    }

    #[test]
    fn protocols_that_are_no_list_of_distinct_tokens() {
        for list in [
            "", ",", "a,", ",a", "a,,b", "a,  ", "a b", "a\tb", "a,b c", "a;b", "a,a", "a,b,a",
            "\"a\"", "a/b", "a@b", "a:b", "a=b", "(a)", "<a>", "[a]", "{a}", "a\\b", "?", "\u{e9}",
            "a\u{0}", "a\u{a0}",
        ] {
            let request = Request {
                protocol: Some(list),
                ..GOOD
            };
            assert_eq!(refused(request), Some(Refusal::Protocol), "{list:?}");
        }
    }

    /// CVE-2021-32640: a value of this form took quadratic time.
    #[test]
    fn a_long_run_of_spaces_is_refused() {
        let list = format!(
            "b{}x",
            " ".repeat(if cfg!(miri) { 1 << 10 } else { 1 << 20 })
        );
        let request = Request {
            protocol: Some(&list),
            ..GOOD
        };
        assert_eq!(refused(request), Some(Refusal::Protocol));
    }

    #[test]
    fn of_several_faults_the_first_is_named() {
        let mut request = Request {
            upgrade: Some("x"),
            key: Some("x"),
            version: Some("7"),
            protocol: Some(","),
        };
        assert_eq!(refused(request), Some(Refusal::Upgrade));
        request.upgrade = GOOD.upgrade;
        assert_eq!(refused(request), Some(Refusal::Key));
        request.key = GOOD.key;
        assert_eq!(refused(request), Some(Refusal::Version));
        request.version = GOOD.version;
        assert_eq!(refused(request), Some(Refusal::Protocol));
    }

    #[test]
    fn answers_to_bad_requests() {
        assert_eq!(
            Refusal::Upgrade.response(),
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
             Content-Length: 22\r\n\r\nInvalid Upgrade header"
        );
        assert_eq!(
            Refusal::Version.response(),
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
             Content-Length: 47\r\nSec-WebSocket-Version: 13, 8\r\n\r\n\
             Missing or invalid Sec-WebSocket-Version header"
        );
        assert_eq!(
            Refusal::Closed.response(),
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n\
             Content-Length: 19\r\n\r\nService Unavailable"
        );
    }

    #[test]
    fn answers_to_good_requests() {
        assert_eq!(
            response_head("k=", None, [""; 0]).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: k=\r\n\r\n"
        );
        let lines = ["Sec-WebSocket-Extensions: permessage-deflate", "X-A: 1"];
        assert_eq!(
            response_head("k=", Some("p"), lines).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: k=\r\nSec-WebSocket-Protocol: p\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nX-A: 1\r\n\r\n"
        );
    }

    #[test]
    fn a_header_cannot_forge_another() {
        for line in ["X: a\r\nY: b", "X: a\n", "X: \0"] {
            assert_eq!(response_head("k=", None, [line]), Err(InvalidHeaderLine));
        }
    }
}
