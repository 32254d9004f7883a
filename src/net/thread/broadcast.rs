//! One message for many connections: its frame is made once in each form that they want.

use std::rc::Rc;
use std::sync::Arc;

use crate::net::thread::conn::{Framing, WebSocketConn};
use crate::net::thread::state::IoThread;
use crate::net::websocket::write_queue::SharedFrame;
use crate::ws::deflate::Kind;
use crate::ws::frame::{Opcode, write_header};

/// Frames from this length on are shared between connections, not copied.
const SHARED_BYTES: usize = 16 << 10;

/// A complete frame.
enum Frame {
    Copied(Vec<u8>),
    Shared(Arc<SharedFrame>),
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
            Framing::Shared(kind) => {
                let known = self.compressed.iter().find(|(its, _)| *its == kind);
                if let Some((_, frame)) = known {
                    return frame.queue(local, conn);
                }
                conn.compress(opcode, prefix, data, |parts| {
                    let mut frame = local.spare_buffer();
                    parts.iter().for_each(|part| frame.extend_from_slice(part));
                    let frame = Frame::new(local, frame, conn);
                    frame.queue(local, conn);
                    self.compressed.push((kind, frame));
                });
            }
        }
    }

    /// Gives the buffers back.
    pub fn end(self, local: &IoThread) {
        let compressed = self.compressed.into_iter().map(|(_, frame)| frame);
        self.uncompressed
            .into_iter()
            .chain(compressed)
            .for_each(|frame| frame.end(local));
    }
}

#[cfg(test)]
mod tests;
