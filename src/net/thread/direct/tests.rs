use std::sync::Arc;

use super::*;
use crate::counters::Transport;
use crate::net::send_batch::{DISCARD, VOLATILE, Writer};
use crate::net::test_kit::{Kit, server_frame};
use crate::net::thread::Command;

/// A session whose I/O thread sleeps.
fn asleep(websocket: bool) -> Kit {
    let kit = Kit::new(websocket);
    let mailbox = &kit.local.mailbox;
    assert!(mailbox.lent.set(LentState::new(&kit.local)).is_ok());
    mailbox.state_lock.leave();
    kit
}

/// A batch with what `write` puts into it.
fn batch(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.take()
}

/// A batch with a binary message.
fn message(kit: &Kit, flags: u8, data: &[u8]) -> Vec<u8> {
    let handle = kit.peer.handle.raw();
    batch(|writer| writer.binary(handle, flags, data).expect("short"))
}

/// Offers a batch to be carried out on this thread.
fn carry_out(kit: &Kit, batch: &[u8]) -> bool {
    let mailbox: Arc<IoThreadHandle> = kit.local.mailbox.clone();
    mailbox.carry_out(batch, 1)
}

#[test]
fn a_small_batch_is_written_at_once_and_counted() {
    let kit = asleep(true);
    let (_, tap) = kit.connect();
    assert!(carry_out(&kit, &message(&kit, 0, b"a")));
    let handle = kit.peer.handle.raw();
    let handles = [handle, handle ^ 0x8000_0000]
        .map(u32::to_le_bytes)
        .concat();
    assert!(carry_out(
        &kit,
        &batch(|writer| {
            writer.broadcast_binary(&handles, 0, b"b").expect("short");
            writer.release(handle + 1);
        })
    ));
    let written = tap.take();
    assert_eq!(
        written,
        [server_frame(2, b"a"), server_frame(2, b"b")].concat()
    );
    let traffic = kit.engine.counters.traffic(Transport::WebSocket);
    assert_eq!(traffic.messages_out, 2);
    assert_eq!(traffic.bytes_out, written.len() as u64);
    assert_eq!(kit.peer.traffic.load().1, written.len() as u64);
}

#[test]
fn a_batch_is_left_to_an_io_thread_that_runs_or_has_commands() {
    let kit = asleep(true);
    let (_, tap) = kit.connect();
    kit.local.mailbox.state_lock.take_back();
    assert!(!carry_out(&kit, &message(&kit, 0, b"a")));
    kit.local.mailbox.state_lock.leave();
    kit.local.mailbox.send(Command::Resume);
    assert!(!carry_out(&kit, &message(&kit, 0, b"a")));
    kit.local.mailbox.take_commands();
    assert!(tap.take().is_empty());
    assert!(carry_out(&kit, &message(&kit, 0, b"a")));
}

#[test]
fn a_batch_that_is_more_than_a_few_small_writes_is_left_to_the_io_thread() {
    let kit = asleep(true);
    let (conn, tap) = kit.connect();
    let handle = kit.peer.handle.raw();
    let others: Vec<_> = [(); MAX_CONNECTIONS].map(|()| kit.another(true)).into();
    let connected: Vec<_> = others.iter().map(Kit::connect).collect();
    let handles: Vec<u32> = (others.iter().chain([&kit]))
        .map(|kit| kit.peer.handle.raw())
        .collect();
    let many: Vec<u8> = handles.iter().flat_map(|raw| raw.to_le_bytes()).collect();
    for batch in [
        batch(|writer| writer.close(handle, DISCARD)),
        batch(|writer| writer.broadcast_binary(&many, 0, b"x").expect("short")),
        batch(|writer| {
            for handle in &handles {
                writer.binary(*handle, 0, b"x").expect("short");
            }
        }),
        message(&kit, 0, &[0; MAX_BYTES]),
    ] {
        assert!(!carry_out(&kit, &batch));
    }
    for (_, tap) in connected.iter().chain([&(conn, tap)]) {
        assert!(tap.take().is_empty());
    }
    assert!(!kit.peer.inner.lock().expect("no panic").session.is_closed());
}

#[test]
fn many_small_messages_to_one_connection_are_one_write() {
    let kit = asleep(true);
    let (_, tap) = kit.connect();
    let handle = kit.peer.handle.raw();
    assert!(carry_out(
        &kit,
        &batch(|writer| {
            for number in 0..20 {
                writer.binary(handle, 0, &[number]).expect("short");
            }
        })
    ));
    let frames: Vec<_> = (0..20).map(|number| server_frame(2, &[number])).collect();
    assert_eq!(tap.take(), frames.concat());
}

#[test]
fn a_session_that_polls_is_left_to_the_io_thread() {
    let kit = asleep(false);
    assert!(!carry_out(&kit, &message(&kit, 0, b"x")));
}

#[test]
fn a_connection_that_is_being_closed_is_left_to_the_io_thread() {
    let kit = asleep(true);
    let (conn, tap) = kit.connect();
    conn.close(&kit.local, &[]);
    kit.local.settle();
    tap.take();
    assert!(!carry_out(&kit, &message(&kit, 0, b"x")));
}

#[test]
fn bytes_that_the_kernel_does_not_take_wait_and_later_ones_go_behind_them() {
    let kit = asleep(true);
    let (conn, tap) = kit.connect();
    tap.room.set(3);
    assert!(carry_out(&kit, &message(&kit, 0, b"first")));
    assert_eq!(kit.heard.take(), ["note Blocked"]);
    assert_eq!(conn.waiting(), 4);
    let pending = &kit.local.mailbox.pending_writes;
    assert_eq!(pending.load(std::sync::atomic::Ordering::SeqCst), 1);
    let (second, dropped) = (
        message(&kit, 0, b"second"),
        message(&kit, VOLATILE, b"dropped"),
    );
    for later in [&second, &dropped] {
        assert!(!carry_out(&kit, later), "others wait");
        kit.local.command(Command::SendBatch(later.clone(), 2));
    }
    kit.local.settle();
    tap.room.set(usize::MAX);
    conn.retry(&kit.local);
    let both = [server_frame(2, b"first"), server_frame(2, b"second")];
    assert_eq!(tap.take(), both.concat());
}

#[test]
fn a_queue_that_is_not_written_yet_is_left_to_the_io_thread() {
    let kit = asleep(true);
    let (conn, tap) = kit.connect();
    conn.append(&kit.local, &[b"queued"]);
    assert!(!carry_out(&kit, &message(&kit, 0, b"x")));
    kit.local.settle();
    assert_eq!(tap.take(), b"queued");
}
