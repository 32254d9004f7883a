use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::eio::payload::Payload;
use crate::eio::session::{Poll, SocketRole};
use crate::net::events::Note;
use crate::net::send_batch::{DISCARD, VOLATILE, WHOLE, Writer};
use crate::net::test_kit::{Kit, STREAM, server_frame};
use crate::net::thread::conn::End;

/// Carries out what a tick of JavaScript sends, and writes it.
fn run(kit: &Kit, write: impl FnOnce(&mut Writer, u32)) {
    let mut writer = Writer::default();
    write(&mut writer, kit.peer.handle.raw());
    kit.local.command(Command::SendBatch(writer.take(), 1));
    kit.local.settle();
}

fn text(writer: &mut Writer, handle: u32, flags: u8, data: &str) {
    let written = writer.text_with(handle, flags, data.len(), |place| {
        place.copy_from_slice(data.as_bytes());
        data.len()
    });
    assert_eq!(written, Ok(()));
}

/// Has a poll wait, whose answer JavaScript gives.
fn poll(kit: &Kit) {
    kit.entry
        .with_session(&kit.local, |session, _, _, out| drop(session.poll(out)));
}

#[test]
fn a_run_is_carried_out_in_order() {
    let kit = Kit::new(true);
    let (_, tap) = kit.connect();
    run(&kit, |writer, handle| {
        text(writer, handle, 0, "a");
        writer.binary(handle, 0, &[1]).expect("short");
        text(writer, handle, WHOLE, "6");
        writer.close(handle, 0);
        text(writer, handle, 0, "late");
    });
    let frames = [
        server_frame(1, b"4a"),
        server_frame(2, &[1]),
        server_frame(1, b"6"),
        server_frame(8, b""),
    ];
    assert_eq!(tap.take(), frames.concat());
}

#[test]
fn a_run_passes_over_sessions_that_are_not_there() {
    let kit = Kit::new(true);
    let (_, tap) = kit.connect();
    run(&kit, |writer, handle| {
        text(writer, handle ^ 0x8000_0000, 0, "of another generation");
        text(writer, handle + 1, 0, "of another slot");
        let handles = [handle + 1, handle].map(u32::to_le_bytes).concat();
        writer.broadcast_binary(&handles, 0, b"x").expect("short");
        writer.close(handle + 1, DISCARD);
    });
    assert_eq!(tap.take(), server_frame(2, b"x"));
}

#[test]
fn a_message_to_a_session_that_polls_waits_for_the_poll() {
    let kit = Kit::new(false);
    run(&kit, |writer, handle| {
        text(writer, handle, 0, "a");
        text(writer, handle, VOLATILE, "dropped");
        text(writer, handle, 0, "b");
    });
    assert!(kit.heard.take().is_empty());
    let polled = kit
        .entry
        .with_session(&kit.local, |session, _, _, out| session.poll(out));
    let Poll::Payload(Payload::Text(body)) = polled else {
        panic!("messages wait");
    };
    assert_eq!(body, "4a\u{1e}4b");
}

#[test]
fn a_volatile_message_answers_the_poll_that_waits() {
    let kit = Kit::new(false);
    poll(&kit);
    run(&kit, |writer, handle| text(writer, handle, VOLATILE, "a"));
    assert_eq!(kit.heard.take(), [r#"answer Text("4a")"#]);
}

#[test]
fn a_frame_goes_to_the_websocket_of_its_role() {
    let kit = Kit::new(true);
    let (_, main) = kit.connect();
    let (_, probe) = kit.connect_as(SocketRole::Probe, PacketEncoding::V4);
    let packet = Packet::Text(Type::Pong, "probe").into();
    let frame = Command::Frame(kit.peer.handle, SocketRole::Probe, packet);
    kit.local.command(frame);
    kit.local.settle();
    assert_eq!(probe.take(), server_frame(1, b"3probe"));
    kit.local
        .command(Command::CloseSocket(kit.peer.handle, SocketRole::Probe));
    kit.local.settle();
    assert_eq!(probe.take(), server_frame(8, b""));
    assert!(main.take().is_empty());
}

#[test]
fn bytes_of_the_application_and_its_end_reach_the_connection_by_its_number() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let inbox: Arc<dyn EventSink> = kit.heard.clone();
    let handle = kit.peer.handle;
    kit.local.command(Command::Watch(handle, STREAM, inbox));
    kit.local
        .command(Command::WriteRaw(STREAM + 1, b"nobody's".to_vec()));
    kit.local
        .command(Command::WriteRaw(STREAM, b"raw".to_vec()));
    kit.local
        .command(Command::EndConnection(STREAM, End::Close));
    assert_eq!(tap.take(), b"raw");
    assert!(conn.is_dead());
}

#[test]
fn settle_writes_before_it_says_so() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    conn.message(&kit.local, Opcode::Text, b"4", b"a");
    let (asker, done) = std::sync::mpsc::sync_channel(1);
    kit.local.command(Command::Settle(asker));
    assert!(done.try_recv().is_ok());
    assert_eq!(tap.take(), server_frame(1, b"4a"));
}

#[test]
fn drained_is_told_at_once_if_nothing_waits() {
    let kit = Kit::new(true);
    let _conn = kit.connect();
    kit.local.command(Command::TellDrained(kit.peer.handle));
    assert_eq!(kit.heard.take(), [format!("note {:?}", Note::Drained)]);
}

#[test]
fn the_sessions_of_an_environment_that_is_gone_end_with_it() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let others: Arc<dyn EventSink> = Kit::new(true).heard.clone();
    kit.local.command(Command::Leave(others));
    assert!(!conn.is_dead() && kit.local.entry(kit.peer.handle).is_some());
    kit.local.command(Command::Leave(kit.heard.clone()));
    assert!(conn.is_dead() && kit.local.entry(kit.peer.handle).is_none());
    assert_eq!(tap.take(), server_frame(8, b""));
}
