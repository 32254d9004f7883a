//! One environment (the main thread, or a worker thread) as the I/O threads see it: the batches
//! that wait for it, and the function that wakes it.

use std::collections::VecDeque;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use napi::sys;

use crate::bridge::batch::Batch;
use crate::bridge::debug_lines::DebugLines;
use crate::bridge::lag::Lag;
use crate::bridge::runtime::runtime;
use crate::config::{MAX_INBOX_COST, PENDING_SHARE};
use crate::eio::packet::Packet as EnginePacket;
use crate::eio::payload::Payload;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::events::{EventSink, Note, Opened, StreamEnd, Topic};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::thread::Command;
use crate::sio::Packet;

/// Nothing waits.
const QUIET: u8 = 0;
/// Something waits, and nobody has been told.
const WAITING: u8 = 1;
/// The environment has been told, or is taking batches.
const RUNG: u8 = 2;

/// The batches that wait for one environment.
#[derive(Default)]
pub struct EventQueue {
    batches: Mutex<VecDeque<Batch>>,
    state: AtomicU8,
    /// Cost of all batches, with those that JavaScript works off.
    cost: AtomicUsize,
    /// The batches that JavaScript has taken and not worked off.
    in_work: Mutex<InWork>,
    /// Somebody stopped reading because of them.
    stopped: AtomicBool,
    /// Number of times that the environment has taken all there was.
    turns: AtomicU64,
    /// The environment is gone; changes under the lock of the batches.
    left: AtomicBool,
    waker: JsWaker,
    /// Number of times that reading from all stopped.
    times_full: AtomicU64,
    lag: Lag,
    debug_lines: DebugLines,
}

/// The cost of batches that JavaScript has taken and not worked off: in all, and by session.
#[derive(Default)]
struct InWork {
    cost: usize,
    sessions: Vec<(Handle, usize)>,
}

impl EventQueue {
    /// Appends records. Returns their cost.
    fn append(&self, write: impl FnOnce(&mut Batch)) -> usize {
        self.append_for(None, write)
    }

    /// Appends records of a session, which has to count their cost. Returns the cost.
    fn append_for(&self, session: Option<Handle>, write: impl FnOnce(&mut Batch)) -> usize {
        let mut cost = 0;
        let mut batches = lock(&self.batches);
        if self.left.load(Ordering::Relaxed) {
            return cost;
        }
        if batches.back().is_none_or(Batch::is_full) {
            batches.push_back(Batch::begin());
        }
        if let Some(batch) = batches.back_mut() {
            let before = batch.cost();
            write(batch);
            cost = batch.cost() - before;
            if let Some(session) = session {
                batch.charge(session, cost);
            }
            self.cost.fetch_add(cost, Ordering::Relaxed);
        }
        // Only a quiet environment becomes a waiting one; under the lock that `rest` holds too.
        let _ = self
            .state
            .compare_exchange(QUIET, WAITING, Ordering::AcqRel, Ordering::Acquire);
        cost
    }

    /// Appends a place in the order of records: JavaScript deals with an event that it knows of by
    /// itself when it comes to that place.
    pub fn place(&self, handle: u32) {
        self.append(|batch| batch.place(handle));
    }

    /// Number of batches.
    pub fn waiting(&self) -> usize {
        lock(&self.batches).len()
    }

    /// True if there is more to take. If not, the next record wakes the environment again.
    pub fn rest(&self) -> bool {
        self.worked_off();
        self.turns.fetch_add(1, Ordering::Relaxed);
        let batches = lock(&self.batches);
        if batches.is_empty() {
            self.state.store(QUIET, Ordering::Release);
        }
        !batches.is_empty()
    }

    /// The records of the sessions that listeners have opened and of which this has not told before,
    /// as a JSON array; none: there are no such sessions. The records stay where they are.
    pub fn opened_ahead(&self) -> Option<Vec<u8>> {
        let mut records = Vec::new();
        for batch in lock(&self.batches).iter_mut() {
            batch.take_opened(&mut records);
        }
        if records.is_empty() {
            return None;
        }
        records.push(b']');
        Some(records)
    }

    /// The next batch. Those that were taken before have been worked off.
    pub fn take(&self) -> Option<Batch> {
        self.worked_off();
        let mut batch = lock(&self.batches).pop_front()?;
        self.lag.count(batch.age());
        let mut in_work = lock(&self.in_work);
        in_work.cost += batch.cost();
        in_work.sessions.append(&mut batch.take_costs());
        Some(batch)
    }

    /// JavaScript has worked off what it has taken: connections that have stopped go on.
    fn worked_off(&self) {
        let InWork { cost, sessions } = std::mem::take(&mut *lock(&self.in_work));
        if cost == 0 {
            return;
        }
        let left = self.cost.fetch_sub(cost, Ordering::SeqCst) - cost;
        runtime().worked_off(&sessions);
        if left < MAX_INBOX_COST / 2 && self.stopped.swap(false, Ordering::SeqCst) {
            runtime().send_all(|| Command::Resume);
        }
    }

    /// The environment is gone: nobody takes what waits, or what may still be appended.
    pub fn leave(&self) {
        self.waker.remove();
        let mut batches = lock(&self.batches);
        self.left.store(true, Ordering::Release);
        batches.clear();
    }

    /// The number of times that reading from all connections stopped, as too much was waiting.
    pub fn times_full(&self) -> u64 {
        self.times_full.load(Ordering::Relaxed)
    }

    /// The bytes of the batches that wait, and the cost of these and of those in work.
    pub fn waiting_bytes(&self) -> (usize, usize) {
        let bytes = lock(&self.batches).iter().map(Batch::bytes).sum();
        (bytes, self.cost.load(Ordering::Relaxed))
    }

    /// The times for which batches have waited.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// The lines of debugging that wait.
    pub fn debug_lines(&self) -> &DebugLines {
        &self.debug_lines
    }

    /// The waker.
    pub fn waker(&self) -> &JsWaker {
        &self.waker
    }
}

impl EventSink for EventQueue {
    fn packet(&self, handle: Handle, packet: &Packet<'_>, attachments: Vec<Vec<u8>>) -> usize {
        self.append_for(Some(handle), |batch| {
            batch.packet(handle, packet, attachments)
        })
    }

    fn engine_packet(&self, handle: Handle, packet: EnginePacket<'_>) -> usize {
        self.append_for(Some(handle), |batch| batch.engine_packet(handle, packet))
    }

    fn refused(&self, handle: Handle, message: &str) {
        self.append(|batch| batch.refused(handle, message));
    }

    fn answer(&self, handle: Handle, payload: Payload) {
        self.append(|batch| batch.answer(handle, payload));
    }

    fn frame(&self, handle: Handle, socket: SocketRole, packet: EnginePacket<'_>) {
        self.append(|batch| batch.frame(handle, socket, packet));
    }

    fn note(&self, handle: Handle, note: Note) {
        self.append(|batch| batch.note(handle, note));
    }

    fn closed(&self, handle: Handle, closure: &CloseReason, told: bool) {
        self.append(|batch| batch.closed(handle, closure, told));
    }

    fn stream_write(&self, stream: u32, bytes: &[u8]) {
        self.append(|batch| batch.stream_write(stream, bytes));
    }

    fn stream_end(&self, stream: u32, end: StreamEnd) {
        self.append(|batch| batch.stream_end(stream, end));
    }

    fn stream_taken(&self, stream: u32) {
        self.append(|batch| batch.stream_taken(stream));
    }

    fn opened(&self, listener: u32, handle: Handle, opened: &Opened<'_>, start: &mut dyn FnMut()) {
        self.append(|batch| {
            batch.opened(listener, handle, opened);
            // Under the lock that `take` needs.
            start();
        });
    }

    #[cfg(unix)]
    fn handover(
        &self,
        listener: u32,
        socket: std::os::fd::OwnedFd,
        bytes: Vec<u8>,
        of: Option<Handle>,
    ) {
        self.append(|batch| batch.handover(listener, socket, bytes, of));
    }

    fn listener_drained(&self, listener: u32) {
        self.append(|batch| batch.listener_drained(listener));
    }

    fn is_debugged(&self, topic: Topic) -> bool {
        self.debug_lines.is_enabled(topic)
    }

    fn debug(&self, topic: Topic, line: String) {
        self.debug_lines.push(topic, line);
        self.nudge();
    }

    fn is_full(&self) -> bool {
        if self.cost.load(Ordering::Relaxed) <= MAX_INBOX_COST || self.waker.is_gone() {
            return false;
        }
        // Sequentially consistent with `take`: either this sees what was taken, or `take` sees that
        // somebody stopped. Else nobody would resume.
        if !self.stopped.swap(true, Ordering::SeqCst) {
            self.times_full.fetch_add(1, Ordering::Relaxed);
        }
        self.cost.load(Ordering::SeqCst) > MAX_INBOX_COST
    }

    fn room(&self) -> usize {
        MAX_INBOX_COST.saturating_sub(self.cost.load(Ordering::Relaxed)) / PENDING_SHARE
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn is_gone(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    fn nudge(&self) {
        let quiet = self
            .state
            .compare_exchange(QUIET, RUNG, Ordering::AcqRel, Ordering::Acquire);
        if quiet.is_ok() || self.needs_wake() {
            self.waker.wake();
        }
    }

    fn needs_wake(&self) -> bool {
        self.state
            .compare_exchange(WAITING, RUNG, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn wake(&self) {
        self.waker.wake();
    }
}

/// A threadsafe function that calls JavaScript without arguments.
#[derive(Default)]
pub struct JsWaker(Mutex<Function>);

struct Function(sys::napi_threadsafe_function);

// SAFETY: a threadsafe function may be called from any thread; the pointer is only used under the
// mutex, and is null once the environment has finalized the function.
unsafe impl Send for Function {}

impl Default for Function {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

impl JsWaker {
    /// Installs the function.
    pub fn install(&self, function: sys::napi_threadsafe_function) {
        lock(&self.0).0 = function;
    }

    /// The environment has finalized the function, or never made one.
    pub fn remove(&self) {
        lock(&self.0).0 = ptr::null_mut();
    }

    /// True if nobody will ever take the batches that wait.
    pub fn is_gone(&self) -> bool {
        lock(&self.0).0.is_null()
    }

    fn wake(&self) {
        let function = lock(&self.0);
        if !function.0.is_null() {
            // SAFETY: not null, hence not finalized: the finalizer takes the lock held here.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
        }
    }

    /// Lets the function keep the process alive, or not.
    ///
    /// # Safety
    /// `env` must be the environment of the calling thread.
    pub unsafe fn hold(&self, env: sys::napi_env, held: bool) {
        let function = lock(&self.0);
        if function.0.is_null() {
            return;
        }
        // SAFETY: as in `wake`, and by contract.
        unsafe {
            if held {
                sys::napi_ref_threadsafe_function(env, function.0);
            } else {
                sys::napi_unref_threadsafe_function(env, function.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends an event of a session, in a namespace that it need not have joined.
    fn event(queue: &EventQueue, handle: u32, attachments: usize) -> usize {
        let packet = Packet {
            kind: crate::sio::Kind::BinaryEvent,
            nsp: "/x",
            id: None,
            json: Some("[1]"),
            attachments: attachments as u32,
        };
        queue.packet(
            Handle::from_raw(handle),
            &packet,
            vec![vec![0]; attachments],
        )
    }

    #[test]
    fn a_record_costs_its_bytes_and_an_overhead_for_each_object() {
        let queue = EventQueue::default();
        let plain = event(&queue, 1, 0);
        assert!((256..300).contains(&plain), "{plain}");
        let binary = event(&queue, 1, 10);
        assert!(binary >= plain + 10 * 257, "{binary}");
        assert_eq!(queue.cost.load(Ordering::Relaxed), plain + binary);
    }

    #[test]
    fn the_cost_of_a_batch_counts_until_javascript_has_worked_it_off() {
        let queue = EventQueue::default();
        let cost = event(&queue, 1, 0) + event(&queue, 2, 0) + event(&queue, 2, 1);
        assert!(queue.take().is_some());
        assert_eq!(queue.cost.load(Ordering::Relaxed), cost);
        let sums: Vec<_> = lock(&queue.in_work).sessions.clone();
        assert_eq!(sums.len(), 2, "one entry for records in a row");
        assert_eq!(sums.iter().map(|(_, cost)| cost).sum::<usize>(), cost);
        assert!(!queue.rest());
        assert_eq!(queue.cost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_queue_leaves_no_room_and_a_filling_one_less_for_each() {
        let queue = EventQueue::default();
        let empty = queue.room();
        assert_eq!(empty, MAX_INBOX_COST / PENDING_SHARE);
        while queue.cost.load(Ordering::Relaxed) <= MAX_INBOX_COST {
            assert!(queue.room() <= empty);
            event(&queue, 1, 100);
        }
        assert_eq!(queue.room(), 0);
    }

    #[test]
    fn a_session_is_started_before_anybody_can_take_the_news_of_it() {
        let hub = EventQueue::default();
        let opened = Opened {
            sid: "a",
            websocket: true,
            remote: std::net::Ipv4Addr::LOCALHOST.into(),
            request: ("", ""),
        };
        let mut started = 0;
        hub.opened(1, Handle::from_raw(1), &opened, &mut || {
            started += 1;
            assert!(hub.batches.try_lock().is_err());
        });
        assert_eq!((started, hub.waiting()), (1, 1));
        // Nobody takes them any more: the session is not to be served.
        hub.leave();
        hub.opened(1, Handle::from_raw(1), &opened, &mut || started += 1);
        assert_eq!((started, hub.waiting()), (1, 0));
    }

    #[test]
    fn opened_sessions_are_told_ahead_once_and_keep_their_records() {
        let queue = EventQueue::default();
        let open = |sid: &str, handle| {
            let opened = Opened {
                sid,
                websocket: false,
                remote: std::net::Ipv4Addr::LOCALHOST.into(),
                request: ("shared", "own"),
            };
            queue.opened(1, Handle::from_raw(handle), &opened, &mut || {});
        };
        assert_eq!(queue.opened_ahead(), None);
        open("a", 5);
        queue.note(Handle::from_raw(5), Note::Request);
        open("b", 6);
        let told = queue.opened_ahead().expect("two sessions");
        let told: serde_json::Value = serde_json::from_slice(&told).expect("a list is JSON");
        let both = serde_json::json!([
            12,
            1,
            5,
            0,
            "a",
            "127.0.0.1",
            "shared",
            "own",
            12,
            1,
            6,
            0,
            "b",
            "127.0.0.1",
            "shared",
            "own"
        ]);
        assert_eq!(told, both);
        assert_eq!(queue.opened_ahead(), None);
        let (text, _) = queue.take().expect("a batch").finish();
        let batch: serde_json::Value = serde_json::from_slice(&text).expect("a batch is JSON");
        assert_eq!(batch.as_array().expect("a list").len(), 8 + 3 + 8);
    }
}
