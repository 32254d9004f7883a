//! A message that arrives in pieces: its payload so far, grown only by bytes that are there.

use super::frame::{Opcode, Progress};
use super::{Error, Limits};

/// The payload so far. Text is checked as it arrives, so a bad message is refused at its first bad
/// byte and a good one is not read again at its end.
#[derive(Debug)]
enum Payload {
    Text(Utf8),
    Binary(Vec<u8>),
}

/// A data message of which at least one frame has begun.
#[derive(Debug)]
pub(super) struct Assembly {
    payload: Payload,
    fragments: u32,
    /// Bytes that came so far, if they are compressed.
    compressed: Option<u64>,
}

/// The payload of an ended message.
#[derive(Debug)]
pub(super) enum Assembled {
    Text(String),
    Binary(Vec<u8>),
}

impl Assembly {
    /// A message without any frame yet.
    pub fn new(opcode: Option<Opcode>) -> Self {
        let payload = match opcode {
            Some(Opcode::Text) => Payload::Text(Utf8::default()),
            _ => Payload::Binary(Vec::new()),
        };
        Self {
            payload,
            fragments: 0,
            compressed: None,
        }
    }

    /// A compressed message without any frame yet.
    pub fn compressed(opcode: Option<Opcode>) -> Self {
        Self {
            compressed: Some(0),
            ..Self::new(opcode)
        }
    }

    /// True if the bytes that come are to be inflated.
    pub fn is_compressed(&self) -> bool {
        self.compressed.is_some()
    }

    /// Counts bytes that came compressed.
    pub fn count_compressed(&mut self, bytes: usize) {
        if let Some(count) = &mut self.compressed {
            *count += bytes as u64;
        }
    }

    /// Counts a frame.
    pub fn begin_fragment(&mut self) {
        self.fragments = self.fragments.saturating_add(1);
    }

    /// Adds unmasked payload.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.payload {
            Payload::Text(text) => text.push(bytes),
            Payload::Binary(held) => {
                held.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Adds inflated payload, within the limit of the whole.
    pub fn push_inflated(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Error> {
        let len = self.len() + bytes.len();
        if limits.max_message > 0 {
            let most = usize::try_from(limits.max_message).unwrap_or(usize::MAX);
            if len > most {
                return Err(Error::MessageTooBig);
            }
            self.grow(len, most);
        }
        self.push(bytes)
    }

    /// Makes room for `len` bytes in all. The room doubles each time, but never exceeds `most`, so
    /// that no message has more memory than it may have bytes.
    fn grow(&mut self, len: usize, most: usize) {
        let wanted = |capacity: usize| len.max(most.min(capacity.saturating_mul(2)));
        match &mut self.payload {
            Payload::Text(Utf8 { whole, .. }) if len > whole.capacity() => {
                whole.reserve_exact(wanted(whole.capacity()) - whole.len());
            }
            Payload::Binary(held) if len > held.capacity() => {
                held.reserve_exact(wanted(held.capacity()) - held.len());
            }
            _ => {}
        }
    }

    /// Ends the message.
    pub fn finish(self) -> Result<Assembled, Error> {
        match self.payload {
            Payload::Text(text) => text.finish().map(Assembled::Text),
            Payload::Binary(held) => Ok(Assembled::Binary(held)),
        }
    }

    /// The state against which the next header is checked.
    pub fn progress(&self) -> Progress {
        Progress {
            bytes: self.compressed.unwrap_or(self.len() as u64),
            fragments: self.fragments,
        }
    }

    /// Bytes of payload, inflated ones if it came compressed.
    pub fn len(&self) -> usize {
        match &self.payload {
            Payload::Text(text) => text.whole.len() + text.cut.len(),
            Payload::Binary(held) => held.len(),
        }
    }

    /// Bytes allocated.
    pub fn allocated(&self) -> usize {
        match &self.payload {
            Payload::Text(text) => text.whole.capacity() + text.cut.capacity(),
            Payload::Binary(held) => held.capacity(),
        }
    }
}

/// Text received so far. The end of a piece may cut a character in two.
#[derive(Debug, Default)]
struct Utf8 {
    whole: String,
    /// The beginning of one character: at most three bytes.
    cut: Vec<u8>,
}

impl Utf8 {
    fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !self.cut.is_empty() {
            let Some((byte, after)) = bytes.split_first() else {
                return Ok(());
            };
            bytes = after;
            self.cut.push(*byte);
            match std::str::from_utf8(&self.cut) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.cut.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Error::Utf8),
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.whole.push_str(text),
            // Valid but for an end that more bytes may complete.
            Err(error) if error.error_len().is_none() => {
                let (valid, cut) = bytes.split_at(error.valid_up_to());
                let valid = std::str::from_utf8(valid).map_err(|_| Error::Utf8)?;
                self.whole.push_str(valid);
                self.cut.extend_from_slice(cut);
            }
            Err(_) => return Err(Error::Utf8),
        }
        Ok(())
    }

    fn finish(self) -> Result<String, Error> {
        if self.cut.is_empty() {
            Ok(self.whole)
        } else {
            Err(Error::Utf8)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_may_be_cut_anywhere() {
        let text = "a\u{7ff}\u{ffff}\u{10ffff}z";
        for size in 1..text.len() {
            let mut held = Utf8::default();
            for piece in text.as_bytes().chunks(size) {
                held.push(piece).unwrap();
                assert!(held.cut.len() <= 3);
            }
            assert_eq!(held.finish().unwrap(), text);
        }
    }

    #[test]
    fn a_bad_byte_is_refused_at_once() {
        let mut held = Utf8::default();
        held.push(b"\xe2\x82").unwrap();
        assert_eq!(held.push(b"x"), Err(Error::Utf8));
        // A surrogate shows in its second byte.
        assert_eq!(Utf8::default().push(b"\xed\xa0"), Err(Error::Utf8));
    }

    #[test]
    fn a_message_must_not_end_in_a_cut_character() {
        let mut held = Utf8::default();
        held.push(b"a\xf0\x9f\x98").unwrap();
        assert_eq!(held.finish(), Err(Error::Utf8));
    }

    proptest! {
        #[test]
        fn pieces_are_valid_when_the_whole_is(
            bytes in prop::collection::vec(
                prop_oneof![Just(0xe2), Just(0x82), Just(0xf0), Just(0x9f), Just(b'a'), any::<u8>()],
                0..24,
            ),
            size in 1_usize..6,
        ) {
            let mut held = Utf8::default();
            let pushed: Result<(), Error> =
                bytes.chunks(size).try_for_each(|piece| held.push(piece));
            let text = pushed.and_then(|()| held.finish());
            prop_assert_eq!(text, String::from_utf8(bytes).map_err(|_| Error::Utf8));
        }
    }
}
