//! Polling payloads, protocol 3. The text form is `<length>:<packet>` repeated, lengths in UTF-16
//! code units. The binary form is `<0 text | 1 binary> <digits of the length, a byte each> 0xff
//! <packet>` repeated, lengths in bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::packet::{Packet, ParseError, Type};
use super::packet_v3;
use super::payload::{Payload, Pieces};
use crate::number::number;

/// Ends the digits of a length.
const LENGTH_END: u8 = 0xff;
/// More digits than any number has.
const MAX_DIGITS: usize = 311;

/// Joins packets: as bytes if one of them is binary, unless `base64` asks for text.
pub fn encode(packets: &[Packet<'_>], base64: bool) -> Payload {
    let binary = |packet: &Packet<'_>| matches!(packet, Packet::Binary(_));
    if !base64 && packets.iter().any(binary) {
        return Payload::Binary(encode_binary(packets));
    }
    let mut text = String::new();
    for packet in packets {
        let encoded = match packet {
            Packet::Text(kind, data) => format!("{}{data}", kind.digit()),
            Packet::Binary(data) => format!("b4{}", STANDARD.encode(data)),
        };
        let units: usize = encoded.chars().map(char::len_utf16).sum();
        text.push_str(&units.to_string());
        text.push(':');
        text.push_str(&encoded);
    }
    Payload::Text(text)
}

fn encode_binary(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        let (binary, kind, data) = match packet {
            Packet::Text(kind, data) => (0, kind.digit() as u8, data.as_bytes()),
            Packet::Binary(data) => (1, Type::Message as u8, &**data),
        };
        bytes.push(binary);
        let length = (data.len() + 1).to_string();
        bytes.extend(length.bytes().map(|digit| digit - b'0'));
        bytes.extend([LENGTH_END, kind]);
        bytes.extend_from_slice(data);
    }
    bytes
}

/// The packets of a text payload, decoded as they are asked for. Ends after the first fault.
/// Packets of length 0 are passed over; an empty payload is a fault.
pub fn decode(payload: &str) -> Packets<'_> {
    Packets {
        rest: Some(payload),
    }
}

/// Iterator of [`decode`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    /// The rest to read; `None` after the last packet.
    rest: Option<&'a str>,
}

impl<'a> Pieces<'a> for Packets<'a> {
    fn left(&self) -> Option<usize> {
        self.rest.map(str::len)
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest.take()?;
        loop {
            let Some((packet, after)) = split(rest) else {
                return Some(Err(ParseError));
            };
            rest = after;
            if !packet.is_empty() {
                let packet = packet_v3::decode(packet);
                if packet.is_ok() && !rest.is_empty() {
                    self.rest = Some(rest);
                }
                return Some(packet);
            }
            if rest.is_empty() {
                return None;
            }
        }
    }
}

impl std::iter::FusedIterator for Packets<'_> {}

/// The first packet and the rest of the payload.
fn split(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    if length.is_empty() {
        return None;
    }
    // A number as JavaScript reads one: peers accept `1e0`.
    let length = number(length);
    if !(length >= 0.0 && length.fract() == 0.0) {
        return None;
    }
    // A float out of range saturates: no text is that long.
    split_units(rest, length as usize)
}

/// Splits after so many UTF-16 code units; `None` if there are fewer, or in a surrogate pair.
fn split_units(text: &str, units: usize) -> Option<(&str, &str)> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return text.split_at_checked(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some((text, ""))
}

/// The packets of a binary payload. Ends after the first that cannot be decoded. As for peers,
/// the last packet may be shorter than announced.
///
/// # Errors
/// The payload cannot be taken apart: none of its packets counts.
pub fn decode_binary(payload: &[u8]) -> Result<BinaryPackets<'_>, ParseError> {
    let mut rest = payload;
    while !rest.is_empty() {
        (.., rest) = split_binary(rest).ok_or(ParseError)?;
    }
    Ok(BinaryPackets { rest: payload })
}

/// The packets of the rest of a payload that [`decode_binary`] has taken apart before: it is not
/// looked at as a whole again, so that a payload that is decoded in many parts is read twice at most.
pub const fn decode_binary_rest(rest: &[u8]) -> BinaryPackets<'_> {
    BinaryPackets { rest }
}

/// Iterator of [`decode_binary`].
#[derive(Clone, Debug)]
pub struct BinaryPackets<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> for BinaryPackets<'a> {
    fn left(&self) -> Option<usize> {
        Some(self.rest.len()).filter(|&left| left > 0)
    }
}

impl<'a> Iterator for BinaryPackets<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (is_text, packet, rest) = split_binary(self.rest)?;
        self.rest = rest;
        let packet = if is_text {
            std::str::from_utf8(packet)
                .map_err(|_| ParseError)
                .and_then(packet_v3::decode)
        } else {
            Ok(packet_v3::decode_binary(packet))
        };
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl std::iter::FusedIterator for BinaryPackets<'_> {}

/// The first packet (true if it is text, and its bytes), and the rest of the payload.
fn split_binary(bytes: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (&binary, rest) = bytes.split_first()?;
    let digits = rest.iter().take(MAX_DIGITS + 1);
    let end = digits.clone().position(|&byte| byte == LENGTH_END)?;
    if end == 0 {
        return None;
    }
    let length = digits.take(end).try_fold(0usize, |length, &digit| {
        (digit <= 9).then(|| length.saturating_mul(10).saturating_add(digit.into()))
    })?;
    let rest = rest.get(end + 1..)?;
    let (packet, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((binary == 0, packet, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn message(data: &str) -> Packet<'_> {
        Packet::Text(Type::Message, data)
    }

    fn binary(bytes: &[u8]) -> Packet<'_> {
        Packet::Binary(bytes.into())
    }

    /// The packets before the first fault, and true if there was one.
    fn all<'a>(
        packets: impl Iterator<Item = Result<Packet<'a>, ParseError>>,
    ) -> (Vec<Packet<'a>>, bool) {
        let mut good = Vec::new();
        let mut faults = 0;
        for packet in packets {
            assert_eq!(faults, 0, "a fault is the end");
            match packet {
                Ok(packet) => good.push(packet),
                Err(ParseError) => faults += 1,
            }
        }
        (good, faults > 0)
    }

    #[test]
    fn text_payloads() {
        let packets = [message("hello"), message("\u{20ac}"), message("\u{1f600}")];
        let payload = "6:4hello2:4\u{20ac}3:4\u{1f600}";
        assert_eq!(encode(&packets, false), Payload::Text(payload.into()));
        assert_eq!(all(decode(payload)), (packets.into(), false));
        let base64 = [binary(&[1, 2, 3, 4]), message("")];
        let payload = "10:b4AQIDBA==1:4";
        assert_eq!(encode(&base64, true), Payload::Text(payload.into()));
        assert_eq!(all(decode(payload)), (base64.into(), false));
    }

    #[test]
    fn lengths_are_numbers_as_javascript_reads_them() {
        for length in [
            "2", "02", " 2 ", "2e0", "0x2", "0b10", "+2", "2.0", "0:2", " :2",
        ] {
            let payload = format!("{length}:4a2:4b");
            let packets = vec![message("a"), message("b")];
            assert_eq!(all(decode(&payload)), (packets, false), "{length:?}");
        }
        for length in ["", "x", "-2", "1.5", "9", "Infinity", "NaN", "1e999", "2:"] {
            let payload = format!("{length}:4a2:4b");
            assert_eq!(all(decode(&payload)), (vec![], true), "{length:?}");
        }
    }

    #[test]
    fn text_ends_at_the_first_fault() {
        for (payload, good, fault) in [
            ("", 0, true),
            ("0:", 0, false),
            ("0:0:", 0, false),
            ("2", 0, true),
            ("2:4a", 1, false),
            ("2:4a3", 1, true),
            ("2:4a:2:4a", 1, true),
            ("2:4a1:x2:4a", 1, true),
            ("2:4a0:2:4a", 2, false),
            // In the middle of a character of two units.
            ("2:4\u{1f600}", 0, true),
        ] {
            let packets = vec![message("a"); good];
            assert_eq!(all(decode(payload)), (packets, fault), "{payload:?}");
        }
    }

    #[test]
    fn binary_payloads() {
        let packets = [message("0"), binary(&[1, 2, 3]), message("\u{20ac}")];
        let payload = b"\x00\x02\xff40\x01\x04\xff\x04\x01\x02\x03\x00\x04\xff4\xe2\x82\xac";
        assert_eq!(encode(&packets, false), Payload::Binary(payload.into()));
        let decoded = decode_binary(payload).unwrap();
        assert_eq!(all(decoded), (packets.into(), false));
        let long = [message("0123456789"), binary(&[])];
        let payload = b"\x00\x01\x01\xff40123456789\x01\x01\xff\x04";
        assert_eq!(encode(&long, false), Payload::Binary(payload.into()));
        assert_eq!(all(decode_binary(payload).unwrap()), (long.into(), false));
    }

    #[test]
    fn binary_payloads_of_careless_peers() {
        let noop = Packet::Text(Type::Noop, "");
        for (payload, packets, fault) in [
            (&b""[..], vec![], false),
            (b"\x00\x05\xff4a", vec![message("a")], false),
            (b"\x00\x00\x02\xff4a", vec![message("a")], false),
            (b"\x02\x02\xff\x04\x01", vec![binary(&[1])], false),
            (
                b"\x01\x00\xff\x00\x02\xff4a",
                vec![noop, message("a")],
                false,
            ),
            (
                b"\x00\x02\xff4a\x00\x01\xff9\x00\x02\xff4b",
                vec![message("a")],
                true,
            ),
            (b"\x00\x02\xff4\xff", vec![], true),
            (b"\x00\x00\xff", vec![], true),
        ] {
            let decoded = decode_binary(payload).unwrap();
            assert_eq!(all(decoded), (packets, fault), "{payload:?}");
        }
        for payload in [
            &b"\x00"[..],
            b"\x00\xff4a",
            b"\x00\x024a",
            b"\x00\x02\xff4a\x00\x05",
            b"\x00\x0b\xff4a",
            b"2:4a",
        ] {
            assert_eq!(
                decode_binary(payload).err(),
                Some(ParseError),
                "{payload:?}"
            );
        }
    }

    #[test]
    fn the_rest_of_a_payload_is_not_looked_at_as_a_whole() {
        let payload = b"\x00\x02\xff4a\x01\x02\xff\x04\x01\x00\x02\xff4b";
        let mut packets = decode_binary(payload).unwrap();
        assert_eq!(packets.next(), Some(Ok(message("a"))));
        let left = packets.left().unwrap();
        let rest = decode_binary_rest(&payload[payload.len() - left..]);
        assert_eq!(all(rest), (vec![binary(&[1]), message("b")], false));
        let broken = b"\x00\x02\xff4a\xff";
        assert_eq!(decode_binary(broken).err(), Some(ParseError));
        assert_eq!(all(decode_binary_rest(broken)), (vec![message("a")], false));
    }

    #[test]
    fn lengths_of_absurd_size() {
        for (digits, good) in [(311, true), (312, false)] {
            let mut payload = vec![0];
            payload.resize(1 + digits, 9);
            payload.extend(b"\xff4a");
            assert_eq!(decode_binary(&payload).is_ok(), good);
        }
    }

    proptest! {
        #[test]
        fn payloads_round_trip(
            contents in proptest::collection::vec((0u8..=7, "\\PC{0,8}"), 1..8),
            base64: bool,
        ) {
            let packets: Vec<_> = contents
                .iter()
                .map(|(digit, data)| match Type::from_digit(b'0' + digit) {
                    Some(kind) => Packet::Text(kind, data),
                    None => binary(data.as_bytes()),
                })
                .collect();
            match encode(&packets, base64) {
                Payload::Text(text) => prop_assert_eq!(all(decode(&text)), (packets, false)),
                Payload::Binary(bytes) => {
                    prop_assert!(!base64);
                    prop_assert_eq!(all(decode_binary(&bytes).unwrap()), (packets, false));
                }
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9:b4\u{1f600}\u{20ac}a\\-.eE ]{0,30}", any: String) {
            for text in [text, any] {
                prop_assert!(decode(&text).count() <= text.len() + 1);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(
            prop_oneof![Just(0u8), Just(1), Just(2), Just(0xff), any::<u8>()], 0..60,
        )) {
            if let Ok(packets) = decode_binary(&bytes) {
                prop_assert!(packets.count() <= bytes.len());
            }
        }
    }
}
