use super::*;
use crate::net::handle::Handle;

fn forget(raw: u32) -> Command {
    Command::Forget(Handle::from_raw(raw))
}

/// The sessions that commands want forgotten.
fn forgotten(commands: &[Command]) -> Vec<u32> {
    let raw = commands.iter().map(|command| match command {
        Command::Forget(handle) => handle.raw(),
        _ => u32::MAX,
    });
    raw.collect()
}

#[test]
fn commands_are_taken_in_the_order_in_which_they_were_sent() {
    let mailbox = IoThreadHandle::default();
    mailbox.send(forget(1));
    mailbox.send_lazily(forget(2));
    mailbox.send(forget(3));
    assert_eq!(forgotten(&mailbox.take_commands()), [1, 2, 3]);
    assert!(mailbox.take_commands().is_empty());
}

#[test]
fn a_lazy_command_wakes_the_thread_unless_it_looks_soon() {
    let mailbox = IoThreadHandle::default();
    let wakes = || mailbox.notified.swap(false, Ordering::Relaxed);
    mailbox.send_lazily(forget(1));
    assert!(wakes(), "the thread sleeps");
    mailbox.take_commands();
    mailbox.send_lazily(forget(2));
    assert!(!wakes(), "the thread has just had commands");
    mailbox.send(forget(3));
    assert!(wakes(), "the command is urgent");
    mailbox.take_commands();
    mailbox.take_commands();
    mailbox.send_lazily(forget(4));
    assert!(wakes(), "the thread has found nothing");
}

#[test]
fn a_command_counts_as_to_be_done_from_when_it_is_sent() {
    let mailbox = IoThreadHandle::default();
    assert!(mailbox.commands_done.is_complete());
    mailbox.send(forget(1));
    mailbox.take_commands();
    assert!(!mailbox.commands_done.is_complete());
}
