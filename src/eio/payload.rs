//! Polling payloads, protocol 4: packets in text form, joined by the record separator.
//!
//! A payload of protocol 3 is framed by lengths instead and has a binary form besides
//! (`payload_v3.rs`); it shares nothing but the packets.

use std::borrow::Cow;

use super::packet::{Packet, ParseError};

/// Between two packets of one payload. A packet's data must not contain it.
pub const SEPARATOR: char = '\u{1e}';

/// The body of the answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Text, in UTF-8.
    Text(String),
    /// Bytes: protocol 3, with a binary message among the packets.
    Binary(Vec<u8>),
}

impl Payload {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Turns a request body into text: invalid UTF-8 becomes U+FFFD, never an error.
pub fn decode_body(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// The packets of `payload`, decoded as they are asked for: the caller may stop, bound their
/// number or pause. Ends after the first piece that is no packet, which is reported.
///
/// An empty payload is one empty piece, hence an error.
pub fn decode(payload: &str) -> Packets<'_> {
    Packets {
        rest: Some(payload),
    }
}

/// Iterator of [`decode`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    /// The rest to read; `None` after the last piece.
    rest: Option<&'a str>,
}

/// The packets of a payload, with the part of it that is not decoded.
pub trait Pieces<'a>: Iterator<Item = Result<Packet<'a>, ParseError>> {
    /// Bytes at the end of the payload that are not decoded and are a payload of their own; `None`:
    /// nothing is left.
    fn left(&self) -> Option<usize>;
}

impl<'a> Pieces<'a> for Packets<'a> {
    fn left(&self) -> Option<usize> {
        self.rest.map(str::len)
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let (piece, rest) = match rest.split_once(SEPARATOR) {
            Some((piece, rest)) => (piece, Some(rest)),
            None => (rest, None),
        };
        let packet = Packet::decode(piece);
        if packet.is_ok() {
            self.rest = rest;
        }
        Some(packet)
    }
}

impl std::iter::FusedIterator for Packets<'_> {}

/// Appends `packet` to a payload under construction.
pub fn push(payload: &mut String, packet: &Packet<'_>) {
    // No packet is empty, so only an empty payload has nothing to separate from.
    if !payload.is_empty() {
        payload.push(SEPARATOR);
    }
    packet.encode(payload);
}

/// Joins packets into one payload.
pub fn encode<'p, 'a: 'p>(packets: impl IntoIterator<Item = &'p Packet<'a>>) -> String {
    let mut payload = String::new();
    for packet in packets {
        push(&mut payload, packet);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::super::packet::Type;
    use super::*;
    use proptest::prelude::*;

    const fn message(data: &str) -> Packet<'_> {
        Packet::Text(Type::Message, data)
    }

    #[test]
    fn packets_in_order() {
        let payload = "4hello\u{1e}2\u{1e}bAQIDBA==\u{1e}4";
        let packets = [
            message("hello"),
            Packet::Text(Type::Ping, ""),
            Packet::Binary(vec![1, 2, 3, 4].into()),
            message(""),
        ];
        assert_eq!(
            decode(payload).collect::<Result<Vec<_>, _>>().unwrap(),
            packets
        );
        assert_eq!(encode(&packets), payload);
    }

    #[test]
    fn stops_at_the_first_piece_that_is_no_packet() {
        for (payload, good) in [
            ("", 0),
            ("4a\u{1e}", 1),
            ("4a\u{1e}9\u{1e}4b", 1),
            ("\u{1e}4a", 0),
            ("4a\u{1e}\u{1e}4b", 1),
        ] {
            let mut packets = decode(payload);
            for _ in 0..good {
                assert_eq!(packets.next(), Some(Ok(message("a"))), "{payload:?}");
            }
            assert_eq!(packets.next(), Some(Err(ParseError)), "{payload:?}");
            assert_eq!(packets.next(), None, "{payload:?}");
        }
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(decode_body(b"4\xffa\xe2\x82"), "4\u{fffd}a\u{fffd}");
        assert_eq!(decode_body(b"\xef\xbb\xbf4"), "\u{feff}4");
        assert!(matches!(
            decode_body("4\u{20ac}".as_bytes()),
            Cow::Borrowed(_)
        ));
    }

    proptest! {
        #[test]
        fn payloads_round_trip(
            contents in proptest::collection::vec((0u8..=7, "[^\u{1e}]{0,8}"), 1..8),
        ) {
            let packets: Vec<_> = contents
                .iter()
                .map(|(digit, data)| match Type::from_digit(b'0' + digit) {
                    Some(kind) => Packet::Text(kind, data),
                    None => Packet::Binary(data.as_bytes().into()),
                })
                .collect();
            let payload = encode(&packets);
            prop_assert_eq!(decode(&payload).collect::<Result<Vec<_>, _>>().unwrap(), packets);
        }

        #[test]
        fn no_body_panics(body in any::<Vec<u8>>()) {
            let text = decode_body(&body);
            let pieces = decode(&text).count();
            prop_assert!(pieces >= 1 && pieces <= body.len() + 1);
        }
    }
}
