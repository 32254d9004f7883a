//! Send batches: the sends of the JavaScript thread in one tick, as one run of bytes, so that
//! thousands of them cross with one lock and one wake-up.
//!
//! `code u8, flags u8, …`; numbers are little-endian, byte strings follow their u32 length.

/// The send may be dropped while earlier data of the same connection is still waiting.
pub const VOLATILE: u8 = 1;
/// With [`VOLATILE`]: the message belongs to the one before it, and is dropped with it.
pub const CONTINUED: u8 = 2;
/// With [`Op::Close`]: the session is closed without waiting for buffered packets.
pub const DISCARD: u8 = 4;
/// The application writes to the WebSocket directly. With [`Op::Text`]: the text is a whole packet,
/// of any type, and not the data of a message.
pub const WHOLE: u8 = 8;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 3;
const BROADCAST_TEXT: u8 = 4;
const BROADCAST_BINARY: u8 = 5;
const RELEASE: u8 = 6;

/// The largest length of a message, in bytes: lengths in a batch are u32.
pub const MAX_MESSAGE_BYTES: usize = u32::MAX as usize;

/// A message is longer than [`MAX_MESSAGE_BYTES`]. Nothing of it is in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(
    /// Its length in bytes.
    pub usize,
);

/// One request. Text is UTF-8, but was written by JavaScript's own encoder and is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what their variants say")]
pub enum Op<'a> {
    /// A text message: the data behind the packet type, unless it is [`WHOLE`].
    Text {
        handle: u32,
        flags: u8,
        data: &'a [u8],
    },
    /// A binary message.
    Binary {
        handle: u32,
        flags: u8,
        data: &'a [u8],
    },
    /// Close the session.
    Close { handle: u32, flags: u8 },
    /// JavaScript knows of the end of the session, and sends nothing more to its handle.
    Release { handle: u32 },
    /// One message to many sessions; `handles` holds a u32 each.
    Broadcast {
        handles: &'a [u8],
        flags: u8,
        binary: bool,
        data: &'a [u8],
    },
}

/// Writes a send batch.
pub struct Writer {
    batch: Vec<u8>,
    /// The largest length of a message.
    max_message: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            batch: Vec::new(),
            max_message: MAX_MESSAGE_BYTES,
        }
    }
}

impl Writer {
    /// A writer with a smaller limit than [`MAX_MESSAGE_BYTES`], for tests.
    pub fn with_max_message(max_message: usize) -> Self {
        Self {
            batch: Vec::new(),
            max_message: max_message.min(MAX_MESSAGE_BYTES),
        }
    }

    fn head(&mut self, code: u8, flags: u8, handle: u32) {
        self.batch.extend_from_slice(&[code, flags]);
        self.batch.extend_from_slice(&handle.to_le_bytes());
    }

    fn bytes(&mut self, data: &[u8]) -> Result<(), TooLong> {
        let length = self.length(data.len())?;
        self.batch.extend_from_slice(&length);
        self.batch.extend_from_slice(data);
        Ok(())
    }

    /// A length as it stands in a batch.
    fn length(&self, len: usize) -> Result<[u8; 4], TooLong> {
        match u32::try_from(len) {
            Ok(short) if len <= self.max_message => Ok(short.to_le_bytes()),
            _ => Err(TooLong(len)),
        }
    }

    /// Writes one operation; nothing is left of it if `write` fails or panics.
    fn whole(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let mut draft = Draft {
            start: self.batch.len(),
            writer: self,
            is_whole: false,
        };
        write(draft.writer)?;
        draft.is_whole = true;
        Ok(())
    }

    /// A text message of at most `most` bytes: `fill` gets the place and returns how many bytes it
    /// wrote.
    ///
    /// # Errors
    /// If it is too long.
    pub fn text_with(
        &mut self,
        handle: u32,
        flags: u8,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<(), TooLong> {
        self.whole(|writer| {
            writer.head(TEXT, flags, handle);
            writer.fill(most, fill)
        })
    }

    /// One text message to many sessions, its bytes written by `fill` as in [`Writer::text_with`].
    ///
    /// # Errors
    /// If it is too long.
    pub fn broadcast_text_with(
        &mut self,
        handles: &[u8],
        flags: u8,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<(), TooLong> {
        self.whole(|writer| {
            writer.batch.extend_from_slice(&[BROADCAST_TEXT, flags]);
            writer.bytes(handles)?;
            writer.fill(most, fill)
        })
    }

    fn fill(&mut self, most: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<(), TooLong> {
        let at = self.batch.len();
        self.batch.extend_from_slice(&[0; 4]);
        let start = self.batch.len();
        self.batch.resize(start + most, 0);
        let written = fill(&mut self.batch[start..]).min(most);
        self.batch.truncate(start + written);
        let length = self.length(written)?;
        self.batch[at..at + 4].copy_from_slice(&length);
        Ok(())
    }

    /// A binary message.
    ///
    /// # Errors
    /// If it is too long.
    pub fn binary(&mut self, handle: u32, flags: u8, data: &[u8]) -> Result<(), TooLong> {
        self.whole(|writer| {
            writer.head(BINARY, flags, handle);
            writer.bytes(data)
        })
    }

    /// One binary message to many sessions.
    ///
    /// # Errors
    /// If it is too long.
    pub fn broadcast_binary(
        &mut self,
        handles: &[u8],
        flags: u8,
        data: &[u8],
    ) -> Result<(), TooLong> {
        self.whole(|writer| {
            writer.batch.extend_from_slice(&[BROADCAST_BINARY, flags]);
            writer.bytes(handles)?;
            writer.bytes(data)
        })
    }

    /// Close a session.
    pub fn close(&mut self, handle: u32, flags: u8) {
        self.head(CLOSE, flags, handle);
    }

    /// Free the handle of a session that has ended.
    pub fn release(&mut self, handle: u32) {
        self.head(RELEASE, 0, handle);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// True if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Takes the batch out of the writer, which is empty again.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.batch)
    }
}

/// An operation that is being written.
struct Draft<'a> {
    writer: &'a mut Writer,
    /// The length of the batch before it.
    start: usize,
    is_whole: bool,
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.writer.batch.truncate(self.start);
        }
    }
}

/// Reads a send batch. This module alone writes and reads batches; should one ever be cut short,
/// the rest is ignored.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads `batch`.
    pub fn new(batch: &'a [u8]) -> Self {
        Self(batch)
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()? as usize;
        self.take(len)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Op<'a>;

    fn next(&mut self) -> Option<Op<'a>> {
        let &[code, flags] = self.take(2)? else {
            return None;
        };
        if matches!(code, BROADCAST_TEXT | BROADCAST_BINARY) {
            let (handles, data) = (self.bytes()?, self.bytes()?);
            return Some(Op::Broadcast {
                handles,
                flags,
                binary: code == BROADCAST_BINARY,
                data,
            });
        }
        let handle = self.number()?;
        Some(match code {
            TEXT => Op::Text {
                handle,
                flags,
                data: self.bytes()?,
            },
            BINARY => Op::Binary {
                handle,
                flags,
                data: self.bytes()?,
            },
            CLOSE => Op::Close { handle, flags },
            RELEASE => Op::Release { handle },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut w = Writer::default();
        w.text_with(7, VOLATILE, 9, |place| {
            place[..4].copy_from_slice(b"2[1]");
            4
        })
        .expect("short");
        w.binary(8, 0, &[1, 2]).expect("short");
        w.close(9, DISCARD);
        w.release(10);
        w.broadcast_text_with(&1u32.to_le_bytes(), 0, 4, |place| {
            place[0] = b'x';
            1
        })
        .expect("short");
        w.broadcast_binary(&[], 0, b"y").expect("short");
        let run = w.take();
        let ops: Vec<_> = Reader::new(&run).collect();
        assert_eq!(
            ops,
            [
                Op::Text {
                    handle: 7,
                    flags: VOLATILE,
                    data: b"2[1]"
                },
                Op::Binary {
                    handle: 8,
                    flags: 0,
                    data: &[1, 2]
                },
                Op::Close {
                    handle: 9,
                    flags: DISCARD
                },
                Op::Release { handle: 10 },
                Op::Broadcast {
                    handles: &[1, 0, 0, 0],
                    flags: 0,
                    binary: false,
                    data: b"x"
                },
                Op::Broadcast {
                    handles: &[],
                    flags: 0,
                    binary: true,
                    data: b"y"
                },
            ]
        );
        for cut in 0..run.len() {
            // A run cut anywhere ends early and does nothing else.
            assert!(Reader::new(&run[..cut]).count() < 6);
        }
    }

    #[test]
    fn a_message_that_is_too_long_leaves_nothing_in_the_batch() {
        let mut w = Writer::with_max_message(8);
        w.binary(1, 0, &[0; 8]).expect("as long as may be");
        let fill = |place: &mut [u8]| place.len();
        assert_eq!(w.binary(2, 0, &[0; 9]), Err(TooLong(9)));
        assert_eq!(w.text_with(3, 0, 9, fill), Err(TooLong(9)));
        assert_eq!(w.broadcast_text_with(&[1; 4], 0, 9, fill), Err(TooLong(9)));
        assert_eq!(w.broadcast_binary(&[1; 4], 0, &[0; 9]), Err(TooLong(9)));
        assert_eq!(w.broadcast_binary(&[1; 12], 0, &[0; 1]), Err(TooLong(12)));
        w.text_with(4, 0, 100, |_| 8)
            .expect("the bytes count, not the room");
        w.close(5, 0);
        let run = w.take();
        let handles: Vec<_> = Reader::new(&run)
            .map(|op| match op {
                Op::Text { handle, .. } | Op::Binary { handle, .. } | Op::Close { handle, .. } => {
                    handle
                }
                _ => 0,
            })
            .collect();
        assert_eq!(handles, [1, 4, 5]);
    }

    #[test]
    fn a_length_of_4_gib_is_refused() {
        let w = Writer::default();
        assert_eq!(w.length(MAX_MESSAGE_BYTES), Ok([0xff; 4]));
        assert_eq!(w.length(1 << 32), Err(TooLong(1 << 32)));
        assert_eq!(w.length(usize::MAX), Err(TooLong(usize::MAX)));
    }

    #[test]
    fn a_panic_leaves_nothing_in_the_batch() {
        let mut w = Writer::default();
        w.close(1, 0);
        let before = w.len();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            w.text_with(2, 0, 1 << 10, |_| panic!("a panic of a test"))
        }));
        assert!(panicked.is_err());
        assert_eq!(w.len(), before);
    }
}
