use std::sync::atomic::Ordering;

use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::net::test_kit::Kit;
use crate::ws::frame::Opcode;

const GIVEN_UP: &str = "closed TransportError too many bytes are waiting for the client";

/// A session for whose client four bytes may wait, and no longer than for `keep_readers` ms.
fn strict(websocket: bool, keep_readers: u64) -> Kit {
    let kit = Kit::new(websocket);
    kit.engine.config.set_buffering(4, keep_readers);
    kit
}

/// JavaScript goes around its loop: time counts from then on.
fn turn(kit: &Kit) {
    kit.heard.turns.fetch_add(1, Ordering::Relaxed);
}

fn is_given_up(kit: &Kit) -> bool {
    kit.heard.take().iter().any(|line| line == GIVEN_UP)
}

#[test]
fn a_client_that_takes_nothing_in_time_is_closed() {
    let kit = strict(true, 0);
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    conn.frame(&kit.local, Opcode::Text, b"4", b"abcdef");
    kit.local.settle();
    turn(&kit);
    kit.local.look_at_slow_readers();
    assert!(conn.is_dead() && is_given_up(&kit));
}

#[test]
fn a_client_that_has_time_left_is_looked_at_again() {
    let kit = strict(true, 60_000);
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    conn.frame(&kit.local, Opcode::Text, b"4", b"ab");
    conn.frame(&kit.local, Opcode::Text, b"4", b"cd");
    kit.local.settle();
    turn(&kit);
    let next = kit.local.look_at_slow_readers().expect("a next look");
    assert!((LOOK_MS.0..=LOOK_MS.1).contains(&next), "{next}");
    assert!(!conn.is_dead());
    // It takes all.
    tap.room.set(usize::MAX);
    kit.local.look_at_slow_readers();
    assert_eq!(conn.waiting(), 0);
    assert!(!is_given_up(&kit));
}

#[test]
fn a_session_that_polls_is_watched_until_no_more_waits_than_may() {
    let kit = strict(false, 60_000);
    kit.entry.with_session(&kit.local, |session, _, _, out| {
        session.send(PacketEncoding::V4.decode("4abcdef").expect("a packet"), out);
    });
    assert!(kit.local.full.borrow().contains(&kit.peer.handle.raw()));
    assert!(kit.local.look_at_slow_readers().is_some());
    kit.entry
        .with_session(&kit.local, |session, _, _, out| drop(session.poll(out)));
    assert_eq!(kit.local.look_at_slow_readers(), None);
    assert!(kit.local.full.borrow().is_empty());
}

#[test]
fn a_session_that_is_gone_is_watched_no_more() {
    let kit = strict(false, 60_000);
    kit.local.full(kit.peer.handle);
    kit.local.forget(kit.peer.handle);
    assert_eq!(kit.local.look_at_slow_readers(), None);
    assert!(kit.local.full.borrow().is_empty());
}
