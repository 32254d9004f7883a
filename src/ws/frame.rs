//! One frame: the header the server writes, the header a client sent, the mask.

use super::{Error, Limits};

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_3: u8 = 0x30;
const MASKED: u8 = 0x80;

/// Longest payload of a control frame, in bytes, RFC 6455 §5.5.
pub const MAX_CONTROL: usize = 125;
/// Longest header a client can send, in bytes: two, a 64-bit length, the mask.
pub(super) const MAX_CLIENT_HEADER: usize = 14;
/// Largest integer JavaScript's numbers count to.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The type of a message, by its number in RFC 6455 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// UTF-8 text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// A close frame, the last message of an endpoint.
    Close = 8,
    /// A ping, which asks for a pong with the same payload.
    Ping = 9,
    /// A pong, which answers a ping.
    Pong = 10,
}

impl Opcode {
    /// True if it is a control message: short, never in fragments.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Appends an unmasked, final server frame header for a payload of `len` bytes.
pub fn write_header(out: &mut Vec<u8>, opcode: Opcode, len: usize) {
    let (bytes, size) = header(opcode, len);
    out.extend(bytes.iter().take(size));
}

/// The header of an unmasked, final server frame, on the stack: the first bytes of the array, as
/// many as the number tells (2, 4 or 10). For callers that write the payload in pieces.
pub const fn header(opcode: Opcode, len: usize) -> ([u8; 10], usize) {
    encode(FIN | opcode as u8, len as u64)
}

/// [`header`] for a compressed message: RSV1 is set, RFC 7692 §6.
pub const fn compressed_header(opcode: Opcode, len: usize) -> ([u8; 10], usize) {
    encode(FIN | RSV1 | opcode as u8, len as u64)
}

/// A header with the given first byte and the shortest form of the length.
const fn encode(first: u8, len: u64) -> ([u8; 10], usize) {
    let [a, b, c, d, e, f, g, h] = len.to_be_bytes();
    match len {
        0..=125 => ([first, h, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        126..=0xffff => ([first, 126, g, h, 0, 0, 0, 0, 0, 0], 4),
        _ => ([first, 127, a, b, c, d, e, f, g, h], 10),
    }
}

/// A client's frame header, found valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// `None`: continues the message begun before.
    pub opcode: Option<Opcode>,
    /// True if the message ends with this frame.
    pub fin: bool,
    /// True if a compressed message begins.
    pub compressed: bool,
    /// Payload length in bytes.
    pub len: u64,
    /// Key of the mask.
    pub mask: [u8; 4],
}

/// The size of the earlier frames of a message that has not ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Payload bytes, as they came.
    pub bytes: u64,
    /// Frames; 0: there is no such message.
    pub fragments: u32,
}

/// Reads a header from the beginning of `bytes`, with its size in bytes; `None`: more are needed.
///
/// `compression`: true if messages may be compressed. A violation is refused as soon as the bytes
/// that show it are there, so the order of the checks is the order of the bytes, and a message
/// that is too large is refused before any of its data.
pub(super) fn decode(
    bytes: &[u8],
    so_far: Progress,
    limits: &Limits,
    compression: bool,
) -> Result<Option<(Header, usize)>, Error> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RSV2_AND_3 != 0 {
        return Err(Error::Rsv2Or3);
    }
    let compressed = first & RSV1 != 0;
    if compressed && !compression {
        return Err(Error::Rsv1);
    }
    let fin = first & FIN != 0;
    let short = second & !MASKED;
    let opcode = opcode(first, so_far, compressed)?;
    let control = opcode.is_some_and(Opcode::is_control);
    if control {
        check_control(opcode, fin, compressed, short)?;
    }
    if second & MASKED == 0 {
        return Err(Error::Unmasked);
    }

    let Some((len, rest)) = payload_length(short, rest) else {
        return Ok(None);
    };
    if len > MAX_SAFE_INTEGER {
        return Err(Error::LengthOverflow);
    }
    // Control frames between fragments belong to no message and count for none.
    if !control {
        if limits.max_message > 0 && so_far.bytes.saturating_add(len) > limits.max_message {
            return Err(Error::MessageTooBig);
        }
        if so_far.fragments >= limits.max_fragments {
            return Err(Error::TooManyFragments);
        }
    }
    Ok(rest.split_first_chunk().map(|(&mask, rest)| {
        let header = Header {
            opcode,
            fin,
            compressed,
            len,
            mask,
        };
        (header, bytes.len() - rest.len())
    }))
}

/// The opcode in the first byte of a frame; `None` for a frame that continues a message.
fn opcode(first: u8, so_far: Progress, compressed: bool) -> Result<Option<Opcode>, Error> {
    let inside = so_far.fragments > 0;
    Ok(match first & 0x0f {
        // Only the first frame of a message says that the message is compressed.
        0 if compressed => return Err(Error::Rsv1),
        0 if inside => None,
        1 if !inside => Some(Opcode::Text),
        2 if !inside => Some(Opcode::Binary),
        8 => Some(Opcode::Close),
        9 => Some(Opcode::Ping),
        10 => Some(Opcode::Pong),
        other => return Err(Error::Opcode(other)),
    })
}

/// A client's frame, of which nothing is checked.
pub(super) struct Span {
    /// The number of its opcode.
    pub opcode: u8,
    /// True if RSV1 is set.
    pub compressed: bool,
    /// Size of the header in bytes.
    pub header: usize,
    /// Payload length in bytes.
    pub len: u64,
    /// Key of the mask.
    pub mask: [u8; 4],
}

/// Looks at the frame at the beginning of `bytes`; `None`: its header is not complete.
pub(super) fn span(bytes: &[u8]) -> Option<Span> {
    let &[first, second, ref rest @ ..] = bytes else {
        return None;
    };
    let (len, rest) = payload_length(second & !MASKED, rest)?;
    let (&mask, rest) = rest.split_first_chunk()?;
    Some(Span {
        opcode: first & 0x0f,
        compressed: first & RSV1 != 0,
        header: bytes.len() - rest.len(),
        len,
        mask,
    })
}

/// Checks the header of a control frame, whose 7-bit length is `short`.
fn check_control(
    opcode: Option<Opcode>,
    fin: bool,
    compressed: bool,
    short: u8,
) -> Result<(), Error> {
    if !fin {
        return Err(Error::FragmentedControl);
    }
    if compressed {
        return Err(Error::Rsv1);
    }
    let half_a_code = opcode == Some(Opcode::Close) && short == 1;
    if usize::from(short) > MAX_CONTROL || half_a_code {
        return Err(Error::ControlLength(short));
    }
    Ok(())
}

/// The length of the payload, and the bytes behind it; `None`: more bytes are needed. Longer forms
/// than needed are accepted: clients in the field send them.
fn payload_length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((u64::from(u16::from_be_bytes(*len)), rest))
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*len), rest))
        }
        _ => Some((u64::from(short), rest)),
    }
}

/// Removes the mask in place. `mask` must be turned so that its first byte belongs to the first of
/// `bytes`.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Whole words, which the compiler turns into vector instructions.
    let (words, tail) = bytes.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::frame::FrameHeader;
    use tungstenite::protocol::frame::coding::OpCode;

    use super::*;

    #[test]
    fn an_independent_reader_understands_the_headers() {
        for opcode in [
            Opcode::Text,
            Opcode::Binary,
            Opcode::Close,
            Opcode::Ping,
            Opcode::Pong,
        ] {
            for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0xffff_ffff] {
                let (bytes, size) = header(opcode, len);
                let mut cursor = Cursor::new(&bytes[..size]);
                let (parsed, read) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!(read, len as u64);
                assert_eq!(cursor.position(), size as u64);
                assert_eq!(parsed.opcode, OpCode::from(opcode as u8));
                assert!(parsed.is_final && parsed.mask.is_none());
                assert!(!(parsed.rsv1 || parsed.rsv2 || parsed.rsv3));
            }
        }
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        let size = |len| header(Opcode::Text, len).1;
        assert_eq!([size(125), size(126)], [2, 4]);
        assert_eq!([size(0xffff), size(0x1_0000)], [4, 10]);
    }

    #[test]
    fn the_written_header_is_the_same() {
        let mut out = vec![7];
        write_header(&mut out, Opcode::Binary, 300);
        assert_eq!(out, [7, 0x82, 126, 1, 44]);
    }

    #[test]
    fn unmask_equals_the_definition_at_every_length() {
        let mask = [0x11, 0xa0, 0x5f, 0xc3];
        for len in 0..70 {
            let plain: Vec<u8> = (0..len).collect();
            let mut bytes: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ mask[i % 4])
                .collect();
            unmask(&mut bytes, mask);
            assert_eq!(bytes, plain);
        }
    }

    fn decode_alone(bytes: &[u8]) -> Result<Option<(Header, usize)>, Error> {
        decode(bytes, Progress::default(), &Limits::default(), false)
    }

    #[test]
    fn nothing_is_decided_on_one_byte() {
        assert_eq!(decode_alone(&[]), Ok(None));
        assert_eq!(decode_alone(&[0xff]), Ok(None));
    }

    #[test]
    fn headers_of_every_length_form() {
        let cases: [(&[u8], u64); 4] = [
            (&[0x82, 0x83, 1, 2, 3, 4], 3),
            (&[0x82, 0xfe, 1, 0, 1, 2, 3, 4], 256),
            (&[0x82, 0xfe, 0, 1, 1, 2, 3, 4], 1),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2, 3, 4], 512),
        ];
        for (bytes, len) in cases {
            let header = Header {
                opcode: Some(Opcode::Binary),
                fin: true,
                compressed: false,
                len,
                mask: [1, 2, 3, 4],
            };
            assert_eq!(decode_alone(bytes), Ok(Some((header, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(decode_alone(&bytes[..cut]), Ok(None));
            }
        }
    }

    #[test]
    fn of_two_faults_the_first_checked_is_named() {
        // In the order of the checks: each input has every later fault too.
        assert_eq!(decode_alone(&[0x73, 0x7f]), Err(Error::Rsv2Or3));
        assert_eq!(decode_alone(&[0x43, 0x7f]), Err(Error::Rsv1));
        assert_eq!(decode_alone(&[0x03, 0x7f]), Err(Error::Opcode(3)));
        assert_eq!(decode_alone(&[0x09, 0x7f]), Err(Error::FragmentedControl));
        assert_eq!(decode_alone(&[0x89, 0x7f]), Err(Error::ControlLength(127)));
        assert_eq!(decode_alone(&[0x88, 0x01]), Err(Error::ControlLength(1)));
        let compressible =
            |bytes: &[u8]| decode(bytes, Progress::default(), &Limits::default(), true);
        assert_eq!(compressible(&[0x43, 0x7f]), Err(Error::Opcode(3)));
        assert_eq!(compressible(&[0x40, 0x7f]), Err(Error::Rsv1));
        assert_eq!(compressible(&[0x49, 0x7f]), Err(Error::FragmentedControl));
        assert_eq!(compressible(&[0xc9, 0x7f]), Err(Error::Rsv1));
        let too_long = [0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(decode_alone(&too_long), Err(Error::Unmasked));
    }
}
