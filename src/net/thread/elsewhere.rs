//! Frames of long messages, which are compressed on the threads for blocking work.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Command, IoThreadHandle};
use crate::net::websocket::write_queue::SharedFrame;
use crate::sums::Share;
use crate::ws::deflate::Detached;

/// The frames that are being made for connections of one I/O thread.
#[derive(Default)]
pub(super) struct Elsewhere {
    last_ticket: Cell<u64>,
    /// The connections that wait for the frame of a ticket.
    waiting: RefCell<HashMap<u64, Vec<Rc<WebSocketConn>>>>,
}

/// Brings the frame of a message to its I/O thread, a panic of the compressor included.
struct Delivery {
    mailbox: Arc<IoThreadHandle>,
    ticket: u64,
    frame: Option<Vec<u8>>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let (ticket, frame) = (self.ticket, self.frame.take());
        let deliver = move |local: &Rc<IoThread>| local.frame_made(ticket, frame);
        self.mailbox.send(Command::Call(Box::new(deliver)));
    }
}

impl IoThread {
    /// Has a message compressed on another thread, and returns the ticket of its frame; `None`: there is
    /// no such thread. The share is that of the message in the sum of what waits for clients.
    pub(super) fn compress_elsewhere(
        &self,
        detach: impl FnOnce() -> (Detached, Option<Share>),
    ) -> Option<u64> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let ticket = self.elsewhere.last_ticket.get() + 1;
        self.elsewhere.last_ticket.set(ticket);
        let (detached, share) = detach();
        let mut delivery = Delivery {
            mailbox: self.mailbox.clone(),
            ticket,
            frame: None,
        };
        let mut waiting = self.elsewhere.waiting.borrow_mut();
        waiting.insert(ticket, Vec::new());
        runtime.spawn_blocking(move || {
            let made = catch_unwind(AssertUnwindSafe(|| detached.compress()));
            delivery.frame = made.ok().flatten();
            drop((detached, share));
            drop(delivery);
        });
        Some(ticket)
    }

    /// Has a connection get the frame of a ticket.
    pub(super) fn await_frame(&self, ticket: u64, conn: &Rc<WebSocketConn>) {
        let mut waiting = self.elsewhere.waiting.borrow_mut();
        if let Some(conns) = waiting.get_mut(&ticket) {
            conns.push(conn.clone());
        }
    }

    /// Gives a frame to the connections that wait for it.
    fn frame_made(&self, ticket: u64, frame: Option<Vec<u8>>) {
        let conns = self.elsewhere.waiting.borrow_mut().remove(&ticket);
        let conns = conns.unwrap_or_default();
        let sum = conns.first().and_then(|conn| conn.buffered_sum());
        let frame = frame.map(|bytes| SharedFrame::new(&bytes, sum));
        for conn in conns {
            self.guard(|| conn.frame_made(self, ticket, frame.as_ref()));
        }
    }
}

#[cfg(test)]
mod tests;
