//! Close frames: the codes that a peer may send, and the frames that the server sends.

use super::Error;
use super::frame::{MAX_CONTROL, Opcode, write_header};

/// A close frame without payload, the server's usual goodbye; the client sees code 1005.
pub const EMPTY: [u8; 2] = [0x88, 0];

/// A close frame with a code and no reason.
pub const fn with_code(code: u16) -> [u8; 4] {
    let [high, low] = code.to_be_bytes();
    [0x88, 2, high, low]
}

/// Appends the close frame that echoes a received one: `payload` is the payload of
/// [`Message::Close`](super::Message::Close), code and reason.
pub fn write_echo(out: &mut Vec<u8>, payload: &[u8]) {
    debug_assert!(payload.len() <= MAX_CONTROL, "no received close is longer");
    write_header(out, Opcode::Close, payload.len());
    out.extend_from_slice(payload);
}

/// True if an endpoint may send this code, RFC 6455 §7.4: 1000–1003, 1007–1014, 3000–4999. The
/// others stand for events without a close frame, or are nobody's.
pub const fn is_valid_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code of a received close payload; `None` for an empty one.
///
/// # Errors
/// A payload of one byte, a code nobody may send, a reason that is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<Option<u16>, Error> {
    match payload {
        [] => Ok(None),
        [_] => Err(Error::ControlLength(1)),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_valid_code(code) {
                return Err(Error::CloseCode(code));
            }
            std::str::from_utf8(reason).map_err(|_| Error::Utf8)?;
            Ok(Some(code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_at_each_border() {
        let last = if cfg!(miri) { 5_100 } else { u16::MAX };
        let valid = (0..=last).filter(|code| is_valid_code(*code));
        assert_eq!(valid.count(), 4 + 8 + 2000);
        for code in [1000_u16, 1003, 1007, 1014, 3000, 4999] {
            assert_eq!(parse(&code.to_be_bytes()), Ok(Some(code)));
        }
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(parse(&code.to_be_bytes()), Err(Error::CloseCode(code)));
        }
    }

    #[test]
    fn payloads() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(Error::ControlLength(1)));
        assert_eq!(parse("\u{3}\u{0}".as_bytes()), Err(Error::CloseCode(768)));
        assert_eq!(parse(b"\x03\xe8bye \xe2\x82\xac"), Ok(Some(1000)));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Error::Utf8));
        // The code is looked at first.
        assert_eq!(parse(b"\x03\xe7\xff"), Err(Error::CloseCode(999)));
    }

    #[test]
    fn frames() {
        let mut out = Vec::new();
        write_echo(&mut out, b"");
        assert_eq!(out, EMPTY);
        out.clear();
        write_echo(&mut out, &1009_u16.to_be_bytes());
        assert_eq!(out, with_code(1009));
        out.clear();
        write_echo(&mut out, b"\x03\xe8bye");
        assert_eq!(out, b"\x88\x05\x03\xe8bye");
    }
}
