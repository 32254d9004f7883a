use std::sync::atomic::Ordering;

use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::test_kit::{Kit, Tap};
use crate::ws::frame::Opcode;

const GIVEN_UP: &str = "closed TransportError too many bytes are waiting for all clients";
const REFUSED: &str = "refused too many bytes of attachments are waiting";

/// A session of an engine for whose clients so many bytes may wait.
fn bounded(websocket: bool, buffered: usize, attachments: usize) -> Kit {
    let kit = Kit::new(websocket);
    kit.engine.config.set_sums(buffered, attachments, 0, 0);
    kit
}

/// Sends so many bytes to a client that takes nothing.
fn send(kit: &Kit, len: usize) -> (Rc<WebSocketConn>, Rc<Tap>) {
    let (conn, tap) = kit.connect();
    tap.room.set(0);
    conn.frame(&kit.local, Opcode::Binary, b"", &vec![0; len]);
    kit.local.settle();
    (conn, tap)
}

fn turn(kit: &Kit) {
    kit.heard.turns.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_client_for_which_most_waits_is_closed_and_the_others_are_kept() {
    let kit = bounded(true, 50_000, 0);
    let (small, _) = send(&kit, 10_000);
    let other = kit.another(true);
    let (large, _) = send(&other, 200_000);
    assert!(kit.engine.buffered.get() >= 210_000);
    kit.local.look_at_sums();
    assert!(!large.is_dead(), "JavaScript has not gone around its loop");
    turn(&kit);
    assert_eq!(kit.local.look_at_sums(), None);
    assert!(large.is_dead() && !small.is_dead());
    assert_eq!(kit.heard.take().last().map(String::as_str), Some(GIVEN_UP));
    assert_eq!(kit.engine.counters.times(Bound::BufferedOfAll), 1);
    assert!((10_000..25_000).contains(&kit.engine.buffered.get()));
}

#[test]
fn a_sum_within_its_bound_is_watched_from_half_of_it_on() {
    let kit = bounded(true, 100_000, 0);
    let (conn, tap) = send(&kit, 20_000);
    assert!(kit.local.crowded.borrow().is_empty());
    conn.frame(&kit.local, Opcode::Binary, b"", &[0; 60_000]);
    assert_eq!(kit.local.crowded.borrow().len(), 1);
    turn(&kit);
    assert_eq!(kit.local.look_at_sums(), Some(SUM_LOOK_MS));
    assert!(!conn.is_dead());
    // The client takes all.
    tap.room.set(usize::MAX);
    conn.retry(&kit.local);
    let mut served = kit.serve(&conn, &tap);
    assert!(!served.poll());
    assert_eq!(kit.engine.buffered.get(), 0);
    assert_eq!(kit.local.look_at_sums(), None);
}

#[test]
fn what_waits_for_polls_counts_and_is_given_up() {
    let kit = bounded(false, 50_000, 0);
    let send = |kit: &Kit, text: &str| {
        kit.entry.with_session(&kit.local, |session, _, _, out| {
            let packet = format!("4{text}");
            session.send(PacketEncoding::V4.decode(&packet).expect("a packet"), out);
        });
    };
    let other = kit.another(false);
    send(&other, "small");
    send(&kit, &"x".repeat(200_000));
    turn(&kit);
    assert_eq!(kit.local.look_at_sums(), None);
    assert_eq!(kit.heard.take(), [GIVEN_UP]);
    assert!((5..500).contains(&kit.engine.buffered.get()));
    // A poll takes what waits for the other one.
    other
        .entry
        .with_session(&kit.local, |session, _, _, out| drop(session.poll(out)));
    assert_eq!(kit.engine.buffered.get(), 0);
}

#[test]
fn the_packet_of_which_most_attachments_wait_is_refused() {
    let kit = bounded(true, 0, 50_000);
    let other = kit.another(true);
    let hold = |kit: &Kit, len: usize| {
        kit.entry
            .with_session(&kit.local, |session, config, now, out| {
                for packet in [
                    PacketEncoding::V4.decode("452-[\"x\"]").ok(),
                    Some(PacketEncoding::V4.decode_binary(&vec![7; len])),
                ] {
                    session.receive_on(SocketRole::Main, packet, config, now, out);
                }
            });
    };
    hold(&other, 20_000);
    assert!(kit.local.crowded.borrow().is_empty());
    hold(&kit, 40_000);
    kit.local.look_at_sums();
    assert_eq!(kit.heard.take(), [REFUSED]);
    assert!((20_000..21_000).contains(&kit.engine.attachments.get()));
    assert_eq!(kit.engine.counters.times(Bound::AttachmentBytes), 1);
    // The end of a session frees what it holds.
    other
        .entry
        .with_session(&kit.local, |session, _, now, out| {
            session.close(true, now, out)
        });
    assert_eq!(kit.engine.attachments.get(), 0);
}

#[test]
fn a_client_for_which_no_more_waits_than_an_even_share_is_kept() {
    let kit = bounded(true, 50_000, 0);
    let (small, _) = send(&kit, 20_000);
    let other = kit.another(true);
    let (large, tap) = send(&other, 60_000);
    turn(&kit);
    // It takes something just now: the other one does not go in its place.
    tap.room.set(10);
    large.retry(&kit.local);
    assert_eq!(kit.local.look_at_sums(), Some(SUM_LOOK_MS));
    assert!(!large.is_dead() && !small.is_dead());
}

#[test]
fn nobody_goes_in_the_place_of_the_largest_until_that_has_shown_that_it_takes_something() {
    let kit = bounded(true, 50_000, 0);
    let (small, _) = send(&kit, 40_000);
    let other = kit.another(true);
    let (large, tap) = send(&other, 200_000);
    for look in 0..GRACE_LOOKS {
        turn(&kit);
        // It takes something in each turn.
        tap.room.set(1);
        large.retry(&kit.local);
        assert!(!small.is_dead(), "look {look}");
        kit.local.look_at_sums();
    }
    assert!(small.is_dead() && !large.is_dead());
}
