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
    assert_eq!(attachment_limit(0), usize::MAX);
    assert_eq!(attachment_limit(u64::MAX), usize::MAX);
    assert_eq!(attachment_limit(1000), 1000 * MAX_ATTACHMENTS as usize);
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
