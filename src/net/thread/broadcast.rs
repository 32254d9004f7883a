//! One message for many connections: its frame is made once in each form that they want.

use std::rc::Rc;
use std::sync::Arc;

use crate::net::thread::conn::{Framing, WebSocketConn};
use crate::net::thread::state::IoThread;
use crate::net::websocket::write_queue::SharedFrame;
use crate::ws::deflate::{History, Kind};
use crate::ws::frame::{Opcode, write_header};

/// Frames from this length on are shared between connections, not copied.
const SHARED_BYTES: usize = 16 << 10;

/// A complete frame.
enum Frame {
    Copied(Vec<u8>),
    Shared(Arc<SharedFrame>),
    /// Another thread is making it.
    Later(u64),
}

impl Frame {
    /// A frame that `conn` gets, and others of its engine.
    fn new(local: &IoThread, bytes: Vec<u8>, conn: &WebSocketConn) -> Self {
        if bytes.len() < SHARED_BYTES {
            return Self::Copied(bytes);
        }
        let shared = SharedFrame::new(&bytes, conn.buffered_sum());
        local.recycle(bytes);
        Self::Shared(shared)
    }

    fn queue(&self, local: &IoThread, conn: &Rc<WebSocketConn>) {
        match self {
            Self::Copied(frame) => conn.append(local, &[frame]),
            Self::Shared(frame) => conn.share(local, frame),
            Self::Later(ticket) => conn.await_frame(local, *ticket),
        }
    }

    fn end(self, local: &IoThread) {
        if let Self::Copied(buffer) = self {
            local.recycle(buffer);
        }
    }
}

/// One message for many connections.
pub struct Broadcast<'a> {
    opcode: Opcode,
    prefix: &'static [u8],
    data: &'a [u8],
    uncompressed: Option<Frame>,
    compressed: Vec<(Kind, Frame)>,
    after_history: Vec<AfterHistory>,
}

/// Histories to which the frames of one broadcast refer; the connections with others get a frame that
/// refers to none.
const HISTORIES: usize = 8;

/// A frame that refers to earlier messages, or to none, for connections that take contexts over.
struct AfterHistory {
    kind: Kind,
    before: Option<History>,
    /// The messages that the connections with this frame have had before.
    after: Option<History>,
    frame: Frame,
}

impl AfterHistory {
    fn is_for(&self, kind: Kind, history: Option<&History>) -> bool {
        self.kind == kind
            && match (&self.before, history) {
                (Some(own), Some(other)) => History::ptr_eq(own, other),
                (None, None) => true,
                _ => false,
            }
    }
}

impl<'a> Broadcast<'a> {
    /// A message; a text gets its packet type.
    pub fn new(binary: bool, data: &'a [u8]) -> Self {
        let (opcode, prefix): (_, &[u8]) = if binary {
            (Opcode::Binary, b"")
        } else {
            (Opcode::Text, b"4")
        };
        Self {
            opcode,
            prefix,
            data,
            uncompressed: None,
            compressed: Vec::new(),
            after_history: Vec::new(),
        }
    }

    /// Queues the message on a connection.
    pub fn queue(&mut self, local: &IoThread, conn: &Rc<WebSocketConn>) {
        let (opcode, prefix, data) = (self.opcode, self.prefix, self.data);
        if opcode == Opcode::Binary && !conn.sends_plain_binary() {
            return conn.binary(local, data);
        }
        match conn.framing(prefix.len() + data.len()) {
            Framing::Uncompressed => {
                let uncompressed = self.uncompressed.get_or_insert_with(|| {
                    let mut frame = local.spare_buffer();
                    write_header(&mut frame, opcode, prefix.len() + data.len());
                    frame.extend_from_slice(prefix);
                    frame.extend_from_slice(data);
                    Frame::new(local, frame, conn)
                });
                uncompressed.queue(local, conn);
            }
            Framing::Own => conn.message(local, opcode, prefix, data),
            Framing::SharedAfter(kind) => self.queue_after_history(local, conn, kind),
            Framing::Shared(kind) => {
                let known = self.compressed.iter().find(|(its, _)| *its == kind);
                if let Some((_, frame)) = known {
                    return frame.queue(local, conn);
                }
                if let Some(frame) = self.compress(local, conn) {
                    frame.queue(local, conn);
                    self.compressed.push((kind, frame));
                }
            }
        }
    }

    /// Queues the message on a connection that takes its context over: the same frame as on others that
    /// have got the same messages before.
    fn queue_after_history(&mut self, local: &IoThread, conn: &Rc<WebSocketConn>, kind: Kind) {
        let mut before = conn.history();
        let is_full = self.after_history.len() >= HISTORIES;
        let find = |before| (self.after_history.iter()).find(|one| one.is_for(kind, before));
        if let Some(known) = find(before.as_ref()).or_else(|| find(None).filter(|_| is_full)) {
            conn.set_history(known.after.clone());
            return known.frame.queue(local, conn);
        }
        if is_full {
            conn.set_history(None);
            before = None;
        }
        if let Some(frame) = self.compress(local, conn) {
            frame.queue(local, conn);
            self.after_history.push(AfterHistory {
                kind,
                before,
                after: conn.history(),
                frame,
            });
        }
    }

    /// The compressed frame; `None`: the connection takes none any more.
    fn compress(&self, local: &IoThread, conn: &Rc<WebSocketConn>) -> Option<Frame> {
        let (opcode, prefix, data) = (self.opcode, self.prefix, self.data);
        if let Some(ticket) = conn.compress_elsewhere(local, opcode, prefix, data) {
            return Some(Frame::Later(ticket));
        }
        let mut made = None;
        conn.compress(opcode, prefix, data, |parts| {
            let mut frame = local.spare_buffer();
            parts.iter().for_each(|part| frame.extend_from_slice(part));
            made = Some(Frame::new(local, frame, conn));
        });
        made
    }

    /// Gives the buffers back.
    pub fn end(self, local: &IoThread) {
        let compressed = self.compressed.into_iter().map(|(_, frame)| frame);
        let after_history = self.after_history.into_iter().map(|one| one.frame);
        self.uncompressed
            .into_iter()
            .chain(compressed)
            .chain(after_history)
            .for_each(|frame| frame.end(local));
    }
}

#[cfg(test)]
mod tests;
