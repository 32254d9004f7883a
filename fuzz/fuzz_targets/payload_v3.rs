//! Payloads of protocol 3, text and binary: decoded from any bytes, and made from any packets.
//!
//! Input: a byte for the place where decoding is interrupted; the body of a POST. The same bytes are
//! read as packets, too (`support::packets`).

#![no_main]

use libfuzzer_sys::fuzz_target;
use socket_io_native::eio::packet::Packet;
use socket_io_native::eio::payload::{Payload, decode_body};
use socket_io_native::eio::payload_v3::{decode, decode_binary, decode_binary_rest, encode};
use support::Input;
use support::packets::{parts, take_all, tell};

fn decoded(text: &str, stop_at: usize) -> (Vec<Packet<'_>>, bool) {
    take_all(decode(text), text.len(), stop_at, |left| {
        decoded(&text[text.len() - left..], usize::MAX)
    })
}

/// As [`decoded`]; `None` if the payload cannot be taken apart.
fn decoded_binary(bytes: &[u8], stop_at: usize) -> Option<(Vec<Packet<'_>>, bool)> {
    let pieces = decode_binary(bytes).ok()?;
    let all = take_all(pieces, bytes.len(), stop_at, |left| {
        let rest = &bytes[bytes.len() - left..];
        let again = decoded_binary(rest, usize::MAX);
        let packets = take_all(decode_binary_rest(rest), rest.len(), usize::MAX, |_| {
            unreachable!("not interrupted")
        });
        assert_eq!(again.as_ref(), Some(&packets), "what is left is a payload");
        packets
    });
    Some(all)
}

/// Encodes packets in both forms, and decodes them again.
fn round_trip(packets: &[Packet<'_>], stop_at: usize) {
    if packets.is_empty() {
        return;
    }
    let binary = packets.iter().any(|p| matches!(p, Packet::Binary(_)));
    for base64 in [false, true] {
        match encode(packets, base64) {
            Payload::Text(text) => {
                assert!(base64 || !binary);
                assert_eq!(decoded(&text, stop_at), (packets.to_vec(), false));
            }
            Payload::Binary(bytes) => {
                assert!(!base64 && binary);
                let expected = Some((packets.to_vec(), false));
                assert_eq!(decoded_binary(&bytes, stop_at), expected);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let stop_at = usize::from(input.byte() % 8);
    let body = input.rest();

    let text = decode_body(body);
    let (packets, fault) = decoded(&text, stop_at);
    tell("v3", body, (&packets, fault));
    round_trip(&packets, stop_at);
    let (packets, fault) = decoded_binary(body, stop_at).unwrap_or((Vec::new(), true));
    tell("v3 binary", body, (&packets, fault));
    round_trip(&packets, stop_at);
    let parts = parts(&mut Input::new(body), |_| true);
    let packets: Vec<_> = parts.iter().map(|parts| parts.packet()).collect();
    round_trip(&packets, stop_at);
});
