use super::*;
use crate::net::test_kit::Heard;

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
