//! Compressed messages of a WebSocket: in their turn on the I/O thread, or on another thread if they
//! are long.

use std::rc::Rc;
use std::sync::Arc;

use super::{State, WebSocketConn};
use crate::net::thread::state::IoThread;
use crate::net::websocket::write_queue::SharedFrame;
use crate::sums::Share;
use crate::ws::deflate::History;
use crate::ws::frame::Opcode;

/// Messages longer than this, in bytes, are compressed on another thread: the I/O thread serves others
/// meanwhile.
const ELSEWHERE_BYTES: usize = 1 << 20;

impl WebSocketConn {
    /// The earlier messages to which a long compressed message would refer.
    pub fn history(&self) -> Option<History> {
        let deflater = self.deflater.as_ref()?.borrow();
        deflater.history().cloned()
    }

    /// Replaces the earlier messages to which the next one may refer.
    pub fn set_history(&self, history: Option<History>) {
        if let Some(deflater) = &self.deflater
            && self.state.get() == State::Open
        {
            deflater.borrow_mut().set_history(history);
        }
    }

    /// Has a message compressed on another thread if it is long. Returns the ticket of its frame, for
    /// [`WebSocketConn::await_frame`].
    pub fn compress_elsewhere(
        &self,
        local: &IoThread,
        opcode: Opcode,
        prefix: &[u8],
        data: &[u8],
    ) -> Option<u64> {
        if prefix.len() + data.len() <= ELSEWHERE_BYTES || self.state.get() != State::Open {
            return None;
        }
        let mut deflater = self.deflater.as_ref()?.borrow_mut();
        local.compress_elsewhere(|| {
            let detached = deflater.detach(opcode, &[prefix, data]);
            let sum = self.buffered_sum();
            let share = sum.map(|sum| Share::new(&sum, detached.held()));
            (detached, share)
        })
    }

    /// Queues a frame that another thread is making.
    pub fn await_frame(self: &Rc<Self>, local: &IoThread, ticket: u64) {
        if self.state.get() != State::Open {
            return;
        }
        local.await_frame(ticket, self);
        let mut queue = self.queue.borrow_mut();
        let before = queue.len();
        queue.keep_place(ticket);
        drop(queue);
        self.queued(local, before);
    }

    /// Puts a frame into its place in the queue; `None`: it could not be made, and the connection ends.
    pub fn frame_made(
        self: &Rc<Self>,
        local: &IoThread,
        ticket: u64,
        frame: Option<&Arc<SharedFrame>>,
    ) {
        if self.is_dead() {
            return;
        }
        let Some(frame) = frame else {
            return self.kill();
        };
        let mut queue = self.queue.borrow_mut();
        let before = queue.len();
        if !queue.fill_place(ticket, frame.clone()) {
            return;
        }
        // Behind other messages, it is handed over with them.
        if self.messages_behind.get() == 0 {
            let more = queue.len() - before;
            self.handed_bytes.set(self.handed_bytes.get() + more);
        }
        drop(queue);
        if self.blocked.get() {
            let (now, turn) = (local.now(), self.inbox.turns());
            let pending = &local.pending_writes;
            pending.progress(self, |progress| progress.took(now, turn));
            // The serving task could not wait for the kernel while the frame was missing: this wakes it.
            self.retry(local);
        } else {
            self.flush(local);
        }
    }
}
