//! Checks of the mailbox of an I/O thread, its counters, and the flush at exit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::thread;

use crate::explore;
use crate::net::events::EventSink;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::thread::exit_flush::{ExitFlush, is_anything_left};
use crate::net::thread::{Command, IoThreadHandle};
use crate::sync::atomic::{AtomicBool, Ordering};

/// The loop of an I/O thread, as in `src/net/thread/mod.rs`: calls `carry_out` with commands until it
/// returns true. The time at which the thread looks by itself has come at once.
fn run(mailbox: &IoThreadHandle, mut carry_out: impl FnMut(Command) -> bool) {
    let mut looks_soon = false;
    let mut done = false;
    while !done {
        if looks_soon {
            thread::yield_now();
        } else {
            mailbox.notify.wait();
        }
        let commands = mailbox.take_commands();
        looks_soon = !commands.is_empty();
        let count = commands.len();
        for command in commands {
            done |= carry_out(command);
        }
        mailbox.commands_done.advance(count);
    }
}

/// Carries out commands until JavaScript has caught up.
pub fn await_resume(mailbox: &IoThreadHandle) {
    run(mailbox, |command| command == Command::Resume);
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(24 * 3600)
}

/// A command reaches the thread, in the order of each sender, whether it was sent lazily or not.
pub fn carries_out_every_command() {
    explore(3, || {
        let mailbox = Arc::new(IoThreadHandle::default());
        let urgent = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                mailbox.send_lazily(Command::Number(1));
                mailbox.send(Command::Number(2));
            })
        };
        let lazy = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send_lazily(Command::Number(3)))
        };
        let mut numbers = Vec::new();
        run(&mailbox, |command| {
            if let Command::Number(number) = command {
                numbers.push(number);
            }
            numbers.len() == 3
        });
        urgent.join().expect("no panic");
        lazy.join().expect("no panic");
        let at = |number| numbers.iter().position(|one| *one == number);
        assert!(at(1) < at(2), "{numbers:?}");
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(mailbox.commands_done.is_complete());
    });
}

/// A thread that waits for the commands that it has sent goes on when they are carried out, and sees
/// what they did.
pub fn ends_the_wait_for_commands() {
    explore(3, || {
        let mailbox = Arc::new(IoThreadHandle::default());
        let carried_out = Arc::new(AtomicBool::default());
        let waiting = {
            let (mailbox, carried_out) = (mailbox.clone(), carried_out.clone());
            thread::spawn(move || {
                mailbox.send_lazily(Command::Number(1));
                if !mailbox.commands_done.is_complete() {
                    mailbox.wake();
                }
                assert!(mailbox.commands_done.wait(far()));
                assert!(carried_out.load(Ordering::Relaxed));
            })
        };
        run(&mailbox, |_| {
            carried_out.store(true, Ordering::Relaxed);
            true
        });
        waiting.join().expect("no panic");
    });
}

/// An answer to a poll is seen as left from the command that causes it until it is written.
pub fn misses_no_answer_at_exit() {
    explore(3, || {
        let mailbox = Arc::new(IoThreadHandle::default());
        let written = Arc::new(AtomicBool::default());
        let io = {
            let (mailbox, written) = (mailbox.clone(), written.clone());
            thread::spawn(move || {
                let mut due = None;
                run(&mailbox, |_| {
                    due = Some(PendingAnswer::begin());
                    true
                });
                // The task of the poll picks it up.
                mailbox.pending_writes.store(1, Ordering::SeqCst);
                drop(due);
                written.store(true, Ordering::Relaxed);
                mailbox.pending_writes.store(0, Ordering::SeqCst);
            })
        };
        mailbox.send(Command::Number(1));
        if !is_anything_left(std::slice::from_ref(&mailbox)) {
            assert!(written.load(Ordering::Relaxed), "it was not written");
        }
        io.join().expect("no panic");
    });
}

struct Nobody;

impl EventSink for Nobody {}

/// A flush at exit ends when all threads have finished, or one asks JavaScript to write.
pub fn ends_the_flush_at_exit() {
    explore(2, || {
        for asks in [false, true] {
            let flush = ExitFlush::new(Arc::new(Nobody), far(), true, 2);
            let threads = [false, asks].map(|asks| {
                let flush = flush.clone();
                thread::spawn(move || match asks {
                    true => flush.ask_javascript(),
                    false => flush.finish(),
                })
            });
            assert_eq!(flush.wait(), asks);
            for thread in threads {
                thread.join().expect("no panic");
            }
        }
    });
}
