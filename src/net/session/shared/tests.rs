use super::*;
use crate::net::test_kit::{Heard, Kit};

fn text(data: &str) -> Packet<'_> {
    Packet::Text(Type::Message, data)
}

/// Messages, and what they are told to.
struct Case {
    messages: Messages,
    engine: SharedEngine,
    heard: Heard,
}

impl Case {
    fn new() -> Self {
        Self {
            messages: Messages::default(),
            engine: SharedEngine::default(),
            heard: Heard::default(),
        }
    }

    /// The events that a packet causes.
    fn receive(&mut self, packet: Packet<'_>) -> Vec<String> {
        let handle = Handle::from_raw(1);
        self.messages
            .receive(packet, handle, &self.engine, &self.heard);
        self.heard.take()
    }
}

#[test]
fn messages_tell_decoded_packets() {
    let mut case = Case::new();
    assert_eq!(case.receive(text(r#"2["a"]"#)), [r#"packet / ["a"] []"#]);
    assert_eq!(case.receive(text("0/b,")), ["packet /b  []"]);
    // A packet without a message in it means nothing to Socket.IO.
    assert!(case.receive(Packet::Text(Type::Noop, "")).is_empty());
}

#[test]
fn messages_tell_a_packet_once_its_attachments_are_there() {
    let mut case = Case::new();
    let announced = r#"52-["a",{"_placeholder":true,"num":0}]"#;
    assert!(case.receive(text(announced)).is_empty());
    assert!(
        case.receive(Packet::Binary(vec![1].into())).is_empty(),
        "one is missing"
    );
    let told = case.receive(Packet::Binary(vec![2, 3].into()));
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("[[1], [2, 3]]"), "{told:?}");
}

#[test]
fn messages_ignore_all_packets_behind_a_refused_one() {
    let mut case = Case::new();
    assert_eq!(case.receive(text("x")), ["refused unknown packet type NaN"]);
    assert!(case.receive(text(r#"2["a"]"#)).is_empty());
    assert!(case.receive(Packet::Binary(vec![1].into())).is_empty());
}

#[test]
fn raw_messages_are_told_undecoded() {
    let mut case = Case::new();
    case.messages.set_decode_in_js(true);
    assert!(case.messages.decodes_in_js());
    assert_eq!(case.receive(text("anything")), ["engine packet 4anything"]);
    case.messages.set_decode_in_js(false);
    assert_eq!(case.receive(text(r#"2["a"]"#)), [r#"packet / ["a"] []"#]);
}

#[test]
fn attachments_are_limited_to_as_many_full_messages_as_may_be_announced() {
    let limit = |max_message, max_attachments| {
        let config = EngineConfig::default();
        config.set(1, 1, 1, max_message);
        config.set_max_attachments(max_attachments);
        attachment_limit(&config)
    };
    assert_eq!(limit(0, 10), usize::MAX);
    assert_eq!(limit(u64::MAX, 10), usize::MAX);
    assert_eq!(limit(1000, 10), 10_000);
    assert_eq!(limit(1000, 3), 3_000);
}

#[test]
fn the_number_of_attachments_is_the_option_and_its_excess_is_counted() {
    let mut case = Case::new();
    case.engine.config.set_max_attachments(1);
    assert!(case.receive(text(r#"51-["a"]"#)).is_empty());
    assert_eq!(case.receive(Packet::Binary(vec![1].into())).len(), 1);
    assert_eq!(case.engine.counters.times(Bound::Attachments), 0);
    assert_eq!(
        case.receive(text(r#"52-["a"]"#)),
        ["refused too many attachments"]
    );
    assert_eq!(case.engine.counters.times(Bound::Attachments), 1);
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
fn traffic_counts_on_from_what_it_began_with() {
    let traffic = Traffic::default();
    assert_eq!(traffic.load(), (0, 0));
    traffic.store((100, 200));
    traffic.add(1, 0);
    traffic.add(2, 3);
    assert_eq!(traffic.load(), (103, 203));
}

#[test]
fn backlog_gives_what_was_stored_last() {
    let backlog = Backlog::default();
    assert_eq!((backlog.bytes(), backlog.messages()), (0, 0));
    backlog.store(10, 2);
    backlog.store(5, 1);
    assert_eq!((backlog.bytes(), backlog.messages()), (5, 1));
    assert!(!backlog.is_in_batches());
    backlog.send_in_batches();
    assert!(backlog.is_in_batches());
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
