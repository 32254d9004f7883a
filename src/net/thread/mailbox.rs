//! The mailbox of an I/O thread, or of the sessions that live on a JavaScript thread.

use std::time::Duration;

use crate::net::thread::Command;
use crate::net::thread::command_counter::CommandCounter;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, Notify, lock};

/// The time that a command may wait if it was sent lazily.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);

/// The part of an I/O thread that other threads see: its mailbox and its counters.
#[derive(Default)]
pub struct IoThreadHandle {
    queue: Mutex<Vec<Command>>,
    notified: AtomicBool,
    pub(super) notify: Notify,
    /// Wakes the thread, if it is a JavaScript thread.
    wake_javascript: Option<Box<dyn Fn() + Send + Sync>>,
    /// The thread looks into the queue by itself soon. Changes under the lock of the queue.
    looks_soon: AtomicBool,
    panics: AtomicU64,
    /// Bytes of the buffers that the thread keeps for writing.
    spare: AtomicUsize,
    /// Counts the commands that were sent and carried out.
    pub(in crate::net) commands_done: CommandCounter,
    /// Number of connections and answers that could not be written at once.
    pub(in crate::net) pending_writes: AtomicUsize,
}

impl IoThreadHandle {
    /// The mailbox of the sessions that live on a JavaScript thread, which `wake` wakes.
    pub fn inline(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            wake_javascript: Some(Box::new(wake)),
            ..Self::default()
        }
    }

    /// Sends a command.
    pub fn send(&self, command: Command) {
        let mut queue = lock(&self.queue);
        queue.push(command);
        self.commands_done.ask();
        drop(queue);
        self.wake();
    }

    /// Sends a command that may wait for 20 ms: waking a thread costs more than most commands.
    pub fn send_lazily(&self, command: Command) {
        let mut queue = lock(&self.queue);
        queue.push(command);
        self.commands_done.ask();
        let looks_soon = self.looks_soon.load(Ordering::Relaxed);
        drop(queue);
        if !looks_soon {
            self.wake();
        }
    }

    /// Wakes the thread for the commands that were sent.
    pub(in crate::net) fn wake(&self) {
        // One wake-up is enough for all that is queued until it has happened.
        if !self.notified.swap(true, Ordering::AcqRel) {
            match &self.wake_javascript {
                Some(wake) => wake(),
                None => self.notify.notify_one(),
            }
        }
    }

    /// Has the thread not woken for commands until it has taken them: the caller has it take them.
    pub fn hush(&self) {
        self.notified.store(true, Ordering::Release);
    }

    /// Calls `work`, and has the thread not woken for the commands that it sends: the caller is the
    /// thread, and takes them in its next turn if [`IoThreadHandle::has_commands`] is true then.
    pub fn quietly(&self, work: impl FnOnce()) {
        self.hush();
        work();
        self.notified.store(false, Ordering::Release);
        // Others may have sent some meanwhile, and have woken nobody: the caller finds these too.
    }

    /// True if commands wait.
    pub fn has_commands(&self) -> bool {
        !lock(&self.queue).is_empty()
    }

    /// Takes the commands. If there are any, the thread has to look again soon; else when it is
    /// notified.
    pub(super) fn take_commands(&self) -> Vec<Command> {
        // Before the look: a command that comes behind it notifies the thread again, and one whose
        // sender found the thread notified is seen.
        self.notified.swap(false, Ordering::AcqRel);
        let mut queue = lock(&self.queue);
        let looks_soon = !queue.is_empty() && self.wake_javascript.is_none();
        self.looks_soon.store(looks_soon, Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }

    /// Counts more (or less) bytes of buffers that are kept. Called by the thread alone.
    pub(super) fn count_spare(&self, more: isize) {
        let spare = self.spare.load(Ordering::Relaxed);
        let spare = spare.saturating_add_signed(more);
        self.spare.store(spare, Ordering::Relaxed);
    }

    /// Bytes of the buffers that the thread keeps for writing.
    pub fn spare_bytes(&self) -> usize {
        self.spare.load(Ordering::Relaxed)
    }

    /// Counts a panic that was caught.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of panics that were caught.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "mailbox/tests.rs"]
mod tests;
