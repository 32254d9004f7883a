//! A look at a chunk that is yet to be decoded.

use super::frame::{Opcode, Span, span, unmask};
use super::reader::Reader;

/// The largest payload of a compressed message in which a text of a few characters is expected.
const SHORT: u64 = 64;

impl Reader {
    /// True if a text that begins with `start` may be in the chunk, behind the end of another message.
    /// Costs one look at the header of each frame. A short compressed message may be such a text; the
    /// parts of a fragmented one are taken for none.
    pub fn may_hold_behind(&self, chunk: &[u8], start: [u8; 2]) -> bool {
        let Some(mut at) = self.next_frame() else {
            return true;
        };
        while let Some(rest) = usize::try_from(at).ok().and_then(|at| chunk.get(at..))
            && let Some(Span {
                opcode,
                compressed,
                header,
                len,
                mask,
            }) = span(rest)
        {
            if at > 0 && opcode == Opcode::Text as u8 {
                let payload = rest.get(header..).unwrap_or_default();
                let first = payload.first_chunk::<2>().filter(|_| len >= 2);
                let begins = first.is_some_and(|first| {
                    let mut first = *first;
                    unmask(&mut first, mask);
                    first == start
                });
                if begins && !compressed || compressed && len <= SHORT {
                    return true;
                }
            }
            at = at.saturating_add(header as u64).saturating_add(len);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::Limits;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut masked = payload.to_vec();
        unmask(&mut masked, mask);
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..=125 => bytes.push(0x80 | len as u8),
            len => {
                bytes.push(0x80 | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
        }
        bytes.extend(mask);
        bytes.extend(masked);
        bytes
    }

    fn holds(frames: &[Vec<u8>]) -> bool {
        Reader::default().may_hold_behind(&frames.concat(), *b"41")
    }

    #[test]
    fn a_text_is_found_behind_another_message_only() {
        let (event, leave) = (frame(0x81, b"42[\"a\"]"), frame(0x81, b"41"));
        assert!(!holds(&[]) && !holds(std::slice::from_ref(&event)));
        assert!(!holds(std::slice::from_ref(&leave)));
        assert!(!holds(&[event.clone(), event.clone()]));
        assert!(holds(&[event.clone(), leave.clone()]));
        let long = frame(0x81, &[b'x'; 500]);
        assert!(holds(&[long, frame(0x89, b""), frame(0x81, b"41/a,")]));
        // The same bytes in a binary message, and half a frame.
        assert!(!holds(&[event.clone(), frame(0x82, b"41")]));
        assert!(!holds(&[event.clone(), leave[..6].to_vec()]));
        // Of a compressed message, the length is known.
        assert!(holds(&[event.clone(), frame(0xc1, b"abc")]));
        assert!(!holds(&[event, frame(0xc1, &[0; 300])]));
    }

    #[test]
    fn the_rest_of_a_frame_is_skipped() {
        let bytes = [frame(0x81, b"42[\"a\"]"), frame(0x81, b"41")].concat();
        for cut in 1..13 {
            let mut reader = Reader::default();
            let mut first = bytes[..cut].to_vec();
            let fed = reader.feed(&mut first, &Limits::default(), |_| {
                std::ops::ControlFlow::Continue(())
            });
            assert!(
                fed.is_ok() && reader.may_hold_behind(&bytes[cut..], *b"41"),
                "{cut}"
            );
        }
    }
}
