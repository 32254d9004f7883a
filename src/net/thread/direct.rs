//! Send batches that a thread of JavaScript carries out itself while the I/O thread sleeps: it costs
//! about as much to wake that thread as to write a small message.
//!
//! It does what the I/O thread would do, with the same state and the same code, so that order,
//! back-pressure and counts are those of any other batch.

use std::mem::ManuallyDrop;
use std::rc::Rc;

use crate::net::handle::Handle;
use crate::net::send_batch::{self, Op};
use crate::net::thread::IoThreadHandle;
use crate::net::thread::state::IoThread;

/// The longest batch that is carried out so, in bytes.
const MAX_BYTES: usize = 4 << 10;
/// The most connections that such a batch writes to, with one write each. More are left to the I/O
/// thread, which is woken once for all of them.
const MAX_CONNECTIONS: usize = 2;

/// The state of an I/O thread, for those who hold its `StateLock`.
pub struct LentState(ManuallyDrop<Rc<IoThread>>);

// SAFETY: nothing in it is used but under the state lock, by `carry_out`. The I/O thread holds the lock
// whenever it runs a task, as the event loop leaves it before it sleeps and takes it back before it goes
// on (`Runtime::start`); in between the event loop only calls wakers, which may be called on any thread.
// The counts of `Rc`s and the cells are therefore changed by one thread at a time, and each thread sees
// what the one before it has done. The state itself is never dropped.
unsafe impl Send for LentState {}
// SAFETY: as above.
unsafe impl Sync for LentState {}

impl LentState {
    /// The state of the calling thread.
    pub(super) fn new(local: &Rc<IoThread>) -> Self {
        Self(ManuallyDrop::new(local.clone()))
    }
}

impl IoThreadHandle {
    /// Carries out a send batch of a tick of JavaScript on the calling thread. Returns false, and does
    /// nothing, if the I/O thread runs or has commands to carry out first, or if the batch is not
    /// light: see `is_light`.
    pub fn carry_out(&self, batch: &[u8], tick: u32) -> bool {
        let Some(state) = self.lent.get() else {
            return false;
        };
        if batch.len() > MAX_BYTES {
            return false;
        }
        // The state is used here only, under its lock.
        self.while_idle(|| state.0.carry_out_if_light(batch, tick))
    }
}

impl IoThread {
    fn carry_out_if_light(self: &Rc<Self>, batch: &[u8], tick: u32) -> bool {
        if !self.is_light(batch) {
            return false;
        }
        self.guard(|| {
            self.carry_out_batch(batch, tick);
            self.settle_in_place();
        });
        true
    }

    /// True if a batch is but messages to one or two connections, which only have to be written: none is
    /// compressed, and no connection has others that wait.
    fn is_light(&self, batch: &[u8]) -> bool {
        let (mut seen, mut count) = ([0; MAX_CONNECTIONS], 0);
        let mut is_light_for = |handle, len| {
            if !seen[..count].contains(&handle) {
                let Some(place) = seen.get_mut(count) else {
                    return false;
                };
                *place = handle;
                count += 1;
            }
            self.writes_at_once(Handle::from_raw(handle), len)
        };
        send_batch::Reader::new(batch).all(|op| match op {
            Op::Text { handle, data, .. } | Op::Binary { handle, data, .. } => {
                is_light_for(handle, data.len())
            }
            Op::Broadcast { handles, data, .. } => {
                let (handles, _) = handles.as_chunks::<4>();
                (handles.iter()).all(|raw| is_light_for(u32::from_le_bytes(*raw), data.len()))
            }
            Op::Release { .. } => true,
            // The serving task of the connection has to be woken.
            Op::Close { .. } => false,
        })
    }

    /// True if a message of `len` bytes to a session is written as soon as it is queued, or dropped as
    /// there is no session.
    fn writes_at_once(&self, handle: Handle, len: usize) -> bool {
        let entries = self.entries.borrow();
        let entry = entries.get(self.index(handle)).and_then(Option::as_ref);
        let Some(entry) = entry.filter(|entry| entry.shared.handle == handle) else {
            return true;
        };
        let conn = entry.main.borrow();
        conn.as_ref().is_some_and(|conn| conn.writes_at_once(len))
    }
}

#[cfg(test)]
mod tests;
