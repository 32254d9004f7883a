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
    /// One message to many sessions; `handles` holds a u32 each.
    Broadcast {
        handles: &'a [u8],
        flags: u8,
        binary: bool,
        data: &'a [u8],
    },
}

/// Writes a send batch.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    fn head(&mut self, code: u8, flags: u8, handle: u32) {
        self.0.extend_from_slice(&[code, flags]);
        self.0.extend_from_slice(&handle.to_le_bytes());
    }

    fn bytes(&mut self, data: &[u8]) {
        self.0.extend_from_slice(&length(data.len()));
        self.0.extend_from_slice(data);
    }

    /// A text message of at most `most` bytes: `fill` gets the place and returns how many bytes it
    /// wrote.
    pub fn text_with(
        &mut self,
        handle: u32,
        flags: u8,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) {
        self.head(TEXT, flags, handle);
        self.fill(most, fill);
    }

    /// One text message to many sessions, its bytes written by `fill` as in [`Writer::text_with`].
    pub fn broadcast_text_with(
        &mut self,
        handles: &[u8],
        flags: u8,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) {
        self.0.extend_from_slice(&[BROADCAST_TEXT, flags]);
        self.bytes(handles);
        self.fill(most, fill);
    }

    fn fill(&mut self, most: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        let start = self.0.len();
        self.0.resize(start + most, 0);
        let written = fill(&mut self.0[start..]).min(most);
        self.0.truncate(start + written);
        self.0[at..at + 4].copy_from_slice(&length(written));
    }

    /// A binary message.
    pub fn binary(&mut self, handle: u32, flags: u8, data: &[u8]) {
        self.head(BINARY, flags, handle);
        self.bytes(data);
    }

    /// One binary message to many sessions.
    pub fn broadcast_binary(&mut self, handles: &[u8], flags: u8, data: &[u8]) {
        self.0.extend_from_slice(&[BROADCAST_BINARY, flags]);
        self.bytes(handles);
        self.bytes(data);
    }

    /// Close a session.
    pub fn close(&mut self, handle: u32, flags: u8) {
        self.head(CLOSE, flags, handle);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the batch out of the writer, which is empty again.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// A length as it stands in a batch. V8's strings and buffers are far shorter than 4 GiB.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
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
        });
        w.binary(8, 0, &[1, 2]);
        w.close(9, DISCARD);
        w.broadcast_text_with(&1u32.to_le_bytes(), 0, 4, |place| {
            place[0] = b'x';
            1
        });
        w.broadcast_binary(&[], 0, b"y");
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
            assert!(Reader::new(&run[..cut]).count() < 5);
        }
    }
}
