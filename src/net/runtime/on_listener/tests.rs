use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::error::{POST_ABORTED, POST_OVERLAP};
use crate::net::test_kit::Kit;

fn send(kit: &Kit, text: &str) {
    kit.entry.with_session(&kit.local, |session, _, _, out| {
        session.send(PacketEncoding::V4.decode(text).expect("a packet"), out);
    });
}

fn poll(kit: &Kit) -> Polled {
    kit.runtime.poll_here(kit.peer.handle)
}

fn is_refused(polled: &Polled) -> bool {
    matches!(polled, Polled::Refused)
}

#[test]
fn a_poll_takes_what_waits() {
    let kit = Kit::new(false);
    send(&kit, "4a");
    send(&kit, "4b");
    let Polled::Payload(Payload::Text(body)) = poll(&kit) else {
        panic!("packets wait");
    };
    assert_eq!(body, "4a\u{1e}4b");
}

#[test]
fn a_poll_waits_until_something_is_sent() {
    let kit = Kit::new(false);
    let Polled::Pending(mut answer) = poll(&kit) else {
        panic!("nothing waits");
    };
    assert!(answer.try_recv().is_err());
    send(&kit, "4a");
    let (payload, _, _due) = answer.try_recv().expect("the answer");
    assert_eq!(payload, Payload::Text("4a".into()));
}

#[test]
fn a_second_poll_is_refused_and_ends_the_session() {
    let kit = Kit::new(false);
    let _first = poll(&kit);
    assert!(is_refused(&poll(&kit)));
    assert!(is_refused(&poll(&kit)), "the session is gone");
    let told = kit.heard.take().join(", ");
    assert!(told.contains("overlap from client"), "{told}");
}

#[test]
fn a_poll_of_a_session_on_a_websocket_is_refused() {
    assert!(is_refused(&poll(&Kit::new(true))));
}

#[test]
fn a_lost_poll_ends_the_session() {
    let kit = Kit::new(false);
    let _first = poll(&kit);
    kit.runtime.poll_lost_here(kit.peer.handle);
    assert!(kit.runtime.table().get(kit.peer.handle).is_none());
}

#[test]
fn a_push_is_decoded_packet_by_packet() {
    let kit = Kit::new(false);
    let body = "42[\"a\"]\u{1e}42[\"b\"]";
    kit.runtime.push_here(kit.peer.handle, body.as_bytes());
    let mut told = kit.heard.take();
    told.retain(|line| line.starts_with("packet"));
    assert_eq!(told, [r#"packet / ["a"] []"#, r#"packet / ["b"] []"#]);
}

#[test]
fn a_second_post_gives_up_the_first() {
    let kit = Kit::new(false);
    let handle = kit.peer.handle;
    let mut first = kit.runtime.begin_post_here(handle).expect("alone");
    let second = kit.runtime.begin_post_here(handle);
    assert_eq!(second.err(), Some(PostBegin::Overlap));
    assert!(matches!(
        first.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    ));
    kit.runtime.fail_here(handle, POST_OVERLAP);
    let third = kit.runtime.begin_post_here(handle);
    assert_eq!(third.err(), Some(PostBegin::Moved));
}

#[test]
fn a_post_that_has_ended_makes_room_for_the_next() {
    let kit = Kit::new(false);
    let handle = kit.peer.handle;
    let first = kit.runtime.begin_post_here(handle);
    assert!(first.is_ok());
    kit.runtime.end_post(handle);
    assert!(kit.runtime.begin_post_here(handle).is_ok());
}

#[test]
fn a_broken_request_ends_the_session_with_its_reason() {
    let kit = Kit::new(false);
    kit.runtime.fail_here(kit.peer.handle, POST_ABORTED);
    let told = kit.heard.take();
    let closed = "closed TransportError data request connection closed prematurely";
    assert_eq!(told.last().map(String::as_str), Some(closed));
}

/// A session that polls, and for which its bound is reached with the next packet.
fn nearly_full() -> Kit {
    let kit = Kit::new(false);
    kit.engine.config.set_max_pending(10_000);
    kit.peer.pending.add(9_998);
    kit
}

fn events(names: [&str; 3]) -> String {
    names.map(|name| format!("42[\"{name}\"]")).join("\u{1e}")
}

#[test]
fn packets_of_a_post_wait_until_javascript_has_taken_those_before() {
    let kit = nearly_full();
    kit.runtime
        .push_here(kit.peer.handle, events(["a", "b", "c"]).as_bytes());
    assert_eq!(kit.heard.take(), ["note Request", "packet / [\"a\"] []"]);
    let mut taken = kit
        .runtime
        .taking_post(kit.peer.handle)
        .expect("packets wait");
    assert!(taken.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    assert!(kit.peer.pending.take(9_000));
    kit.local.go_on(kit.peer.handle);
    let rest = ["b", "c"].map(|name| format!("packet / [\"{name}\"] []"));
    assert_eq!(kit.heard.take(), rest);
    assert!(taken.try_recv() == Err(oneshot::error::TryRecvError::Closed));
    assert!(kit.runtime.taking_post(kit.peer.handle).is_none());
}

#[test]
fn packets_of_a_post_that_wait_are_dropped_with_their_session() {
    let kit = nearly_full();
    kit.runtime
        .push_here(kit.peer.handle, events(["a", "b", "c"]).as_bytes());
    let mut taken = kit
        .runtime
        .taking_post(kit.peer.handle)
        .expect("packets wait");
    kit.heard.take();
    kit.runtime.close(kit.peer.handle, true);
    assert!(taken.try_recv() == Err(oneshot::error::TryRecvError::Closed));
    kit.local.go_on(kit.peer.handle);
    let told = kit.heard.take();
    assert!(
        told.iter().all(|one| !one.starts_with("packet")),
        "{told:?}"
    );
}
