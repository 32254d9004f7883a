//! The session under any sequence of inputs, in a world that behaves as real transports do.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{INTERVAL, START, TIMEOUT, UPGRADE, V3, packet, text};
use crate::config::EngineConfig;
use crate::eio::encoding::PacketEncoding;
use crate::eio::packet::{Packet, Type};
use crate::eio::payload::{self, Payload};
use crate::eio::payload_v3;
use crate::eio::session::{Output, Poll, Session, SocketRole};
use crate::error::{CloseReason, Reason};

/// The surroundings of the session: its transports, and the packets that reached the client.
struct World {
    form: PacketEncoding,
    main: bool,
    probe: bool,
    poll: bool,
    closed: bool,
    /// Messages sent while the session was open and not yet delivered.
    sent: VecDeque<String>,
    /// Anything but closing the probe was asked for after the end.
    spoke_after_the_end: bool,
}

impl World {
    fn speaks(&mut self) {
        self.spoke_after_the_end |= self.closed;
    }

    /// The client got a packet. Messages come in order, each once.
    fn delivered(&mut self, packet: &Packet<'_>) {
        if matches!(packet, Packet::Binary(_) | Packet::Text(Type::Message, _)) {
            assert_eq!(self.sent.pop_front(), Some(text(packet)));
        }
    }

    fn delivered_payload(&mut self, payload: &Payload) {
        let packets: Result<Vec<_>, _> = match payload {
            Payload::Text(text) if self.form == V3 => payload_v3::decode(text).collect(),
            Payload::Text(text) => payload::decode(text).collect(),
            Payload::Binary(bytes) => payload_v3::decode_binary(bytes).and_then(Iterator::collect),
        };
        for packet in packets.expect("a payload of packets") {
            self.delivered(&packet);
        }
    }
}

impl Output for World {
    fn received(&mut self, _: Packet<'_>) {
        self.speaks();
    }
    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>) {
        self.speaks();
        match socket {
            SocketRole::Main => {
                assert!(self.main, "a frame for a socket that is gone");
                self.delivered(&packet);
            }
            SocketRole::Probe => {
                assert!(self.probe, "a frame for a probe that is gone");
                // Its answer, or what had to wait for the upgrade.
                if packet != Packet::Text(Type::Pong, "probe") {
                    self.delivered(&packet);
                }
            }
        }
    }
    fn close_socket(&mut self, socket: SocketRole) {
        match socket {
            SocketRole::Main => {
                self.speaks();
                assert!(std::mem::take(&mut self.main), "closed twice");
            }
            SocketRole::Probe => self.probe = false,
        }
    }
    fn answer(&mut self, payload: Payload) {
        self.speaks();
        assert!(std::mem::take(&mut self.poll), "nobody polls");
        self.delivered_payload(&payload);
    }
    fn abort_post(&mut self) {
        self.speaks();
        assert!(!self.main, "posts belong to polling");
    }
    fn pinging(&mut self) {
        self.speaks();
    }
    fn upgrading(&mut self) {
        self.speaks();
    }
    fn upgrade_lost(&mut self) {
        self.speaks();
        self.probe = false;
    }
    fn upgraded(&mut self) {
        self.speaks();
        assert!(!self.main && !self.poll, "the old transport was left");
        assert!(std::mem::take(&mut self.probe));
        self.main = true;
    }
    fn closed(&mut self, _: CloseReason) {
        self.speaks();
        assert!(!self.poll, "a poll without answer");
        assert!(!self.probe, "a probe left alone");
        self.closed = true;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    /// To exactly the deadline, as the timer does.
    Deadline,
    Send,
    SendBinary,
    Receive(&'static str),
    Undecodable,
    Poll,
    PollLost,
    Push(&'static str),
    Upgrade,
    Probe(&'static str),
    ProbeLost,
    SocketLost,
    Close(bool),
    End,
    Postpone(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let received = prop::sample::select(vec!["4x", "3", "3", "3", "bAA==", "0", "1", "6"]);
    let pushed = prop::sample::select(vec!["4x", "3", "3\u{1e}4x", "4x\u{1e}3"]);
    let bad = prop::sample::select(vec!["", "1", "4x\u{1e}1", "2", "3\u{1e}9\u{1e}3"]);
    let probed = prop::sample::select(vec!["2probe", "2probe", "5", "5", "4x", "x", "2"]);
    prop_oneof![
        4 => (0..INTERVAL).prop_map(Step::Wait),
        6 => Just(Step::Deadline),
        10 => Just(Step::Send),
        3 => Just(Step::SendBinary),
        6 => received.prop_map(Step::Receive),
        8 => Just(Step::Poll),
        6 => pushed.prop_map(Step::Push),
        4 => Just(Step::Upgrade),
        6 => probed.prop_map(Step::Probe),
        1 => Just(Step::ProbeLost),
        1 => (0..TIMEOUT).prop_map(Step::Postpone),
        1 => prop_oneof![
            bad.prop_map(Step::Push),
            Just(Step::Undecodable),
            Just(Step::Receive("2")),
            Just(Step::PollLost),
            Just(Step::SocketLost),
            Just(Step::End),
            any::<bool>().prop_map(Step::Close),
        ],
    ]
}

/// The packet that a client of protocol 3 sends where one of protocol 4 sends `text`.
fn translated(form: PacketEncoding, text: &str) -> String {
    match text {
        "2" if form == V3 => "3".into(),
        "3" if form == V3 => "2".into(),
        _ => text.into(),
    }
}

fn translated_body(form: PacketEncoding, body: &str) -> String {
    let pieces = body.split(payload::SEPARATOR);
    match form {
        V3 => pieces
            .map(|piece| format!("{}:{}", piece.len(), translated(form, piece)))
            .collect(),
        _ => body.into(),
    }
}

struct Run {
    session: Session,
    config: EngineConfig,
    now: u64,
    count: usize,
    out: World,
}

impl Run {
    fn new(form: PacketEncoding, websocket: bool) -> Self {
        let config = EngineConfig::default();
        config.set(INTERVAL, TIMEOUT, UPGRADE, 0);
        let out = World {
            form,
            main: websocket,
            probe: false,
            poll: false,
            closed: false,
            sent: VecDeque::new(),
            spoke_after_the_end: false,
        };
        Self {
            session: Session::new(form, websocket, &config, START),
            config,
            now: START,
            count: 0,
            out,
        }
    }

    fn send(&mut self, binary: bool) {
        self.count += 1;
        let data = self.count.to_string();
        let message = if binary {
            Packet::Binary(data.as_bytes().into())
        } else {
            Packet::Text(Type::Message, &data)
        };
        if self.session.is_open() {
            self.out.sent.push_back(text(&message));
        }
        self.session.send(message, &mut self.out);
    }

    fn poll(&mut self) {
        let polled = self.out.poll;
        match self.session.poll(&mut self.out) {
            Poll::Payload(payload) | Poll::Part(payload) => self.out.delivered_payload(&payload),
            Poll::Pending => {
                assert!(!polled && !self.session.is_closed());
                self.out.poll = true;
            }
            Poll::Overlap => assert!(polled && self.session.is_closed()),
            Poll::Moved => assert!(self.session.is_websocket() || self.session.is_closed()),
        }
    }

    fn tick(&mut self) {
        let before = self.session.deadline();
        let next = self.session.tick(&self.config, self.now, &mut self.out);
        assert_eq!(next, self.session.deadline());
        match before {
            Some(at) if at > self.now => assert_eq!(next, before, "too early to do anything"),
            _ => assert!(next.is_none_or(|at| at > self.now), "left undone"),
        }
    }

    /// Does a step, unless it needs a transport that is not there. After the end anything may
    /// come: who sends it has not heard of the end yet.
    fn step(&mut self, step: Step) {
        let over = self.session.is_closed();
        let (config, now, out) = (&self.config, self.now, &mut self.out);
        match step {
            Step::Wait(ms) => {
                self.now += ms;
                self.tick();
            }
            Step::Deadline => {
                self.now = self.session.deadline().unwrap_or(now).max(now);
                self.tick();
            }
            Step::Send => self.send(false),
            Step::SendBinary => self.send(true),
            Step::Receive(text) if out.main || over => {
                let text = translated(out.form, text);
                self.session.receive(packet(&text), config, now, out);
            }
            Step::Undecodable => self.session.receive_undecodable(out),
            Step::Poll => self.poll(),
            Step::PollLost if out.poll || over => {
                out.poll = false;
                self.session.poll_lost(out);
            }
            Step::Push(body) if !out.main || over => {
                let body = translated_body(out.form, body);
                self.session.push(&body, config, now, out);
            }
            Step::Upgrade => {
                let granted = self.session.upgrade(config, now);
                assert!(!granted || !over && !out.probe);
                out.probe |= granted;
            }
            Step::Probe(text) if out.probe || over => {
                let packet = Packet::decode(text).ok();
                self.session.receive_probe(packet, config, now, out);
            }
            Step::ProbeLost if out.probe || over => {
                out.probe = false;
                self.session.probe_lost(out);
            }
            Step::SocketLost if out.main || over => {
                out.main = false;
                let closure = CloseReason::without_detail(Reason::TransportClose);
                self.session.socket_lost(closure, out);
            }
            Step::Close(discard) => self.session.close(discard, now, out),
            Step::End => self
                .session
                .end(CloseReason::without_detail(Reason::TransportClose), out),
            Step::Postpone(ms) => self.session.postpone(now, ms),
            _ => {}
        }
    }

    fn check(&self) {
        assert_eq!(self.session.deadline().is_none(), self.session.is_closed());
        assert_eq!(self.session.is_closed(), self.out.closed);
        assert!(!self.out.spoke_after_the_end);
        if !self.session.is_closed() {
            assert_eq!(self.session.is_websocket(), self.out.main);
            assert_eq!(self.session.is_poll_pending(), self.out.poll);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn messages_arrive_once_and_in_order_and_nothing_follows_the_end(
        form in prop_oneof![Just(PacketEncoding::V4), Just(V3)],
        websocket in any::<bool>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut run = Run::new(form, websocket);
        for step in steps {
            run.step(step);
            run.check();
        }
        // A session that still lives gets everything: at once, or on the next poll.
        if !run.session.is_closed() && !run.out.poll && !run.out.main {
            run.poll();
            run.check();
        }
        if !run.session.is_closed() {
            prop_assert_eq!(run.out.sent, VecDeque::<String>::new());
        }
    }
}
