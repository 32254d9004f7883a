use super::*;
use crate::config::EngineConfig;
use crate::net::test_kit::{Heard, Kit};

fn text(data: &str) -> Packet<'_> {
    Packet::Text(Type::Message, data)
}

#[test]
fn a_packet_is_an_event_and_its_attachments_are_none() {
    let config = EngineConfig::default();
    config.pace.set(2, 0);
    let kit = Kit::with_config(true, config);
    let lane = kit.peer.counters().lane();
    let receive = |packet| {
        kit.peer
            .receive(lane, &mut lock(&kit.peer).messages, packet, || 0)
    };
    receive(text(r#"52-["a"]"#));
    receive(Packet::Binary(vec![1].into()));
    receive(Packet::Text(Type::Pong, ""));
    receive(Packet::Binary(vec![1].into()));
    assert!(!kit.peer.is_over());
    receive(text(r#"2["b"]"#));
    assert!(kit.peer.is_over());
    assert_eq!(kit.engine.counters.times(Bound::Events), 1);
    assert_eq!(lock(&kit.peer).deadline(), Some(500));
    assert!(!kit.peer.ends_pause(&mut lock(&kit.peer).messages, 499));
    assert!(kit.peer.ends_pause(&mut lock(&kit.peer).messages, 500));
    assert!(!kit.peer.is_over());
}

#[test]
fn a_binary_message_is_an_event_where_no_socket_io_server_takes_it() {
    let session = Session::new(
        crate::eio::encoding::PacketEncoding::V4,
        true,
        &EngineConfig::default(),
        0,
    );
    assert!(Inner::new(session, true, 0, 0).messages.counts_binary);
}

#[test]
fn an_offered_websocket_decides_by_whom_the_session_is_served_once_it_is_promoted() {
    let kit = Kit::new(false);
    let served = || [SocketRole::Main, SocketRole::Probe].map(|role| kit.peer.is_external(role));
    assert_eq!(served(), [false, false]);
    kit.peer.offer(true);
    assert_eq!(served(), [false, true]);
    kit.peer.promote();
    assert_eq!(served(), [true, true]);
}

#[test]
fn a_post_that_is_given_up_is_told_to_who_receives_it() {
    let heard = Heard::default();
    let handle = Handle::from_raw(1);
    let (sender, mut receiving) = oneshot::channel();
    let mut post = Some(Post::Here(sender));
    Inner::abort_post(&mut post, handle, &heard);
    assert!(receiving.try_recv().is_err(), "the channel is closed");
    assert!(heard.take().is_empty());

    post = Some(Post::InJavaScript);
    Inner::abort_post(&mut post, handle, &heard);
    assert_eq!(heard.take(), ["note PostAborted"]);

    Inner::abort_post(&mut post, handle, &heard);
    assert!(post.is_none() && heard.take().is_empty());
}

#[test]
fn only_a_session_that_polls_has_a_reader() {
    for websocket in [false, true] {
        let kit = Kit::new(websocket);
        assert_eq!(lock(&kit.peer).reader.is_none(), websocket);
    }
}

fn lock(peer: &SharedSession) -> std::sync::MutexGuard<'_, Inner> {
    crate::net::lock(&peer.inner)
}
