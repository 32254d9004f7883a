//! The side of one environment on the boundary to JavaScript: its batches, in both directions.

use std::sync::Arc;

use crate::bridge::event_queue::EventQueue;
use crate::bridge::faults::{self, FaultPlace};
use crate::bridge::inline::{self, Inline};
use crate::bridge::runtime::runtime;
use crate::net::handle::Handle;
use crate::net::send_batch::{DISCARD, TooLong, Writer};
use crate::net::thread::Command;

/// A batch of sends longer than this is handed over before the tick ends, in bytes.
const RUN_BYTES: usize = 1 << 20;

/// One environment's side of the boundary. Used on its JavaScript thread only.
pub struct Boundary {
    /// Its batches.
    pub hub: Arc<EventQueue>,
    /// The batch of sends being written, for each I/O thread.
    runs: Vec<Writer>,
    /// Counts ticks.
    tick: u32,
    /// The sessions that live on this thread, and the sends to them.
    pub(super) inline: Inline,
}

impl Boundary {
    /// Makes the boundary of an environment.
    pub fn new(hub: Arc<EventQueue>) -> Self {
        let runs = (0..runtime().threads())
            .map(|_| Writer::default())
            .collect();
        Self {
            inline: Inline::new(hub.clone()),
            hub,
            runs,
            tick: 1,
        }
    }

    /// Hands over the batches that were written. It is called before anything else is asked of the
    /// threads, so that all of it happens in order.
    pub fn flush(&mut self) {
        for (thread, run) in self.runs.iter_mut().enumerate() {
            if !run.is_empty() {
                runtime().send(thread, Command::SendBatch(run.take(), self.tick));
            }
        }
        self.inline.flush(self.tick);
    }

    /// Hands over the batches that were written, at the end of a tick.
    pub(super) fn end_tick(&mut self) {
        self.flush();
        self.tick = self.tick.wrapping_add(1);
    }

    /// Writes to the batch of the thread of a session. If `write` panics, the session is closed.
    pub(super) fn write(
        &mut self,
        handle: u32,
        write: impl FnOnce(&mut Writer) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let of = Handle::from_raw(handle);
        let run = if of.is_inline() {
            Some(&mut self.inline.run)
        } else {
            self.runs.get_mut(runtime().thread_of(of))
        };
        let Some(run) = run else {
            return Ok(());
        };
        let written = faults::guard(|| {
            faults::strike(FaultPlace::Send);
            write(run)
        });
        match written {
            Some(written) => written?,
            None => run.close(handle, DISCARD),
        }
        if run.len() > RUN_BYTES {
            self.flush();
        }
        Ok(())
    }

    /// Writes to each thread the handles that are its own.
    pub(super) fn write_all(
        &mut self,
        handles: &[u8],
        mut write: impl FnMut(&mut Writer, &[u8]) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let inline;
        let handles = if self.inline.is_in_use() {
            let (here, others) = inline::split(handles);
            if !here.is_empty() {
                write(&mut self.inline.run, &here)?;
            }
            inline = others;
            &*inline
        } else {
            handles
        };
        if handles.is_empty() {
            // All live on this thread.
        } else if let [run] = self.runs.as_mut_slice() {
            write(run, handles)?;
        } else {
            let mut parts = vec![Vec::new(); self.runs.len()];
            for raw in handles.as_chunks::<4>().0 {
                let thread = runtime().thread_of(Handle::from_raw(u32::from_ne_bytes(*raw)));
                if let Some(part) = parts.get_mut(thread) {
                    part.extend_from_slice(raw);
                }
            }
            for (run, part) in self.runs.iter_mut().zip(&parts) {
                if !part.is_empty() {
                    write(run, part)?;
                }
            }
        }
        let is_long = |run: &Writer| run.len() > RUN_BYTES;
        if self.runs.iter().any(is_long) || is_long(&self.inline.run) {
            self.flush();
        }
        Ok(())
    }
}
