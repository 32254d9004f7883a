//! Engine.IO packets, protocol 4: one type character, then data.
//!
//! Binary messages carry no type character: they are raw in a WebSocket frame, and `b` plus
//! base64 wherever only text can travel.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Packet type; the discriminant is the digit on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// The handshake.
    Open = 0,
    /// The end of the session.
    Close = 1,
    /// Heartbeat, sent by the server.
    Ping = 2,
    /// Heartbeat, the client's answer.
    Pong = 3,
    /// Application data.
    Message = 4,
    /// Moves the session to the transport it arrives on.
    Upgrade = 5,
    /// Releases a pending poll.
    Noop = 6,
}

impl Type {
    /// The type written as `digit`, if there is one.
    pub const fn from_digit(digit: u8) -> Option<Type> {
        Some(match digit {
            b'0' => Type::Open,
            b'1' => Type::Close,
            b'2' => Type::Ping,
            b'3' => Type::Pong,
            b'4' => Type::Message,
            b'5' => Type::Upgrade,
            b'6' => Type::Noop,
            _ => return None,
        })
    }

    /// The character on the wire.
    pub const fn digit(self) -> char {
        (b'0' + self as u8) as char
    }
}

/// One packet, borrowed from its message where it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A packet with text data, possibly empty.
    Text(Type, &'a str),
    /// A binary message; owned when it came as base64.
    Binary(Cow<'a, [u8]>),
}

/// A text that is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parse error")
    }
}

impl std::error::Error for ParseError {}

impl<'a> Packet<'a> {
    /// Decodes the text form: a WebSocket text message, or one piece of a polling payload.
    ///
    /// # Errors
    /// The text is empty or its first character is no packet type.
    pub fn decode(text: &'a str) -> Result<Packet<'a>, ParseError> {
        let mut chars = text.chars();
        let first = chars.next().ok_or(ParseError)?;
        if first == 'b' {
            return Ok(Packet::Binary(Cow::Owned(decode_base64(chars.as_str()))));
        }
        let kind = u8::try_from(first)
            .ok()
            .and_then(Type::from_digit)
            .ok_or(ParseError)?;
        Ok(Packet::Text(kind, chars.as_str()))
    }

    /// Appends the text form.
    pub fn encode(&self, out: &mut String) {
        match self {
            Packet::Text(kind, data) => {
                out.push(kind.digit());
                out.push_str(data);
            }
            Packet::Binary(data) => {
                out.push('b');
                STANDARD.encode_string(data, out);
            }
        }
    }
}

/// Decodes base64 as leniently as Node's `Buffer.from(text, 'base64')`: either alphabet, padding
/// optional, other characters skipped, everything after the first `=` ignored.
pub(super) fn decode_base64(text: &str) -> Vec<u8> {
    // Well-formed input, which is nearly all of it, takes the library's fast path.
    STANDARD
        .decode(text)
        .unwrap_or_else(|_| decode_base64_leniently(text.as_bytes()))
}

fn decode_base64_leniently(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    // The last sextets read; `bits` of them are not yet written.
    let mut buffer = 0u32;
    let mut bits = 0;
    for sextet in text
        .iter()
        .take_while(|&&byte| byte != b'=')
        .filter_map(|&byte| sextet(byte))
    {
        buffer = buffer << 6 | u32::from(sextet);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    out
}

const fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_packets() {
        for (text, packet) in [
            ("0{}", Packet::Text(Type::Open, "{}")),
            ("1", Packet::Text(Type::Close, "")),
            ("2probe", Packet::Text(Type::Ping, "probe")),
            ("3probe", Packet::Text(Type::Pong, "probe")),
            ("4\u{20ac}", Packet::Text(Type::Message, "\u{20ac}")),
            ("5", Packet::Text(Type::Upgrade, "")),
            ("6", Packet::Text(Type::Noop, "")),
        ] {
            assert_eq!(Packet::decode(text).as_ref(), Ok(&packet));
            let mut out = String::new();
            packet.encode(&mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn texts_that_are_no_packet() {
        for text in ["", "7", "x", " ", "B", "\u{661}", "\u{134}", "\u{1f600}"] {
            assert_eq!(Packet::decode(text), Err(ParseError), "{text:?}");
        }
    }

    #[test]
    fn lenient_base64() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AQIDBA==", &[1, 2, 3, 4]),
            ("AQIDBA", &[1, 2, 3, 4]),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+_-/", &[0xfb, 0xff, 0xbf]),
            ("A Q\nI*D", &[1, 2, 3]),
            ("YQ==YQ==", b"a"),
            ("YQ=x", b"a"),
            ("=YQ", b""),
            ("Y", b""),
            ("YR==", b"a"),
        ] {
            assert_eq!(
                Packet::decode(&format!("b{text}")),
                Ok(Packet::Binary(bytes.into())),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn binary_round_trips(bytes in any::<Vec<u8>>()) {
            let packet = Packet::Binary(bytes.into());
            let mut out = String::new();
            packet.encode(&mut out);
            prop_assert_eq!(Packet::decode(&out), Ok(packet));
        }

        #[test]
        fn both_paths_agree(bytes in any::<Vec<u8>>()) {
            let text = STANDARD.encode(&bytes);
            prop_assert_eq!(decode_base64_leniently(text.as_bytes()), bytes);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Packet::decode(&text);
            let _ = Packet::decode(&format!("b{text}"));
        }
    }
}
