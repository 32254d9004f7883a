use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use super::*;

#[test]
fn the_state_is_lent_while_the_io_thread_sleeps_and_to_one_thread_at_a_time() {
    let lock = StateLock::default();
    assert_eq!(lock.while_asleep(|| ()), None, "the I/O thread runs");
    lock.leave();
    let lent = lock.while_asleep(|| lock.while_asleep(|| ()));
    assert_eq!(lent, Some(None));
    assert_eq!(lock.while_asleep(|| 1), Some(1));
    lock.take_back();
    assert_eq!(lock.while_asleep(|| ()), None);
}

#[test]
fn a_panic_gives_the_state_back() {
    let lock = StateLock::default();
    lock.leave();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lock.while_asleep(|| panic!("a panic of a test"))
    }));
    assert!(panicked.is_err());
    lock.take_back();
}

#[test]
fn the_io_thread_waits_for_the_state() {
    let lock = Arc::new(StateLock::default());
    lock.leave();
    let io = lock.while_asleep(|| {
        let io = thread::spawn({
            let lock = lock.clone();
            move || lock.take_back()
        });
        while lock.holder.load(Ordering::Acquire) != AWAITED {
            thread::yield_now();
        }
        io
    });
    io.expect("it was free").join().expect("no panic");
    assert_eq!(lock.holder.load(Ordering::Acquire), HELD);
}

#[test]
fn no_two_threads_hold_the_state() {
    const ROUNDS: u64 = 2_000;
    let lock = Arc::new(StateLock::default());
    let count = Arc::new(AtomicU64::default());
    // Two threads at once would lose some of the additions.
    fn add(count: &AtomicU64) {
        let before = count.load(Ordering::Relaxed);
        thread::yield_now();
        count.store(before + 1, Ordering::Relaxed);
    }
    let others = [(); 2].map(|()| {
        let (lock, count) = (lock.clone(), count.clone());
        thread::spawn(move || {
            let mut lent = 0;
            for _ in 0..ROUNDS {
                lent += u64::from(lock.while_asleep(|| add(&count)).is_some());
            }
            lent
        })
    });
    for _ in 0..ROUNDS {
        add(&count);
        lock.leave();
        thread::yield_now();
        lock.take_back();
    }
    lock.leave();
    let lent: u64 = others
        .map(|other| other.join().expect("no panic"))
        .iter()
        .sum();
    assert_eq!(count.load(Ordering::Relaxed), ROUNDS + lent);
}
