//! Writes of an I/O thread that the kernel has not taken yet: those of WebSockets whose clients
//! have to read first, and answers to polls.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::slow_readers::ReadProgress;
use crate::net::thread::IoThreadHandle;
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::state::IoThread;

/// A WebSocket whose client has to read before more can be written.
struct BlockedConn {
    conn: Rc<WebSocketConn>,
    progress: ReadProgress,
}

/// The writes of one I/O thread that the kernel has not taken yet.
pub struct PendingWrites {
    mailbox: Arc<IoThreadHandle>,
    stuck: RefCell<HashMap<*const WebSocketConn, BlockedConn>>,
    /// Connections that hold their first packets back.
    held: RefCell<Vec<Rc<WebSocketConn>>>,
    answers: Cell<usize>,
    /// Time when an answer was last begun or taken on, in ms of the runtime.
    answered_at: Cell<u64>,
}

impl PendingWrites {
    /// None so far. Their number is stored in `mailbox`.
    pub fn new(mailbox: Arc<IoThreadHandle>) -> Self {
        Self {
            mailbox,
            stuck: RefCell::default(),
            held: RefCell::default(),
            answers: Cell::new(0),
            answered_at: Cell::new(0),
        }
    }

    fn count(&self) {
        let waiting = self.stuck.borrow().len() + self.held.borrow().len();
        let count = waiting + self.answers.get();
        self.mailbox.pending_writes.store(count, Ordering::SeqCst);
    }

    /// Adds a connection of which the kernel takes no more, `now` in ms of the clock.
    pub fn block(&self, conn: &Rc<WebSocketConn>, now: u64) {
        let stuck = BlockedConn {
            conn: conn.clone(),
            progress: ReadProgress::new(now, conn.inbox().turns()),
        };
        self.stuck.borrow_mut().insert(Rc::as_ptr(conn), stuck);
        self.count();
    }

    /// Removes a connection of which all was written, or that has ended.
    pub fn unblock(&self, conn: &WebSocketConn) {
        if self
            .stuck
            .borrow_mut()
            .remove(&std::ptr::from_ref(conn))
            .is_some()
        {
            self.count();
        }
    }

    /// Adds a connection that holds its first packets back.
    pub fn hold(&self, conn: &Rc<WebSocketConn>) {
        self.held.borrow_mut().push(conn.clone());
        self.count();
    }

    /// Removes a connection that holds nothing back any more.
    pub fn let_go(&self, conn: &Rc<WebSocketConn>) {
        self.held
            .borrow_mut()
            .retain(|held| !Rc::ptr_eq(held, conn));
        self.count();
    }

    /// Calls `f` with the read progress of the client of a connection; `None` if it is not waited
    /// for.
    pub fn progress<R>(
        &self,
        conn: &WebSocketConn,
        f: impl FnOnce(&mut ReadProgress) -> R,
    ) -> Option<R> {
        let mut stuck = self.stuck.borrow_mut();
        stuck
            .get_mut(&std::ptr::from_ref(conn))
            .map(|stuck| f(&mut stuck.progress))
    }

    /// The connections whose clients have to read.
    pub fn conns(&self) -> Vec<Rc<WebSocketConn>> {
        let stuck = self.stuck.borrow();
        stuck.values().map(|stuck| stuck.conn.clone()).collect()
    }

    /// Tries to write what an environment has sent, and returns whether it is still on its way to
    /// clients that have taken something in the last `ms`. With `pumps`, streams that JavaScript
    /// pumps count too.
    pub fn write_state(
        &self,
        local: &IoThread,
        inbox: &Arc<dyn EventSink>,
        pumps: bool,
        ms: u64,
    ) -> WriteState {
        if PendingAnswer::is_any() {
            return WriteState::Yes;
        }
        for conn in self.held.take() {
            conn.let_go(local);
        }
        let now = local.now();
        let mut moving = if self.answers.get() > 0 && now < self.answered_at.get() + ms {
            WriteState::Yes
        } else {
            WriteState::No
        };
        for conn in self.conns() {
            if !Arc::ptr_eq(conn.inbox(), inbox) {
                continue;
            }
            conn.retry(local);
            if conn.waiting() == 0 {
                continue;
            }
            if conn.is_pumped() {
                if pumps {
                    return WriteState::ByJavaScript;
                }
                continue;
            }
            let moved = self.progress(&conn, |progress| progress.has_moved(now, ms));
            if moved == Some(true) {
                moving = WriteState::Yes;
            }
        }
        moving
    }
}

/// The result of [`PendingWrites::write_state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteState {
    /// All is written, or the clients take nothing.
    No,
    /// Clients are taking it.
    Yes,
    /// JavaScript has to write it.
    ByJavaScript,
}

/// Counts an answer to a poll while it is being written.
pub struct AnswerInProgress {
    local: Rc<IoThread>,
    session: Handle,
}

impl AnswerInProgress {
    /// Begins the answer to a poll of `session`; `due` counts it no more.
    pub fn new(local: &Rc<IoThread>, session: Handle, due: Option<PendingAnswer>) -> Self {
        let pending_writes = &local.pending_writes;
        pending_writes.answers.set(pending_writes.answers.get() + 1);
        pending_writes.answered_at.set(local.now());
        pending_writes.count();
        drop(due);
        Self {
            local: local.clone(),
            session,
        }
    }

    /// Notes that the client has taken more of it.
    pub fn moved(&self) {
        let local = &self.local;
        local.pending_writes.answered_at.set(local.now());
        local.sessions.note_answer_progress(self.session);
    }
}

impl Drop for AnswerInProgress {
    fn drop(&mut self) {
        let pending_writes = &self.local.pending_writes;
        pending_writes.answers.set(pending_writes.answers.get() - 1);
        pending_writes.count();
    }
}

#[cfg(test)]
mod tests;
