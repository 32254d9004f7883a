//! The state of one I/O thread: sessions, timers, and bytes to be written. It stays on that thread;
//! other threads send a [`Command`](super::Command).

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{HashMap, HashSet};
use std::future::Future as _;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::config::READ_BUFFER_BYTES;
use crate::eio::wheel::Wheel;
use crate::net::events::{EventSink, StreamEnd};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::session::engine::watcher_of;
use crate::net::session::sessions::Sessions;
use crate::net::session::shared::SharedSession;
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::elsewhere::Elsewhere;
use crate::net::thread::pending_writes::PendingWrites;
use crate::net::thread::session::ThreadSession;
use crate::net::thread::sum_watch::Crowded;
use crate::net::thread::trim::Trim;
use crate::net::thread::{IoThreadHandle, is_single};
use crate::net::websocket::stream::{Output, Pumped};
use crate::ws::deflate::Pool;

/// Buffers kept for the next connection that has something to write.
const SPARE_BUFFERS: usize = 64;
/// A larger buffer is not kept.
const SPARE_BUFFER_BYTES: usize = 64 << 10;

/// Bytes queued in a row, over all connections, after which they are written.
const UNSETTLED_BYTES: usize = 16 << 20;

/// The state of an I/O thread, which only that thread uses.
pub struct IoThread {
    pub(in crate::net) mailbox: Arc<IoThreadHandle>,
    /// All sessions of the process, and the clock.
    pub(in crate::net) sessions: Arc<Sessions>,
    threads: usize,
    pub(in crate::net) entries: RefCell<Vec<Option<Rc<ThreadSession>>>>,
    pub(in crate::net) streams: RefCell<HashMap<u32, Rc<Pumped>>>,
    /// Connections that JavaScript knows by a number and does not pump.
    pub(in crate::net) conns: RefCell<HashMap<u32, Rc<WebSocketConn>>>,
    /// Connections that JavaScript knows by a number and pumps.
    pub(in crate::net) pumped_conns: RefCell<HashMap<u32, Rc<WebSocketConn>>>,
    pub(in crate::net) wheel: RefCell<Wheel<u32>>,
    pub(in crate::net) timers: Notify,
    to_flush: RefCell<Vec<Rc<WebSocketConn>>>,
    to_judge: RefCell<Vec<Rc<WebSocketConn>>>,
    /// Connections and answers that could not be written at once.
    pub(in crate::net) pending_writes: PendingWrites,
    /// Sessions that poll and for which more bytes wait than may.
    pub(in crate::net) full: RefCell<HashSet<u32>>,
    /// Wakes the task that looks at slow readers.
    pub(in crate::net) slow_readers: Notify,
    /// The engines whose sums are near their bounds.
    pub(super) crowded: RefCell<Vec<Crowded>>,
    parked: RefCell<Vec<Waker>>,
    /// Connections that have given way to others until the next turn of the JavaScript thread.
    rested: RefCell<Vec<Waker>>,
    /// Counts how often JavaScript has caught up, from 1.
    resumed: Cell<u64>,
    pub(in crate::net) to_wake: RefCell<Vec<Arc<dyn EventSink>>>,
    pub(in crate::net) waker: Notify,
    buffer: RefCell<Box<[u8]>>,
    spare: RefCell<Vec<Vec<u8>>>,
    /// The contexts that connections with compression share.
    pub(super) deflate: Rc<Pool>,
    pub(super) elsewhere: Elsewhere,
    pub(super) trim: Rc<Trim>,
    /// Counts send batches: a volatile message is dropped behind others of its own batch.
    pub(super) batch: Cell<u64>,
    /// The tick of the JavaScript thread that the batch is from.
    pub(in crate::net) js_tick: Cell<u32>,
    /// Bytes queued on connections since all was last written.
    unsettled: Cell<usize>,
    /// The bytes that JavaScript has to write; only if the state lives on a JavaScript thread.
    pub(in crate::net) output: Option<Rc<Output>>,
}

impl IoThread {
    pub(in crate::net) fn new(
        mailbox: Arc<IoThreadHandle>,
        sessions: Arc<Sessions>,
        threads: usize,
    ) -> Rc<Self> {
        Self::with_output(mailbox, sessions, threads, None)
    }

    /// The state of the sessions that live on a JavaScript thread.
    pub(super) fn inline(mailbox: Arc<IoThreadHandle>, sessions: Arc<Sessions>) -> Rc<Self> {
        Self::with_output(mailbox, sessions, 1, Some(Rc::default()))
    }

    fn with_output(
        mailbox: Arc<IoThreadHandle>,
        sessions: Arc<Sessions>,
        threads: usize,
        output: Option<Rc<Output>>,
    ) -> Rc<Self> {
        let now = sessions.now();
        let pending_writes = PendingWrites::new(mailbox.clone());
        Rc::new(Self {
            mailbox,
            sessions,
            threads,
            entries: RefCell::default(),
            streams: RefCell::default(),
            conns: RefCell::default(),
            pumped_conns: RefCell::default(),
            wheel: RefCell::new(Wheel::new(now)),
            timers: Notify::new(),
            to_flush: RefCell::default(),
            to_judge: RefCell::default(),
            pending_writes,
            full: RefCell::default(),
            slow_readers: Notify::new(),
            crowded: RefCell::default(),
            parked: RefCell::default(),
            rested: RefCell::default(),
            resumed: Cell::new(1),
            to_wake: RefCell::default(),
            waker: Notify::new(),
            buffer: RefCell::new(vec![0; READ_BUFFER_BYTES].into()),
            spare: RefCell::default(),
            deflate: Rc::default(),
            elsewhere: Elsewhere::default(),
            trim: Rc::default(),
            batch: Cell::new(0),
            js_tick: Cell::new(0),
            unsettled: Cell::new(0),
            output,
        })
    }

    /// The time in ms of the clock that all threads share.
    pub fn now(&self) -> u64 {
        self.sessions.now()
    }

    /// The number of the thread among those that watch the sums of an engine.
    pub(super) fn watcher_of(&self, handle: Handle) -> usize {
        watcher_of(handle, self.threads)
    }

    /// The buffer that all connections of the thread read into.
    pub fn read_buffer(&self) -> RefMut<'_, Box<[u8]>> {
        self.buffer.borrow_mut()
    }

    /// A buffer to write into, perhaps one used before.
    pub fn spare_buffer(&self) -> Vec<u8> {
        let spare = self.spare.borrow_mut().pop().unwrap_or_default();
        self.mailbox.count_spare(-(spare.capacity() as isize));
        spare
    }

    /// Takes a buffer back, so that idle connections own none.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_BUFFERS && (1..=SPARE_BUFFER_BYTES).contains(&buffer.capacity()) {
            buffer.clear();
            self.mailbox.count_spare(buffer.capacity() as isize);
            spare.push(buffer);
        }
    }

    /// The number of the send batch that is being carried out.
    pub fn batch(&self) -> u64 {
        self.batch.get()
    }

    /// The tick of the JavaScript thread that the send batch is from.
    pub fn js_tick(&self) -> u32 {
        self.js_tick.get()
    }

    /// Counts bytes that were queued on a connection.
    pub fn count_queued(&self, bytes: usize) {
        self.unsettled.set(self.unsettled.get() + bytes);
    }

    /// Writes before much is queued: a broadcast is copied for each connection, and a batch of
    /// large ones would exist as often as there are clients before the kernel is asked to take it.
    pub(in crate::net) fn settle_if_much(self: &Rc<Self>) {
        if self.unsettled.get() > UNSETTLED_BYTES {
            self.settle();
        }
    }

    /// Has the connection flushed with the others, at the end of this round.
    pub fn mark_dirty(&self, conn: Rc<WebSocketConn>) {
        self.to_flush.borrow_mut().push(conn);
    }

    /// Has the connection judged: more bytes wait for it than may.
    pub fn overflowed(&self, conn: &Rc<WebSocketConn>) {
        let mut to_judge = self.to_judge.borrow_mut();
        if to_judge.last().is_none_or(|last| !Rc::ptr_eq(last, conn)) {
            to_judge.push(conn.clone());
        }
    }

    /// Wakes `waker` when JavaScript has caught up; once for each time, which `since` remembers.
    pub fn park(&self, waker: &Waker, since: &Cell<u64>) {
        if since.replace(self.resumed.get()) != self.resumed.get() {
            self.parked.borrow_mut().push(waker.clone());
        }
    }

    /// Wakes the parked connections: JavaScript has caught up.
    pub(in crate::net) fn resume(&self) {
        self.resumed.set(self.resumed.get() + 1);
        self.parked.take().into_iter().for_each(Waker::wake);
    }

    /// True if this is the state of sessions that live on a JavaScript thread.
    pub(super) fn is_inline(&self) -> bool {
        self.output.is_some()
    }

    /// Has a connection give way to others: it is polled again in the next turn of the loop.
    pub fn give_way(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_inline() {
            self.rested.borrow_mut().push(cx.waker().clone());
            return Poll::Pending;
        }
        // tokio wakes a task that yields behind the next look at its sockets.
        std::pin::pin!(tokio::task::yield_now()).poll(cx)
    }

    /// True if connections have given way until the next turn of the JavaScript thread.
    pub(super) fn has_rested(&self) -> bool {
        !self.rested.borrow().is_empty()
    }

    /// Wakes the connections that have given way.
    pub(super) fn wake_rested(&self) {
        self.rested.take().into_iter().for_each(Waker::wake);
    }

    /// Calls `f`, and counts a panic in it: it must not stop the thread that serves all others.
    pub(in crate::net) fn guard(&self, f: impl FnOnce()) {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err() {
            self.count_panic();
        }
    }

    /// Counts a panic that was caught.
    pub fn count_panic(&self) {
        self.mailbox.count_panic();
    }

    /// Has the environment's JavaScript thread woken after this round of the event loop: a wake-up
    /// costs more than most events.
    pub fn wake_later(&self, inbox: &Arc<dyn EventSink>) {
        if self.output.is_some() {
            // It is running: whoever has it run looks for events afterwards.
            return;
        }
        if inbox.needs_wake() {
            self.to_wake.borrow_mut().push(inbox.clone());
            self.waker.notify_one();
        }
    }

    /// Writes queued bytes, and judges the connections for which too many wait.
    pub fn settle(self: &Rc<Self>) {
        self.unsettled.set(0);
        loop {
            let to_flush = self.to_flush.take();
            let to_judge = self.to_judge.take();
            if to_flush.is_empty() && to_judge.is_empty() {
                return;
            }
            for conn in &to_flush {
                conn.flush(self);
            }
            for conn in &to_judge {
                conn.judge(self);
            }
        }
    }

    pub(in crate::net) fn index(&self, handle: Handle) -> usize {
        handle.slot() / self.threads
    }

    pub(in crate::net) fn entry(&self, handle: Handle) -> Option<Rc<ThreadSession>> {
        let entries = self.entries.borrow();
        let entry = entries.get(self.index(handle))?.as_ref()?;
        (entry.shared.handle == handle).then(|| entry.clone())
    }

    pub(in crate::net) fn forget(&self, handle: Handle) {
        let mut entries = self.entries.borrow_mut();
        if let Some(place) = entries.get_mut(self.index(handle))
            && place
                .as_ref()
                .is_some_and(|entry| entry.shared.handle == handle)
            && let Some(entry) = place.take()
        {
            let (read, written) = entry.shared.traffic.load();
            self.trim.session_ended(read.saturating_add(written));
        }
    }

    pub(in crate::net) fn open(self: &Rc<Self>, shared: Arc<SharedSession>) -> Rc<ThreadSession> {
        if let Some(entry) = self.entry(shared.handle) {
            return entry;
        }
        let lane = shared.counters().lane().clone();
        let entry = Rc::new(ThreadSession {
            shared,
            lane,
            main: RefCell::default(),
            probe: RefCell::default(),
            armed: Cell::new(u64::MAX),
        });
        let deadline = lock(&entry.shared.inner).deadline();
        if deadline.is_some() {
            let index = self.index(entry.shared.handle);
            let mut entries = self.entries.borrow_mut();
            if entries.len() <= index {
                entries.resize_with(index + 1, || None);
            }
            if let Some(place) = entries.get_mut(index) {
                *place = Some(entry.clone());
            }
        }
        entry.arm(self, deadline);
        entry
    }

    /// Removes a connection by its number; it is gone.
    pub fn forget_stream(&self, stream: u32) {
        if is_single(stream) {
            self.streams.borrow_mut().remove(&stream);
            self.conns.borrow_mut().remove(&stream);
            self.pumped_conns.borrow_mut().remove(&stream);
        }
    }

    /// Names the connection of a session's WebSocket. The end of one that is gone already is
    /// reported at once.
    pub(in crate::net) fn watch(&self, handle: Handle, stream: u32, inbox: &Arc<dyn EventSink>) {
        let conn = self.main_conn(handle);
        let Some(conn) = conn.filter(|conn| !conn.is_dead()) else {
            inbox.stream_end(stream, StreamEnd::default());
            return self.wake_later(inbox);
        };
        conn.watch(stream);
        self.conns.borrow_mut().insert(stream, conn);
    }

    /// The WebSocket that carries a session.
    pub(in crate::net) fn main_conn(&self, handle: Handle) -> Option<Rc<WebSocketConn>> {
        self.entry(handle)?.main.borrow().clone()
    }

    /// Has the task panic that serves the WebSocket of a session, for a test.
    pub fn fail_conn(&self, handle: Handle) {
        if let Some(conn) = self.main_conn(handle) {
            conn.fail();
        }
    }

    /// A connection by its number, unless JavaScript pumps it.
    pub(in crate::net) fn conn(&self, stream: u32) -> Option<Rc<WebSocketConn>> {
        self.conns.borrow().get(&stream).cloned()
    }
}

#[cfg(test)]
mod tests;
