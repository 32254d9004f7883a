//! One environment (the main thread, or a worker thread) as the I/O threads see it: the batches
//! that wait for it, and the function that wakes it.

use std::collections::VecDeque;
#[cfg(unix)]
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::bridge::batch::Batch;
use crate::bridge::debug_lines::DebugLines;
use crate::bridge::js_waker::JsWaker;
use crate::bridge::lag::Lag;
use crate::bridge::runtime::runtime;
use crate::config::{BATCH_COST_IN_READ, MAX_INBOX_COST, PENDING_SHARE};
use crate::net::Gate;
use crate::net::handle::Handle;
use crate::net::thread::{Command, IoThreadHandle};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, lock, oneshot};

/// The cost of all batches above which nothing more is read.
const MAX_COST: isize = MAX_INBOX_COST as isize;

/// The time for which [`EventQueue::await_reads`] waits. A read is decoded in less than a millisecond,
/// unless the machine is busy.
const READ_PATIENCE: Duration = Duration::from_millis(20);

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
    /// Number of reads that I/O threads are decoding: JavaScript takes the records of each together.
    reading: AtomicUsize,
    /// Cost of all batches, with those that JavaScript works off. Connections stop reading because of
    /// it.
    cost: Gate,
    /// The batches that JavaScript has taken and not worked off.
    in_work: Mutex<InWork>,
    /// The connections handed over in batches that JavaScript has taken, unless it has taken them too.
    #[cfg(unix)]
    handed_over: Mutex<Vec<OwnedFd>>,
    /// Number of times that the environment has taken all there was.
    turns: AtomicU64,
    /// The environment is gone; changes under the lock of the batches.
    left: AtomicBool,
    waker: JsWaker,
    /// The mailbox of the sessions that live on the JavaScript thread.
    inline: OnceLock<Arc<IoThreadHandle>>,
    /// Number of times that reading from all stopped.
    times_full: AtomicU64,
    lag: Lag,
    debug_lines: DebugLines,
}

/// The cost of batches that JavaScript has taken and not worked off: in all, and by session; and those
/// who wait until it has.
#[derive(Default)]
struct InWork {
    cost: usize,
    sessions: Vec<(Handle, usize)>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl InWork {
    const fn is_empty(&self) -> bool {
        self.cost == 0 && self.waiting.is_empty()
    }
}

impl EventQueue {
    /// Appends records. Returns their cost.
    pub(super) fn append(&self, write: impl FnOnce(&mut Batch)) -> usize {
        self.append_for(None, write)
    }

    /// Appends records of a session, which has to count their cost. Returns the cost.
    pub(super) fn append_for(
        &self,
        session: Option<Handle>,
        write: impl FnOnce(&mut Batch),
    ) -> usize {
        let mut cost = 0;
        let mut batches = lock(&self.batches);
        if self.left.load(Ordering::Relaxed) {
            return cost;
        }
        if batches.back().is_none_or(|batch| self.is_ended(batch)) {
            batches.push_back(Batch::begin());
        }
        if let Some(batch) = batches.back_mut() {
            let before = batch.cost();
            write(batch);
            cost = batch.cost() - before;
            if let Some(session) = session {
                batch.charge(session, cost);
            }
            self.cost.add(cost);
        }
        // Only a quiet environment becomes a waiting one; under the lock that `rest` holds too.
        let _ = self
            .state
            .compare_exchange(QUIET, WAITING, Ordering::AcqRel, Ordering::Acquire);
        cost
    }

    /// True if the next record belongs to another batch.
    fn is_ended(&self, batch: &Batch) -> bool {
        let is_read = || self.reading.load(Ordering::Acquire) > 0;
        batch.is_full() && (batch.cost() > BATCH_COST_IN_READ || !is_read())
    }

    /// An I/O thread begins to decode a read, or the body of a POST.
    pub(super) fn begin_read(&self) {
        self.reading.fetch_add(1, Ordering::AcqRel);
    }

    /// The I/O thread has appended the records of the read.
    pub(super) fn end_read(&self) {
        self.reading.fetch_sub(1, Ordering::AcqRel);
    }

    /// The next batch, unless a read is being decoded whose records may go to it. There is
    /// [more](Self::rest) to take then.
    pub fn take_whole(&self) -> Option<Batch> {
        self.take_unless(|batches| batches.len() == 1 && self.reading.load(Ordering::Acquire) > 0)
    }

    /// Blocks the calling thread until no read is being decoded, for 20 ms at most.
    pub fn await_reads(&self) {
        let mut begun = None;
        while self.reading.load(Ordering::Acquire) > 0 {
            if begun.get_or_insert_with(Instant::now).elapsed() > READ_PATIENCE {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Appends a place in the order of records: JavaScript deals with an event that it knows of by
    /// itself when it comes to that place.
    pub fn place(&self, handle: u32) {
        self.append(|batch| batch.place(handle));
    }

    /// The returned channel ends when JavaScript has worked off all that was appended so far; `None`: it
    /// has.
    pub(super) fn await_work(&self) -> Option<oneshot::Receiver<()>> {
        let mut batches = lock(&self.batches);
        // Still under the lock: the last batch cannot be taken in between.
        let mut in_work = lock(&self.in_work);
        let waiting = match batches.back_mut() {
            Some(batch) => batch.waiting(),
            None if in_work.is_empty() => return None,
            None => &mut in_work.waiting,
        };
        let (sender, worked_off) = oneshot::channel();
        waiting.push(sender);
        Some(worked_off)
    }

    /// Number of batches.
    pub fn waiting(&self) -> usize {
        lock(&self.batches).len()
    }

    /// True if there is more to take. If not, the next record wakes the environment again.
    pub fn rest(&self) -> bool {
        self.worked_off();
        let batches = lock(&self.batches);
        let more = !batches.is_empty();
        if !more {
            self.state.store(QUIET, Ordering::Release);
        }
        drop(batches);
        // Behind it: a nudge of somebody who has seen this turn finds the environment quiet.
        self.turns.fetch_add(1, Ordering::Release);
        more
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
        self.take_unless(|_| false)
    }

    /// The same, but nothing if `waits` says so under the lock that appending needs: a read that begins
    /// afterwards puts its records into another batch.
    fn take_unless(&self, waits: impl FnOnce(&VecDeque<Batch>) -> bool) -> Option<Batch> {
        self.worked_off();
        let mut batches = lock(&self.batches);
        if waits(&batches) {
            return None;
        }
        let mut batch = batches.pop_front()?;
        let mut in_work = lock(&self.in_work);
        drop(batches);
        in_work.cost += batch.cost();
        in_work.sessions.append(&mut batch.take_costs());
        in_work.waiting.append(batch.waiting());
        drop(in_work);
        #[cfg(unix)]
        lock(&self.handed_over).append(&mut batch.take_sockets());
        self.lag.count(batch.age());
        Some(batch)
    }

    /// Takes a connection that a taken batch has handed over. Those that nobody takes are closed with the
    /// environment.
    #[cfg(unix)]
    pub fn take_socket(&self, fd: RawFd) -> Option<OwnedFd> {
        let mut sockets = lock(&self.handed_over);
        let at = sockets.iter().position(|socket| socket.as_raw_fd() == fd)?;
        Some(sockets.swap_remove(at))
    }

    /// JavaScript has worked off what it has taken: connections that have stopped go on.
    fn worked_off(&self) {
        let done = std::mem::take(&mut *lock(&self.in_work));
        if done.is_empty() {
            return;
        }
        let go_on = self.cost.take(done.cost, || MAX_COST / 2);
        let Some(inline) = self.inline.get() else {
            runtime().worked_off(&done.sessions);
            if go_on {
                runtime().send_all(|| Command::Resume);
            }
            return;
        };
        // This is their thread. Woken by itself, it would go on before it looks at its sockets.
        inline.quietly(|| {
            runtime().worked_off(&done.sessions);
            if go_on {
                runtime().send_all(|| Command::Resume);
                inline.send(Command::Resume);
            }
        });
    }

    /// The environment is gone: nobody takes what waits, or what may still be appended.
    pub fn leave(&self) {
        self.waker.remove();
        let mut batches = lock(&self.batches);
        self.left.store(true, Ordering::Release);
        batches.clear();
        #[cfg(unix)]
        lock(&self.handed_over).clear();
    }

    /// The number of times that reading from all connections stopped, as too much was waiting.
    pub fn times_full(&self) -> u64 {
        self.times_full.load(Ordering::Relaxed)
    }

    /// The bytes of the batches that wait, and the cost of these and of those in work.
    pub fn waiting_bytes(&self) -> (usize, usize) {
        let bytes = lock(&self.batches).iter().map(Batch::bytes).sum();
        (bytes, self.cost.cost().max(0).unsigned_abs())
    }

    /// The times for which batches have waited.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// The lines of debugging that wait.
    pub fn debug_lines(&self) -> &DebugLines {
        &self.debug_lines
    }

    /// The mailbox of the sessions that live on the JavaScript thread, which `make` makes if there is
    /// none.
    pub(super) fn inline_thread_or(
        &self,
        make: impl FnOnce() -> Arc<IoThreadHandle>,
    ) -> &Arc<IoThreadHandle> {
        self.inline.get_or_init(make)
    }

    /// The mailbox of the sessions that live on the JavaScript thread, if there have been any.
    pub(super) fn inline_thread(&self) -> Option<&Arc<IoThreadHandle>> {
        self.inline.get()
    }

    /// The waker.
    pub fn waker(&self) -> &JsWaker {
        &self.waker
    }

    /// True if so much waits for JavaScript that nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        if self.cost.cost() <= MAX_COST || self.waker.is_gone() {
            return false;
        }
        let had_stopped = self.cost.is_stopped();
        let stops = self.cost.stops_above(MAX_COST, |_| ());
        if stops && !had_stopped {
            self.times_full.fetch_add(1, Ordering::Relaxed);
        }
        stops
    }

    /// The cost that the records of one session may have, so that there is room for others.
    pub(super) fn room(&self) -> usize {
        let room = MAX_COST.saturating_sub(self.cost.cost());
        usize::try_from(room).unwrap_or(0) / PENDING_SHARE
    }

    /// True if connections that stopped because of [`EventQueue::is_full`] have yet to resume.
    pub(super) fn is_stopped(&self) -> bool {
        self.cost.is_stopped()
    }

    /// True if the environment is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// Number of times that the environment has taken all there was.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// Wakes the environment though nothing may wait.
    pub(super) fn nudge(&self) {
        let quiet = self
            .state
            .compare_exchange(QUIET, RUNG, Ordering::AcqRel, Ordering::Acquire);
        if quiet.is_ok() || self.needs_wake() {
            self.waker.wake();
        }
    }

    /// True if the environment has to be woken for what was appended; once.
    pub fn needs_wake(&self) -> bool {
        self.state
            .compare_exchange(WAITING, RUNG, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::events::{EventSink as _, Note, Opened};
    use crate::sio::Packet;

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
        assert_eq!(queue.cost.cost() as usize, plain + binary);
    }

    #[test]
    fn the_cost_of_a_batch_counts_until_javascript_has_worked_it_off() {
        let queue = EventQueue::default();
        let cost = event(&queue, 1, 0) + event(&queue, 2, 0) + event(&queue, 2, 1);
        assert!(queue.take().is_some());
        assert_eq!(queue.cost.cost() as usize, cost);
        let sums: Vec<_> = lock(&queue.in_work).sessions.clone();
        assert_eq!(sums.len(), 2, "one entry for records in a row");
        assert_eq!(sums.iter().map(|(_, cost)| cost).sum::<usize>(), cost);
        assert!(!queue.rest());
        assert_eq!(queue.cost.cost(), 0);
    }

    #[test]
    fn a_full_queue_leaves_no_room_and_a_filling_one_less_for_each() {
        let queue = EventQueue::default();
        let empty = queue.room();
        assert_eq!(empty, MAX_INBOX_COST / PENDING_SHARE);
        while queue.cost.cost() <= MAX_COST {
            assert!(queue.room() <= empty);
            event(&queue, 1, 100);
        }
        assert_eq!(queue.room(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_connection_handed_over_is_closed_with_the_environment_unless_javascript_takes_it() {
        use std::io::Read as _;
        use std::os::unix::net::UnixStream;

        for (has_batch, has_socket) in [(false, false), (true, false), (true, true)] {
            let queue = EventQueue::default();
            let (own, mut peer) = UnixStream::pair().expect("two sockets");
            peer.set_nonblocking(true).expect("set");
            let fd = own.as_raw_fd();
            queue.append(|batch| batch.handover(1, own.into(), Vec::new(), None));
            if has_batch {
                assert!(queue.take().is_some());
            }
            assert!(peer.read(&mut [0]).is_err(), "it is open");
            let taken = has_socket.then(|| queue.take_socket(fd).expect("the connection"));
            assert!(taken.is_none() || queue.take_socket(fd).is_none());
            queue.leave();
            assert_eq!(peer.read(&mut [0]).ok(), (!has_socket).then_some(0));
            drop(taken);
            assert_eq!(peer.read(&mut [0]).ok(), Some(0));
        }
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
        // The second record names the place of what both requests have in common.
        assert_eq!(
            (&batch[6], &batch[8 + 3 + 6]),
            (&"shared".into(), &6.into())
        );
    }
}
