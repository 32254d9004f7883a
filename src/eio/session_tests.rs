//! The session: each rule by example, then any sequence of inputs. What it asks of its
//! surroundings is recorded as words, packets in their text form.

#[path = "session_tests/heartbeat.rs"]
mod heartbeat;
#[path = "session_tests/properties.rs"]
mod properties;
#[path = "session_tests/upgrade.rs"]
mod upgrade;

use super::{Output, Poll, Session, SocketRole};
use crate::config::{CLOSE_WAIT_MS, EngineConfig};
use crate::eio::encoding::PacketEncoding;
use crate::eio::packet::Packet;
use crate::eio::payload::{self, Payload, SEPARATOR};
use crate::error::{CloseReason, POLL_ABORTED, POLL_OVERLAP, Reason};

const INTERVAL: u64 = 300;
const TIMEOUT: u64 = 200;
const UPGRADE: u64 = 1_000;
const V3: PacketEncoding = PacketEncoding::new(3, false);
/// The time at which every session here begins.
const START: u64 = 5_000;

fn text(packet: &Packet<'_>) -> String {
    payload::encode([packet])
}

fn packet(text: &str) -> Packet<'_> {
    Packet::decode(text).expect("a packet")
}

/// A text payload as it is, a binary one as a list of its bytes.
fn shown(payload: Payload) -> String {
    match payload {
        Payload::Text(text) => text,
        Payload::Binary(bytes) => format!("{bytes:?}"),
    }
}

fn name(socket: SocketRole) -> &'static str {
    match socket {
        SocketRole::Main => "main",
        SocketRole::Probe => "probe",
    }
}

fn name_of(closure: &CloseReason) -> String {
    let detail = closure.detail.as_deref().unwrap_or("-");
    format!("closed {:?} {detail}", closure.reason)
}

/// The output of a session.
#[derive(Default)]
struct Log {
    words: Vec<String>,
    /// The number of times that it gave up the POST that is being received.
    aborted: usize,
    /// It has enough after each packet of a POST.
    enough: bool,
}

impl Output for Log {
    fn has_enough(&self) -> bool {
        self.enough
    }
    fn received(&mut self, packet: Packet<'_>) {
        self.words.push(format!("received {}", text(&packet)));
    }
    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>) {
        self.words
            .push(format!("{} {}", name(socket), text(&packet)));
    }
    fn close_socket(&mut self, socket: SocketRole) {
        self.words.push(format!("close {}", name(socket)));
    }
    fn answer(&mut self, payload: Payload) {
        self.words.push(format!("answer {}", shown(payload)));
    }
    fn abort_post(&mut self) {
        self.aborted += 1;
    }
    fn pinging(&mut self) {
        self.words.push("pinging".into());
    }
    fn upgrading(&mut self) {
        self.words.push("upgrading".into());
    }
    fn upgrade_lost(&mut self) {
        self.words.push("upgrade lost".into());
    }
    fn upgraded(&mut self) {
        self.words.push("upgraded".into());
    }
    fn closed(&mut self, closure: CloseReason) {
        self.words.push(name_of(&closure));
    }
}

/// A session with its clock and its log. Each call returns what it caused.
struct Case {
    session: Session,
    config: EngineConfig,
    now: u64,
    out: Log,
}

impl Case {
    fn new(form: PacketEncoding, websocket: bool) -> Self {
        let config = EngineConfig::default();
        config.set(INTERVAL, TIMEOUT, UPGRADE, 0);
        let session = Session::new(form, websocket, &config, START);
        Self {
            session,
            config,
            now: START,
            out: Log::default(),
        }
    }

    fn websocket() -> Self {
        Self::new(PacketEncoding::V4, true)
    }

    fn polling() -> Self {
        Self::new(PacketEncoding::V4, false)
    }

    /// A polling session whose client polls.
    fn pending() -> Self {
        let mut case = Self::polling();
        assert_eq!(case.poll(), "pending");
        case
    }

    /// A polling session that a WebSocket tries to take over.
    fn probing(mut self) -> Self {
        assert!(self.upgrade());
        self.probe("2probe");
        self
    }

    fn did(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out.words)
    }

    /// The ms from the start to the look of its timer at the session.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.now = START + ms;
        let next = self.session.tick(&self.config, self.now, &mut self.out);
        assert_eq!(next, self.session.deadline());
        self.did()
    }

    /// The next deadline, in ms after the start.
    fn due(&self) -> Option<u64> {
        self.session.deadline().map(|at| at - START)
    }

    fn receive(&mut self, text: &str) -> Vec<String> {
        let packet = packet(text);
        self.session
            .receive(packet, &self.config, self.now, &mut self.out);
        self.did()
    }

    fn send(&mut self, text: &str) -> Vec<String> {
        self.session.send(packet(text), &mut self.out);
        self.did()
    }

    /// The body, or the other outcome's name; what it caused stays in the log.
    fn poll(&mut self) -> String {
        match self.session.poll(&mut self.out) {
            Poll::Payload(payload) | Poll::Part(payload) => shown(payload),
            Poll::Pending => "pending".into(),
            Poll::Overlap => "overlap".into(),
            Poll::Moved => "moved".into(),
        }
    }

    fn push(&mut self, body: &str) -> Vec<String> {
        self.session
            .push(body, &self.config, self.now, &mut self.out);
        self.did()
    }

    fn push_binary(&mut self, body: &[u8]) -> Vec<String> {
        self.session
            .push_binary(body, &self.config, self.now, &mut self.out);
        self.did()
    }

    fn close(&mut self, discard: bool) -> Vec<String> {
        self.session.close(discard, self.now, &mut self.out);
        self.did()
    }

    fn upgrade(&mut self) -> bool {
        self.session.upgrade(&self.config, self.now)
    }

    fn probe(&mut self, text: &str) -> Vec<String> {
        let packet = Packet::decode(text).ok();
        self.session
            .receive_probe(packet, &self.config, self.now, &mut self.out);
        self.did()
    }

    fn call(&mut self, f: impl FnOnce(&mut Session, &mut Log)) -> Vec<String> {
        f(&mut self.session, &mut self.out);
        self.did()
    }
}

const PING_TIMEOUT: &str = "closed PingTimeout -";
const FORCED: &str = "closed ForcedClose -";
const DIRECTION: &str = "closed TransportError invalid heartbeat direction";
const NOTHING: [&str; 0] = [];
/// The last words on polling.
const GOODBYE: &str = "6\u{1e}1";

#[test]
fn payloads_of_protocol_3() {
    let mut case = Case::new(V3, false);
    case.send("4\u{20ac}");
    case.send("4b");
    assert_eq!(case.poll(), "2:4\u{20ac}2:4b");
    case.send("4a");
    case.send("bAQI=");
    assert_eq!(case.poll(), "[0, 2, 255, 52, 97, 1, 3, 255, 4, 1, 2]");
    assert_eq!(case.poll(), "pending");
    assert_eq!(
        case.push("6:2probe2:4a"),
        ["answer 1:3", "received 2probe", "received 4a"]
    );
    assert_eq!(
        case.push_binary(b"\x00\x02\xff4a\x01\x02\xff\x04\x01"),
        ["received 4a", "received bAQ=="]
    );
    assert_eq!(
        case.push_binary(b"\x00\x02\xff4a\x01"),
        ["closed ParseError -"]
    );
    assert_eq!(Case::polling().push_binary(b""), ["closed ParseError -"]);

    let mut case = Case::new(PacketEncoding::new(3, true), false);
    case.send("bAQI=");
    assert_eq!(case.poll(), "6:b4AQI=");
    assert_eq!(case.push("0:6:b4AQI="), ["received bAQI="]);
    assert_eq!(case.poll(), "pending");
    assert_eq!(
        case.push("1:12:4a"),
        ["answer 1:6", "closed TransportClose -"]
    );

    let mut case = Case::new(V3, false);
    case.close(false);
    assert_eq!(case.poll(), "1:61:1");
}

#[test]
fn the_first_packet_answers_a_pending_poll_alone() {
    let mut case = Case::pending();
    assert!(case.session.is_poll_pending());
    assert_eq!(case.send("4a"), ["answer 4a"]);
    assert!(!case.session.is_poll_pending());
    for packet in ["4b", "bAQIDBA==", "4"] {
        assert_eq!(case.send(packet), NOTHING);
    }
    assert_eq!(case.poll(), "4b\u{1e}bAQIDBA==\u{1e}4");
    assert_eq!(case.poll(), "pending");
    assert_eq!(case.did(), NOTHING);
}

#[test]
fn a_second_poll_or_a_lost_one_ends_the_session() {
    let mut case = Case::pending();
    assert_eq!(case.poll(), "overlap");
    assert_eq!(case.did(), ["answer 1", &name_of(&POLL_OVERLAP)]);
    let mut case = Case::pending();
    let lost = case.call(|session, out| session.poll_lost(out));
    assert_eq!(lost, [name_of(&POLL_ABORTED)]);
    assert_eq!(case.poll(), "moved");
}

#[test]
fn a_body_is_taken_up_to_what_ends_the_session() {
    for (body, did) in [
        (
            "4a\u{1e}bYQ==\u{1e}6",
            vec!["received 4a", "received bYQ==", "received 6"],
        ),
        ("", vec!["answer 1", "closed ParseError -"]),
        (
            "4a\u{1e}9\u{1e}4b",
            vec!["received 4a", "answer 1", "closed ParseError -"],
        ),
        (
            "4a\u{1e}1\u{1e}4b",
            vec!["received 4a", "answer 6", "closed TransportClose -"],
        ),
    ] {
        assert_eq!(Case::pending().push(body), did);
        let mut idle = Case::polling();
        let quiet: Vec<_> = did
            .into_iter()
            .filter(|e| !e.starts_with("answer"))
            .collect();
        assert_eq!(idle.push(body), quiet);
    }
}

#[test]
fn what_closes_at_once() {
    type Act = fn(&mut Session, &mut Log);
    let acts: [(&str, Act); 3] = [
        (FORCED, |session, out| session.close(true, START, out)),
        ("closed ParseError -", |session, out| {
            session.receive_undecodable(out)
        }),
        ("closed TransportClose -", |session, out| {
            session.end(CloseReason::without_detail(Reason::TransportClose), out);
        }),
    ];
    for (closed, act) in acts {
        assert_eq!(Case::websocket().call(act), ["close main", closed]);
        assert_eq!(Case::pending().call(act), ["answer 1", closed]);
        for buffered in [false, true] {
            let mut case = Case::polling();
            if buffered {
                case.send("4a");
            }
            assert_eq!(case.call(act), [closed]);
            assert_eq!(case.poll(), "moved");
            assert_eq!(case.call(act), NOTHING);
        }
    }
    // The socket is gone already: there is nothing to close.
    let mut case = Case::websocket();
    let lost = case.call(|session, out| {
        session.socket_lost(CloseReason::without_detail(Reason::TransportClose), out);
    });
    assert_eq!(lost, ["closed TransportClose -"]);
}

#[test]
fn a_polite_close_waits_for_a_poll() {
    assert_eq!(Case::websocket().close(false), ["close main", FORCED]);
    assert_eq!(Case::pending().close(false), ["answer 1", FORCED]);
    for buffered in [false, true] {
        let mut case = Case::polling();
        if buffered {
            case.send("4a");
            case.send("4b");
        }
        assert_eq!(case.close(false), NOTHING);
        assert!(!case.session.is_open() && !case.session.is_closed());
        // Nothing is sent or taken any more.
        assert_eq!(case.send("4c"), NOTHING);
        assert_eq!(case.push("4d"), NOTHING);
        if buffered {
            assert_eq!(case.poll(), "4a\u{1e}4b");
        }
        assert_eq!(case.poll(), GOODBYE);
        assert_eq!(case.did(), [FORCED]);
        assert_eq!(case.poll(), "moved");
    }
}

#[test]
fn a_session_gives_up_its_post_when_nothing_more_is_taken() {
    fn aborted(mut case: Case, act: impl FnOnce(&mut Case)) -> usize {
        case.out.aborted = 0;
        act(&mut case);
        case.out.aborted
    }
    for discard in [false, true] {
        let close = |case: &mut Case| drop(case.close(discard));
        assert_eq!(aborted(Case::polling(), close), 1);
        assert_eq!(aborted(Case::pending(), close), 1);
    }
    // Buffered packets are delivered first.
    let mut case = Case::polling();
    case.send("4a");
    case.close(false);
    assert_eq!(case.out.aborted, 0);
    let poll = |case: &mut Case| drop(case.poll());
    assert_eq!(aborted(case, poll), 1);
    let switch = |case: &mut Case| drop(case.probe("5"));
    assert_eq!(aborted(Case::polling().probing(), switch), 1);
    let tick = |case: &mut Case| {
        case.at(INTERVAL);
        case.at(INTERVAL + TIMEOUT);
    };
    assert_eq!(aborted(Case::polling(), tick), 1);
    assert_eq!(aborted(Case::polling(), |case| drop(case.push("1"))), 1);
    // A WebSocket has none.
    let close = |case: &mut Case| drop(case.close(true));
    assert_eq!(aborted(Case::websocket(), close), 0);
}

#[test]
fn a_closing_session_does_not_wait_for_ever() {
    let mut case = Case::polling();
    case.config.set(CLOSE_WAIT_MS * 2, TIMEOUT, UPGRADE, 0);
    case.session = Session::new(PacketEncoding::V4, false, &case.config, START);
    case.close(false);
    assert_eq!(case.due(), Some(CLOSE_WAIT_MS));
    assert_eq!(case.at(CLOSE_WAIT_MS - 1), NOTHING);
    assert_eq!(case.at(CLOSE_WAIT_MS), [FORCED]);
    // The heartbeat may run out before. No ping is sent, so none is told of.
    let mut case = Case::polling();
    case.close(false);
    assert_eq!(case.at(300), NOTHING);
    assert_eq!(case.at(500), [PING_TIMEOUT]);
    // Closing again, for good, or the client's own goodbye.
    for push in [false, true] {
        let mut case = Case::polling();
        case.close(false);
        assert_eq!(case.close(false), NOTHING);
        if push {
            assert_eq!(case.push("1"), ["closed TransportClose -"]);
        } else {
            assert_eq!(case.close(true), [FORCED]);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "megabytes")]
fn a_closing_session_gives_all_that_waits_before_its_goodbye() {
    let megabyte = format!("4{}", "x".repeat(1 << 20));
    let mut case = Case::polling();
    case.send(&megabyte);
    case.send(&megabyte);
    assert_eq!(case.close(false), NOTHING);
    let aborted = case.out.aborted;
    for _ in 0..2 {
        assert_eq!(case.out.aborted, aborted);
        assert!(case.poll() == megabyte);
    }
    assert_eq!(case.out.aborted, aborted + 1);
    assert!(case.poll().ends_with("1"));
}

#[test]
fn a_post_is_handled_until_there_is_enough_and_goes_on_where_it_stopped() {
    for (form, body) in [
        (PacketEncoding::V4, "4a\u{1e}4b\u{1e}4c"),
        (V3, "2:4a2:4b2:4c"),
    ] {
        let mut case = Case::new(form, false);
        let mut rest = body;
        let mut slices = 0;
        loop {
            case.out.enough = true;
            let Case {
                session,
                config,
                now,
                out,
            } = &mut case;
            let left = session.push(rest, config, *now, out);
            slices += 1;
            let Some(left) = left else { break };
            rest = &rest[rest.len() - left..];
        }
        assert_eq!(slices, 3);
        let words = ["received 4a", "received 4b", "received 4c"];
        assert_eq!(case.out.words, words);
    }
}

#[test]
fn a_binary_post_goes_on_where_it_stopped() {
    let mut case = Case::new(V3, false);
    case.out.enough = true;
    let mut rest = &b"\x00\x02\xff4a\x00\x02\xff4b\x00\x02\xff4c"[..];
    let mut slices = 0;
    loop {
        let Case {
            session,
            config,
            now,
            out,
        } = &mut case;
        let left = match slices {
            0 => session.push_binary(rest, config, *now, out),
            _ => session.push_binary_rest(rest, config, *now, out),
        };
        slices += 1;
        let Some(left) = left else { break };
        rest = &rest[rest.len() - left..];
    }
    assert_eq!(slices, 3);
    let words = ["received 4a", "received 4b", "received 4c"];
    assert_eq!(case.out.words, words);
}

#[test]
#[cfg_attr(miri, ignore = "megabytes")]
fn what_waits_for_a_poll_is_counted() {
    let megabyte = format!("4{}", "x".repeat(1 << 20));
    let mut case = Case::polling();
    for n in 1..=3 {
        assert_eq!(case.send(&megabyte), NOTHING);
        assert!(case.session.buffered() > n << 20);
    }
    assert_eq!(case.session.answered_polls(), 0);
    // Together they are more than one answer holds.
    for answered in 1..=3 {
        assert_eq!(case.poll().split(SEPARATOR).count(), 1);
        assert_eq!(case.session.answered_polls(), answered);
        let left = 3 - answered as usize;
        assert_eq!(case.session.buffered() >> 20, left);
    }
    assert_eq!(case.session.buffered(), 0);
    // A poll that waits takes a packet at once.
    assert_eq!(case.poll(), "pending");
    case.send(&megabyte);
    assert_eq!(
        (case.session.buffered(), case.session.answered_polls()),
        (0, 4)
    );
}
