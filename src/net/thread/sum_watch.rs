//! The watch over the sums of all clients of an engine, as long as one is near its bound: the client
//! that takes most of it goes first.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::SUM_LOOK_MS;
use crate::counters::Bound;
use crate::error::SUM_FULL;
use crate::net::lock;
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::{Inner, SharedSession};
use crate::net::session::slow_readers::crowd_patience;
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::session::ThreadSession;
use crate::net::thread::state::IoThread;

/// Looks after the first at a sum that is too large, in which nobody goes in the place of the client
/// for which most waits: that has yet to show that it takes nothing.
const GRACE_LOOKS: u32 = 25;

/// An engine whose sums a thread watches.
pub(super) struct Crowded {
    engine: Arc<SharedEngine>,
    /// The number of the thread.
    thread: usize,
    /// Looks at a sum that was too large, in each of which JavaScript has gone around its event loop.
    looks: u32,
    /// The turn of JavaScript at the last of them.
    turn: u64,
}

/// A client that takes nothing of what waits for it.
enum Stalled {
    WebSocket(Rc<WebSocketConn>),
    Polling(Rc<ThreadSession>),
}

impl IoThread {
    /// Watches the sums of the engine of a session of this thread, if they come near their bounds.
    pub fn watch_sums(&self, session: &SharedSession) {
        let (engine, thread) = (&session.engine, self.watcher_of(session.handle));
        if engine.is_crowded() && engine.watch(thread) {
            self.crowded.borrow_mut().push(Crowded {
                engine: engine.clone(),
                thread,
                looks: 0,
                turn: session.inbox.turns(),
            });
            self.watch_slow_readers();
        }
    }

    /// Has clients go while sums are too large. Returns the time to the next look in ms; `None` if no
    /// sum is near its bound.
    pub(super) fn look_at_sums(self: &Rc<Self>) -> Option<u64> {
        for mut crowded in self.crowded.take() {
            let (engine, thread) = (crowded.engine.clone(), crowded.thread);
            self.relieve_attachments(&engine);
            if engine.buffered.get() > engine.config.max_buffered_of_all() {
                self.relieve_buffered(&mut crowded);
            } else {
                crowded.looks = 0;
            }
            if !engine.is_crowded() {
                engine.unwatch(thread);
                // It may be crowded again by one that has seen it watched.
                if !engine.is_crowded() || !engine.watch(thread) {
                    continue;
                }
            }
            self.crowded.borrow_mut().push(crowded);
        }
        (!self.crowded.borrow().is_empty()).then_some(SUM_LOOK_MS)
    }

    /// Closes clients that take nothing, those first for which most waits, until no more waits for all
    /// than may. A client for which no more waits than its even share of the bound is kept.
    fn relieve_buffered(self: &Rc<Self>, crowded: &mut Crowded) {
        let (engine, thread) = (&crowded.engine.clone(), crowded.thread);
        let max = engine.config.max_buffered_of_all();
        let mut stalled = self.stalled(crowded, crowd_patience(engine.buffered.get(), max));
        stalled.sort_unstable_by_key(|(bytes, _)| *bytes);
        loop {
            let largest = stalled.last().map_or(0, |(bytes, _)| *bytes);
            if !engine.largest.is_mine(thread, largest) || engine.buffered.get() <= max {
                return;
            }
            match stalled.pop() {
                Some((_, Stalled::WebSocket(conn))) => conn.overflow(self, SUM_FULL),
                Some((_, Stalled::Polling(session))) => session.give_up(self),
                None => return,
            }
            engine.counters.reached(Bound::BufferedOfAll);
        }
    }

    /// The clients of an engine that have taken nothing for `patience` ms, and for which more waits than
    /// an even share of the bound.
    fn stalled(self: &Rc<Self>, crowded: &mut Crowded, patience: u64) -> Vec<(usize, Stalled)> {
        let engine = &crowded.engine;
        let mut waiting = 0;
        // The client for which most waits: the bytes, and true if it takes nothing.
        let mut largest = (0, true);
        let mut turn = crowded.turn;
        let mut stalled = Vec::new();
        for conn in self.pending_writes.conns() {
            if conn.engine().is_some_and(|its| Arc::ptr_eq(its, engine)) {
                waiting += 1;
                let (bytes, is_stalled) = conn.stalled(self, patience);
                largest = largest.max((bytes, is_stalled));
                turn = turn.max(conn.inbox().turns());
                if is_stalled {
                    stalled.push((bytes, Stalled::WebSocket(conn)));
                }
            }
        }
        let now = self.now();
        for entry in self.entries.borrow().iter().flatten() {
            if Arc::ptr_eq(&entry.shared.engine, engine)
                && let Some((bytes, is_stalled)) = entry.stalled(now, patience)
            {
                waiting += 1;
                largest = largest.max((bytes, is_stalled));
                turn = turn.max(entry.shared.inbox.turns());
                if is_stalled {
                    stalled.push((bytes, Stalled::Polling(entry.clone())));
                }
            }
        }
        if turn != crowded.turn {
            crowded.turn = turn;
            crowded.looks += 1;
        }
        if !largest.1 && crowded.looks < GRACE_LOOKS {
            return Vec::new();
        }
        let share = crowded.engine.config.max_buffered_of_all() / waiting.max(1);
        stalled.retain(|(bytes, _)| *bytes > share);
        stalled
    }

    /// Refuses the packets of which most bytes wait for their attachments, until no more wait for all
    /// clients than may.
    fn relieve_attachments(&self, engine: &Arc<SharedEngine>) {
        let max = engine.config.max_attachments_of_all();
        if engine.attachments.get() <= max {
            return;
        }
        let mut holders: Vec<_> = (self.sessions.table().of_engine(engine).into_iter())
            .map(|shared| {
                let held = lock(&shared.inner).messages.held();
                (held, shared)
            })
            .filter(|(held, _)| *held > 0)
            .collect();
        holders.sort_unstable_by_key(|(held, _)| *held);
        while engine.attachments.get() > max
            && let Some((_, shared)) = holders.pop()
        {
            let Inner { messages, .. } = &mut *lock(&shared.inner);
            // Its packet may be complete by now.
            if messages.refuse_held(&shared) {
                engine.counters.reached(Bound::AttachmentBytes);
                self.wake_later(&shared.inbox);
            }
        }
    }
}

#[cfg(test)]
mod tests;
