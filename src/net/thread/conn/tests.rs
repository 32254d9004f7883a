use super::*;
use crate::config::READ_TURN_BYTES as READ_TURN;
use crate::error::QUEUE_FULL;
use crate::net::send_batch::{CONTINUED, VOLATILE};
use crate::net::test_kit::{Kit, client_frame, server_frame};

/// Sends a message, in a tick of JavaScript's.
fn send(kit: &Kit, conn: &Rc<WebSocketConn>, tick: u32, data: &[u8]) {
    kit.local.js_tick.set(tick);
    conn.message(&kit.local, Opcode::Text, b"4", data);
}

/// Bytes that were handed over, and the number of messages behind them.
fn backlog(kit: &Kit) -> (usize, u32) {
    (kit.peer.backlog.bytes(), kit.peer.backlog.messages())
}

#[test]
fn the_first_message_of_a_tick_is_handed_over_the_others_wait_for_it() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    for data in [b"a", b"b"] {
        send(&kit, &conn, 1, data);
        kit.local.settle();
    }
    assert_eq!(backlog(&kit), (4, 1));
    // They are handed over together once the first is written.
    tap.room.set(4);
    conn.retry(&kit.local);
    assert_eq!(backlog(&kit), (4, 0));
    tap.room.set(4);
    conn.retry(&kit.local);
    assert_eq!(backlog(&kit), (0, 0));
}

#[test]
fn the_serving_task_is_woken_when_another_try_to_write_leaves_bytes() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    tap.room.set(0);
    send(&kit, &conn, 1, b"abc");
    kit.local.settle();
    assert!(!served.poll());
    served.was_woken();
    tap.room.set(2);
    conn.retry(&kit.local);
    assert!(served.was_woken());
    tap.room.set(usize::MAX);
    assert!(!served.poll());
    assert_eq!(tap.take(), server_frame(1, b"4abc"));
}

#[test]
fn messages_that_a_poll_did_not_take_do_not_wait_once_they_are_written() {
    let kit = Kit::new(false);
    let (conn, tap) = kit.connect_as(SocketRole::Probe, PacketEncoding::V4);
    send(&kit, &conn, 1, b"kept");
    conn.promote();
    kit.local.settle();
    assert_eq!(tap.take(), server_frame(1, b"4kept"));
    assert_eq!(backlog(&kit), (0, 0));
}

#[test]
fn messages_that_are_handed_over_by_the_application_do_not_wait() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    send(&kit, &conn, 1, b"a");
    kit.local.settle();
    conn.hand_over(|| send(&kit, &conn, 2, b"b"));
    assert_eq!(backlog(&kit), (8, 0));
}

#[test]
fn a_client_that_does_not_read_is_noted_once_and_again_when_it_has() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.poll());
    tap.room.set(1);
    send(&kit, &conn, 1, b"abc");
    kit.local.settle();
    assert!(!served.poll());
    assert_eq!(kit.heard.take(), ["note Blocked"]);
    tap.room.set(usize::MAX);
    assert!(!served.poll());
    assert_eq!(kit.heard.take(), ["note Drained"]);
    assert_eq!(tap.take(), server_frame(1, b"4abc"));
}

#[test]
fn drained_is_noted_when_it_was_asked_for_and_all_is_written() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    conn.note_drained(&kit.local);
    assert_eq!(kit.heard.take(), ["note Drained"]);
    send(&kit, &conn, 1, b"a");
    conn.note_drained(&kit.local);
    assert!(kit.heard.take().is_empty());
    kit.local.settle();
    assert_eq!(kit.heard.take(), ["note Drained"]);
    assert_eq!(tap.take(), server_frame(1, b"4a"));
}

#[test]
fn a_volatile_message_is_dropped_while_something_of_its_run_or_a_slow_client_waits() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    kit.local.batch.set(1);
    assert!(conn.admits(VOLATILE, 1));
    send(&kit, &conn, 1, b"a");
    assert!(conn.admits(0, 1));
    assert!(!conn.admits(VOLATILE, 1));
    // Its attachments go the same way, whatever happens meanwhile.
    kit.local.settle();
    assert!(!conn.admits(VOLATILE | CONTINUED, 1));
    assert!(conn.admits(VOLATILE, 2));
    tap.room.set(0);
    send(&kit, &conn, 2, b"b");
    kit.local.settle();
    assert!(!conn.admits(VOLATILE, 3));
}

#[test]
fn a_client_for_which_too_much_waits_is_closed_when_it_takes_nothing() {
    let kit = Kit::new(true);
    kit.engine.config.set_buffering(4, 0);
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    send(&kit, &conn, 1, b"a");
    kit.local.settle();
    assert!(conn.is_full().is_none());
    send(&kit, &conn, 1, b"b");
    assert!(conn.is_full().is_some());
    conn.overflow(&kit.local, QUEUE_FULL);
    assert!(conn.is_dead() && conn.waiting() == 0);
    let told = kit.heard.take();
    let closed = "closed TransportError too many bytes are waiting for the client";
    assert_eq!(told.last().map(String::as_str), Some(closed));
}

#[test]
fn a_shutdown_ends_the_stream_behind_what_is_queued() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    tap.room.set(0);
    send(&kit, &conn, 1, b"a");
    kit.local.settle();
    conn.end(&kit.local, End::Shutdown);
    send(&kit, &conn, 1, b"late");
    tap.room.set(usize::MAX);
    conn.end(&kit.local, End::Close);
    assert!(served.poll());
    assert_eq!(tap.take(), server_frame(1, b"4a"));
}

#[test]
fn close_writes_what_is_queued_and_reset_does_not() {
    for (how, written) in [(End::Close, 4), (End::Reset, 0)] {
        let kit = Kit::new(true);
        let (conn, tap) = kit.connect();
        send(&kit, &conn, 1, b"a");
        conn.end(&kit.local, how);
        assert!(conn.is_dead());
        assert_eq!(tap.take().len(), written, "{how:?}");
        let asked: &[&str] = if how == End::Reset { &["reset"] } else { &[] };
        assert_eq!(*tap.asked.borrow(), asked, "{how:?}");
    }
}

#[test]
fn a_message_of_the_client_is_told() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.receive(&client_frame(1, b"42[\"a\"]")));
    assert_eq!(kit.heard.take(), [r#"packet / ["a"] []"#]);
    assert_eq!(kit.peer.traffic.load(), (13, 0));
}

#[test]
fn a_ping_is_answered_unless_much_waits_for_the_client() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.receive(&client_frame(9, b"hi")));
    assert_eq!(tap.take(), server_frame(10, b"hi"));
    tap.room.set(0);
    send(&kit, &conn, 1, &vec![b'x'; 64 << 10]);
    kit.local.settle();
    let waiting = conn.waiting();
    assert!(!served.receive(&client_frame(9, b"hi")));
    assert_eq!(conn.waiting(), waiting);
}

#[test]
fn nothing_is_read_while_javascript_has_too_much_to_do() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    kit.heard
        .full
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(!served.receive(&client_frame(1, b"42[\"a\"]")));
    assert!(kit.heard.take().is_empty());
    kit.heard
        .full
        .store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(!served.poll());
    assert_eq!(kit.heard.take(), [r#"packet / ["a"] []"#]);
}

#[tokio::test]
async fn a_close_frame_is_echoed_and_ends_the_session() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    let payload = [&1000u16.to_be_bytes()[..], b"bye"].concat();
    let late = client_frame(1, b"42[\"late\"]");
    assert!(!served.receive(&[client_frame(8, &payload), late].concat()));
    assert_eq!(tap.take(), server_frame(8, &payload));
    assert_eq!(*tap.asked.borrow(), ["shutdown"]);
    let told = kit.heard.take();
    assert_eq!(
        told.last().map(String::as_str),
        Some("closed TransportClose ")
    );
    assert!(!told.iter().any(|line| line.contains("late")));
    // The peer's end.
    assert!(served.receive(&[]));
    assert_eq!(kit.heard.take(), ["end of stream, abort: false"]);
}

#[tokio::test]
async fn a_frame_without_a_mask_closes_with_1002() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.receive(&server_frame(1, b"4x")));
    assert_eq!(tap.take(), server_frame(8, &1002u16.to_be_bytes()));
    let told = kit.heard.take().join(", ");
    assert!(told.contains("closed TransportError"), "{told}");
}

#[test]
fn a_connection_that_is_dropped_without_a_word_is_an_abort() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.poll());
    conn.kill();
    assert!(served.poll());
    let told = kit.heard.take();
    assert_eq!(
        told.last().map(String::as_str),
        Some("end of stream, abort: true")
    );
    assert!(told.contains(&"closed TransportClose ".to_owned()));
}

#[test]
fn reading_stops_between_two_frames_when_much_is_pending_and_goes_on_when_it_is_taken() {
    let kit = Kit::new(true);
    kit.engine.config.set_max_pending(10_000);
    kit.peer.pending.add(9_998);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    let frames = ["a", "b", "c"].map(|name| client_frame(1, format!("42[\"{name}\"]").as_bytes()));
    assert!(!served.receive(&frames.concat()));
    assert_eq!(kit.heard.take(), ["packet / [\"a\"] []"]);
    assert!(!served.receive(&client_frame(1, b"42[\"d\"]")));
    assert!(kit.heard.take().is_empty());
    assert!(kit.peer.pending.take(5_002), "half is left");
    assert!(!served.poll());
    let rest = ["b", "c", "d"].map(|name| format!("packet / [\"{name}\"] []"));
    assert_eq!(kit.heard.take(), rest);
}

#[test]
fn a_frame_that_was_cut_is_completed_behind_a_stop() {
    let kit = Kit::new(true);
    kit.engine.config.set_max_pending(10_000);
    kit.peer.pending.add(9_998);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    let second = client_frame(1, b"42[\"b\"]");
    let (begin, end) = second.split_at(4);
    assert!(!served.receive(&[&client_frame(1, b"42[\"a\"]"), begin].concat()));
    assert!(!served.receive(end));
    assert_eq!(kit.heard.take(), ["packet / [\"a\"] []"]);
    assert!(kit.peer.pending.take(9_000));
    assert!(!served.poll());
    assert_eq!(kit.heard.take(), ["packet / [\"b\"] []"]);
}

#[test]
fn a_connection_gives_way_after_its_turn() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    let pongs = client_frame(10, &[0; 120]).repeat(500);
    for _ in 0..9 {
        tap.push(&pongs);
    }
    assert!(!served.poll());
    let read = kit.peer.traffic.load().0 as usize;
    assert!(
        (READ_TURN..READ_TURN + pongs.len()).contains(&read),
        "{read}"
    );
    assert!(!served.poll());
    assert_eq!(kit.peer.traffic.load().0 as usize, 9 * pongs.len());
}
