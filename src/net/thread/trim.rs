//! Memory given back to the system. The C library keeps what its threads free: the messages,
//! queues and compression contexts of a crowd would stay with the process after it has left.
//! It gives back at once what lies at the end of a heap, which the next batch of messages would
//! ask for again.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The freed bytes, as estimated, from which giving back is worth while.
const WORTH: usize = 1 << 20;
/// The bytes that a session counts for, beside those that it has carried.
const SESSION: usize = 64 << 10;
/// The bytes that the contexts of a compressed connection count for.
const CONTEXTS: usize = 256 << 10;
/// The time from the first bytes that are worth while to giving back: others are freed meanwhile.
const REST: Duration = Duration::from_secs(3);

/// Half of the free memory that each heap of the C library may keep at its end.
const KEPT: usize = 4 << 20;

/// Has glibc keep some free memory at the end of each heap, 8 MiB at most, until it is given back: 128 KiB
/// are the default, so that messages of 16 KiB in batches cost two or three page faults each. A setting of
/// the environment (`MALLOC_TRIM_THRESHOLD_`, say) has the last word.
pub fn keep_some() {
    // A block of its own that is freed moves glibc's thresholds: blocks as large as this one come
    // from a heap, and a heap may keep twice as much. `mallopt` would end their adaptation.
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
    }
}

/// An estimate of the bytes that an I/O thread has freed since it last gave memory back.
#[derive(Default)]
pub struct Trim {
    freed: Cell<usize>,
}

impl Trim {
    /// Notes the end of a session that has carried so many bytes.
    pub fn session_ended(self: &Rc<Self>, carried: u64) {
        let carried = usize::try_from(carried).unwrap_or(usize::MAX);
        self.freed(SESSION.saturating_add(carried));
    }

    /// Notes the end of a connection that compressed.
    pub fn compressed_ended(self: &Rc<Self>) {
        self.freed(CONTEXTS);
    }

    fn freed(self: &Rc<Self>, bytes: usize) {
        let before = self.freed.get();
        self.freed.set(before.saturating_add(bytes));
        if before < WORTH && self.freed.get() >= WORTH {
            let trim = self.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(REST).await;
                trim.freed.set(0);
                // Takes some ms, which connections would wait for.
                tokio::task::spawn_blocking(give_back_once);
            });
        }
    }
}

/// Gives free memory of the whole process back, unless another thread is doing so.
fn give_back_once() {
    static BUSY: AtomicBool = AtomicBool::new(false);
    if !BUSY.swap(true, Ordering::Acquire) {
        give_back();
        BUSY.store(false, Ordering::Release);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: glibc's own, callable at any time from any thread.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn give_back() {}

#[cfg(test)]
mod tests;
