//! Engine.IO packets, protocol 3. Text is as in protocol 4; what is binary has a packet type too:
//! a byte in front of the data, or a digit between `b` and the base64.

use super::packet::{Packet, ParseError, Type, decode_base64};

/// Stands for a binary packet of an unknown type, or of none: peers pass over it.
const IGNORED: Packet<'_> = Packet::Text(Type::Noop, "");

/// Decodes the text form.
///
/// # Errors
/// The text is empty or its first character is no packet type.
pub fn decode(text: &str) -> Result<Packet<'_>, ParseError> {
    let Some(rest) = text.strip_prefix('b') else {
        return Packet::decode(text);
    };
    let mut chars = rest.chars();
    Ok(match chars.next().and_then(from_digit) {
        Some(Type::Message) => Packet::Binary(decode_base64(chars.as_str()).into()),
        Some(kind) => Packet::Text(kind, ""),
        None => IGNORED,
    })
}

/// Decodes the binary form. Binary data of anything but a message means nothing.
pub fn decode_binary(bytes: &[u8]) -> Packet<'_> {
    let Some((&kind, data)) = bytes.split_first() else {
        return IGNORED;
    };
    match Type::from_digit(kind.saturating_add(b'0')) {
        Some(Type::Message) => Packet::Binary(data.into()),
        Some(kind) => Packet::Text(kind, ""),
        None => IGNORED,
    }
}

fn from_digit(c: char) -> Option<Type> {
    u8::try_from(c).ok().and_then(Type::from_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_packets() {
        for (text, packet) in [
            ("4a", Packet::Text(Type::Message, "a")),
            ("2probe", Packet::Text(Type::Ping, "probe")),
            ("b4AQI=", Packet::Binary(vec![1, 2].into())),
            ("b4", Packet::Binary(vec![].into())),
            ("b2AQI=", Packet::Text(Type::Ping, "")),
            ("b", IGNORED),
            ("bx", IGNORED),
            ("b7AQI=", IGNORED),
            ("b\u{134}", IGNORED),
        ] {
            assert_eq!(decode(text), Ok(packet), "{text:?}");
        }
        for text in ["", "7", "x", "B4"] {
            assert_eq!(decode(text), Err(ParseError), "{text:?}");
        }
    }

    #[test]
    fn binary_packets() {
        for (bytes, packet) in [
            (&[4, 1, 2][..], Packet::Binary(vec![1, 2].into())),
            (&[4], Packet::Binary(vec![].into())),
            (&[2, 9], Packet::Text(Type::Ping, "")),
            (&[5], Packet::Text(Type::Upgrade, "")),
            (&[], IGNORED),
            (&[7, 1], IGNORED),
            (b"4", IGNORED),
            (&[0xff], IGNORED),
        ] {
            assert_eq!(decode_binary(bytes), packet, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = decode(&format!("b{text}"));
            let _ = decode_binary(&bytes);
        }
    }
}
