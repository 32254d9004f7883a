//! The backlog of a WebSocket: the bytes that wait for its client, the notes about them, and the
//! close of a connection whose client takes nothing.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::{State, WebSocketConn};
use crate::config::EngineConfig;
use crate::eio::session::SocketRole;
use crate::error::QUEUE_FULL;
use crate::net::events::{EventSink, Note};
use crate::net::session::engine::SharedEngine;
use crate::net::thread::state::IoThread;
use crate::net::websocket::write_queue::Queue;
use crate::sums::Sum;

impl WebSocketConn {
    /// The environment that it belongs to.
    pub fn inbox(&self) -> &Arc<dyn EventSink> {
        &self.inbox
    }

    /// True if JavaScript does the writing.
    pub fn is_pumped(&self) -> bool {
        self.byte_stream.is_pumped()
    }

    /// Bytes that the kernel has not taken; of a stream that JavaScript pumps, that JavaScript has
    /// not been given.
    pub fn waiting(&self) -> usize {
        self.queue.borrow().len()
    }

    /// The options of the session if more waits than they allow.
    pub fn is_full(&self) -> Option<&EngineConfig> {
        let config = &self.entry.as_ref()?.shared.engine.config;
        (self.waiting() > config.max_buffered()).then_some(config)
    }

    /// The engine of its session; none if the WebSocket was taken only to be closed.
    pub fn engine(&self) -> Option<&Arc<SharedEngine>> {
        Some(&self.entry.as_ref()?.shared.engine)
    }

    /// The sum of what waits for all clients of its engine.
    pub fn buffered_sum(&self) -> Option<Arc<Sum>> {
        Some(self.engine()?.buffered.clone())
    }

    /// Counts the memory that waits, `held` bytes, in the sum of the engine.
    pub(super) fn count_share(&self, local: &IoThread, held: usize) {
        let Some(entry) = &self.entry else {
            return;
        };
        let before = self.share.replace(held);
        if before != held {
            entry.shared.engine.buffered.replace(before, held);
        }
        if held > 0 {
            local.watch_sums(&entry.shared);
        }
    }

    /// Counts the memory that waits for the client: what is queued, and what JavaScript has to write.
    fn count_held(&self, local: &IoThread, queue: &Queue) {
        self.count_share(local, queue.held() + self.byte_stream.in_flight());
    }

    /// Counts a message that was queued behind `before` bytes.
    pub(super) fn queued(self: &Rc<Self>, local: &IoThread, before: usize) {
        self.last_batch.set(local.batch());
        self.mark(local);
        let tick = local.js_tick();
        let is_same = self.last_tick.replace(tick) == tick;
        if before == 0 {
            self.handed_bytes.set(self.waiting());
            self.messages_behind.set(0);
            self.hands_over_tick.set(is_same);
        } else if is_same && self.hands_over_tick.get() || self.hands_over_all.get() {
            self.handed_bytes
                .set(self.handed_bytes.get() + self.waiting() - before);
        } else {
            self.messages_behind
                .set(self.messages_behind.get().saturating_add(1));
            self.hands_over_tick.set(false);
        }
        // The kernel is asked first: only what it did not take counts as waiting.
        if self.blocked.get() {
            self.publish_backlog(self.waiting());
            self.count_held(local, &self.queue.borrow());
            if self.is_full().is_some() {
                local.overflowed(self);
            }
        }
    }

    /// Counts the messages that `send` queues as handed over: the application writes to the
    /// WebSocket directly.
    pub fn hand_over(&self, send: impl FnOnce()) {
        self.hands_over_all.set(true);
        send();
        self.hands_over_all.set(false);
    }

    /// Removes the first `n` bytes of the queue, which were written.
    pub(super) fn wrote(&self, local: &IoThread, queue: &mut Queue, n: usize) {
        queue.written(n, |buffer| local.recycle(buffer));
        self.count(0, n);
        self.handed_bytes
            .set(self.handed_bytes.get().saturating_sub(n));
        if self.handed_bytes.get() == 0 {
            // The messages behind are handed over now.
            self.handed_bytes.set(queue.len());
            self.messages_behind.set(0);
            self.hands_over_tick.set(true);
        }
        if self.blocked.get() {
            let (now, turn) = (local.now(), self.inbox.turns());
            local
                .pending_writes
                .progress(self, |progress| progress.took(now, turn));
            self.publish_backlog(queue.len());
            self.count_held(local, queue);
        } else if self.is_pumped() {
            self.publish_backlog(queue.len());
        }
        self.pumped(local);
    }

    /// Notes that the kernel takes no more.
    pub(super) fn block(self: &Rc<Self>, local: &IoThread) {
        self.blocked.set(true);
        self.publish_backlog(self.waiting());
        self.count_held(local, &self.queue.borrow());
        local.pending_writes.block(self, local.now());
        self.note(local, Note::Blocked);
        if self.is_full().is_some() {
            local.overflowed(self);
        }
        self.wake();
    }

    /// Notes that all that has waited was written.
    pub(super) fn unblock(self: &Rc<Self>, local: &IoThread) {
        self.blocked.set(false);
        local.pending_writes.unblock(self);
        self.count_share(local, 0);
        self.publish_backlog(self.waiting());
        self.notes_drained.set(false);
        self.note(local, Note::Drained);
    }

    /// True if all was written, by JavaScript too if it pumps the stream.
    fn is_drained(&self) -> bool {
        self.waiting() == 0 && self.byte_stream.in_flight() == 0
    }

    /// Notes [`Note::Drained`] once all that is queued is written.
    pub fn note_drained(self: &Rc<Self>, local: &IoThread) {
        self.notes_drained.set(true);
        self.written_through(local);
    }

    /// Publishes the backlog, and notes [`Note::Drained`] if that was asked for and is due. To be
    /// called when JavaScript has written something of a stream that it pumps.
    pub fn written_through(self: &Rc<Self>, local: &IoThread) {
        self.publish_backlog(self.waiting());
        if self.blocked.get() {
            self.count_held(local, &self.queue.borrow());
        }
        if self.notes_drained.get() && self.is_drained() {
            self.notes_drained.set(false);
            self.note(local, Note::Drained);
        }
    }

    /// Lets other threads see the backlog of the WebSocket that carries the session, `waiting`
    /// bytes.
    pub(super) fn publish_backlog(&self, waiting: usize) {
        if self.role.get() == SocketRole::Main
            && self.state.get() != State::Closing
            && let Some(entry) = &self.entry
        {
            let backlog = &entry.shared.backlog;
            backlog.store_waiting(waiting + self.byte_stream.in_flight());
            let (handed, behind) = if backlog.is_in_batches() {
                (waiting, 0)
            } else {
                (self.handed_bytes.get(), self.messages_behind.get())
            };
            backlog.store(handed + self.byte_stream.in_flight(), behind);
        }
    }

    /// Writes what the kernel takes without waiting for it to say that it takes more. The serving task goes
    /// on with the rest: it may not be waiting for the kernel yet.
    pub fn retry(&self, local: &IoThread) {
        if !self.blocked.get() || self.state.get() == State::Dead {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        while queue.is_writable() {
            match self.byte_stream.write(queue.front()) {
                Ok(n) if n > 0 => self.wrote(local, &mut queue, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The serving task finds out what else it may be.
                _ => break,
            }
        }
        drop(queue);
        self.wake();
    }

    /// Closes the connection if its client has taken nothing for too long; has it looked at again
    /// otherwise.
    pub fn judge(self: &Rc<Self>, local: &Rc<IoThread>) {
        let Some(entry) = &self.entry else {
            return;
        };
        // The kernel says that it takes more only once there is much room.
        self.retry(local);
        let (waiting, now) = (self.waiting(), local.now());
        let is_over = local.pending_writes.progress(self, |progress| {
            progress.is_over(waiting, &entry.shared.engine.config, &*self.inbox, now)
        });
        if is_over == Some(true) {
            self.overflow(local, QUEUE_FULL);
        } else {
            local.watch_slow_readers();
        }
    }

    /// The bytes that wait for the client, or the memory that they take, which may be more; and true if
    /// it has taken nothing for `patience` ms.
    pub fn stalled(&self, local: &IoThread, patience: u64) -> (usize, bool) {
        // The kernel says that it takes more only once there is much room.
        self.retry(local);
        let now = local.now();
        let is_stalled = local.pending_writes.progress(self, |progress| {
            progress.takes_nothing(&*self.inbox, now, patience)
        });
        (
            self.waiting().max(self.share.get()),
            is_stalled == Some(true),
        )
    }

    /// True if something waits of which the client has taken a part in the last `ms`.
    pub fn is_being_read(&self, local: &IoThread, ms: u64) -> bool {
        let now = local.now();
        local
            .pending_writes
            .progress(self, |progress| progress.has_moved(now, ms))
            == Some(true)
    }
}
