use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::error::Reason;
use crate::net::test_kit::{Kit, server_frame};

#[test]
fn a_websocket_is_detached_once() {
    let kit = Kit::new(true);
    let (conn, _) = kit.connect();
    assert!(kit.entry.is_carried_by(&conn));
    assert!(kit.entry.detach(&conn));
    assert!(!kit.entry.is_carried_by(&conn));
    assert!(!kit.entry.detach(&conn));
}

#[test]
fn a_probe_carries_the_session_after_the_upgrade() {
    let kit = Kit::new(false);
    assert!(lock(&kit.peer.inner).session.upgrade(&kit.engine.config, 0));
    let (conn, tap) = kit.connect_as(SocketRole::Probe, PacketEncoding::V4);
    let receive = |data| {
        let packet = PacketEncoding::V4.decode(data).ok();
        kit.entry
            .with_session(&kit.local, |session, config, now, out| {
                session.receive_on(SocketRole::Probe, packet, config, now, out);
            });
        kit.local.settle();
    };
    receive("2probe");
    assert_eq!(tap.take(), server_frame(1, b"3probe"));
    assert!(!kit.entry.is_carried_by(&conn));
    receive("5");
    assert!(kit.entry.is_carried_by(&conn));
    assert!(kit.entry.probe.borrow().is_none());
    let told = kit.heard.take();
    assert!(told.contains(&"note Upgraded".to_owned()), "{told:?}");
}

#[test]
fn a_packet_goes_to_the_websocket_or_to_the_javascript_that_serves_it() {
    let kit = Kit::new(true);
    let (_, tap) = kit.connect();
    let send = || {
        kit.entry.with_session(&kit.local, |session, _, _, out| {
            session.send(PacketEncoding::V4.decode("4hi").expect("a packet"), out);
        });
        kit.local.settle();
    };
    send();
    assert_eq!(tap.take(), server_frame(1, b"4hi"));
    kit.peer.offer(true);
    kit.peer.promote();
    send();
    assert!(tap.take().is_empty());
    assert_eq!(kit.heard.take(), ["frame Main 4hi"]);
}

#[test]
fn the_answer_to_a_poll_goes_to_the_thread_that_waits_for_it() {
    let kit = Kit::new(false);
    let poll = || {
        kit.entry
            .with_session(&kit.local, |session, _, _, out| drop(session.poll(out)));
    };
    let send = |data| {
        kit.entry.with_session(&kit.local, |session, _, _, out| {
            session.send(PacketEncoding::V4.decode(data).expect("a packet"), out);
        });
    };
    poll();
    let (waiter, mut answer) = tokio::sync::oneshot::channel();
    lock(&kit.peer.inner).waiter = Some(waiter);
    send("4here");
    let (payload, _, _due) = answer.try_recv().expect("the answer");
    assert_eq!(payload, Payload::Text("4here".into()));
    assert!(kit.heard.take().is_empty());

    poll();
    send("4there");
    assert_eq!(kit.heard.take(), [r#"answer Text("4there")"#]);
}

#[test]
fn a_session_that_ends_is_forgotten_everywhere() {
    let kit = Kit::new(true);
    let (_, tap) = kit.connect();
    kit.entry.with_session(&kit.local, |session, _, _, out| {
        session.end(CloseReason::without_detail(Reason::ForcedClose), out);
    });
    kit.local.settle();
    assert!(kit.runtime.table().get(kit.peer.handle).is_none());
    assert!(kit.local.entry(kit.peer.handle).is_none());
    assert_eq!(tap.take(), server_frame(8, b""));
    let told = kit.heard.take();
    assert_eq!(told.last().map(String::as_str), Some("closed ForcedClose "));
}

#[test]
fn timers_are_set_for_an_earlier_deadline_only() {
    let kit = Kit::new(true);
    let armed = kit.entry.armed.get();
    kit.entry.arm(&kit.local, Some(armed + 1));
    kit.entry.arm(&kit.local, None);
    assert_eq!(kit.entry.armed.get(), armed);
    kit.entry.arm(&kit.local, Some(armed - 1));
    assert_eq!(kit.entry.armed.get(), armed - 1);
}
