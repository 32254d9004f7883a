//! Heartbeats: the side that pings, and the end of silent sessions.

use super::{Case, DIRECTION, NOTHING, PING_TIMEOUT, START, V3};
use crate::eio::encoding::PacketEncoding;

#[test]
fn a_ping_follows_each_interval() {
    let mut case = Case::websocket();
    assert_eq!(case.due(), Some(300));
    assert_eq!(case.at(299), NOTHING);
    assert_eq!(case.at(300), ["pinging", "main 2"]);
    assert_eq!(case.due(), Some(500));
    assert_eq!(case.at(350), NOTHING);
    // Data in a pong is the application's to see, and means nothing.
    assert_eq!(case.receive("3x"), ["received 3x"]);
    assert_eq!(case.due(), Some(650));
    assert_eq!(case.at(650), ["pinging", "main 2"]);
}

#[test]
fn the_heartbeat_tells_the_next_ping_or_the_answer_it_waits_for() {
    let mut case = Case::websocket();
    assert_eq!(case.session.heartbeat(), (Some(START + 300), None));
    case.at(300);
    assert_eq!(case.session.heartbeat(), (None, Some(START + 500)));
    case.at(350);
    case.receive("3");
    assert_eq!(case.session.heartbeat(), (Some(START + 650), None));
    case.at(650);
    case.at(850);
    assert_eq!(case.session.heartbeat(), (None, None));
}

#[test]
fn a_pong_nobody_asked_for_restarts_the_interval() {
    let mut case = Case::websocket();
    case.at(200);
    assert_eq!(case.receive("3"), ["received 3"]);
    assert_eq!(case.at(499), NOTHING);
    assert_eq!(case.at(500), ["pinging", "main 2"]);
}

#[test]
fn pings_on_polling_are_packets_like_any_other() {
    let mut case = Case::pending();
    assert_eq!(case.at(300), ["pinging", "answer 2"]);
    let mut case = Case::polling();
    case.send("4a");
    assert_eq!(case.at(300), ["pinging"]);
    assert_eq!(case.poll(), "4a\u{1e}2");
}

#[test]
fn without_a_pong_the_session_ends() {
    for (mut case, end) in [
        (Case::websocket(), vec!["close main", PING_TIMEOUT]),
        (Case::polling(), vec![PING_TIMEOUT]),
    ] {
        case.at(300);
        assert_eq!(case.at(499), NOTHING);
        assert_eq!(case.at(500), end);
        assert_eq!(case.due(), None);
        assert!(case.session.is_closed());
        assert_eq!(case.at(900), NOTHING);
        assert_eq!(case.poll(), "moved");
    }
    let mut case = Case::polling();
    case.at(300);
    assert_eq!(case.poll(), "2");
    assert_eq!(case.poll(), "pending");
    assert_eq!(case.at(500), ["answer 1", PING_TIMEOUT]);
}

#[test]
fn another_packet_puts_the_pong_off_once_for_each_ping() {
    let mut case = Case::websocket();
    // Before the ping it changes nothing.
    case.receive("4a");
    assert_eq!(case.due(), Some(300));
    case.at(300);
    case.at(450);
    case.receive("4b");
    assert_eq!(case.due(), Some(650));
    case.at(600);
    case.receive("bAA==");
    assert_eq!(case.due(), Some(650));
    case.receive("3");
    case.at(900);
    case.at(1_000);
    case.receive("4c");
    assert_eq!(case.due(), Some(1_200));
    assert_eq!(case.at(1_199), NOTHING);
    assert_eq!(case.at(1_200), ["close main", PING_TIMEOUT]);
}

#[test]
fn the_pong_waits_while_nothing_is_read() {
    let mut case = Case::websocket();
    case.session.postpone(START, 50);
    assert_eq!(case.due(), Some(300));
    case.at(300);
    case.session.postpone(START + 400, 50);
    assert_eq!(case.due(), Some(500));
    case.session.postpone(START + 400, 400);
    assert_eq!(case.due(), Some(800));
}

#[test]
fn the_clients_of_protocol_3_send_the_pings() {
    let mut case = Case::new(V3, true);
    assert_eq!(case.due(), Some(500));
    assert_eq!(case.at(499), NOTHING);
    // The data of the ping is not echoed.
    assert_eq!(case.receive("2x"), ["main 3", "received 2x"]);
    assert_eq!(case.due(), Some(999));
    case.at(900);
    case.receive("4a");
    assert_eq!(case.due(), Some(999));
    assert_eq!(case.at(999), ["close main", PING_TIMEOUT]);
}

#[test]
fn a_heartbeat_in_the_wrong_direction_ends_the_session() {
    for (form, packet, alone, among, answer) in [
        (
            PacketEncoding::V4,
            "2",
            "2",
            "4a\u{1e}2\u{1e}4b",
            "answer 1",
        ),
        (V3, "3", "1:3", "2:4a1:32:4b", "answer 1:1"),
    ] {
        let shown = &*format!("received {packet}");
        let mut case = Case::new(form, true);
        assert_eq!(case.receive(packet), [shown, "close main", DIRECTION]);
        let mut case = Case::new(form, false);
        assert_eq!(case.push(among), ["received 4a", shown, DIRECTION]);
        let mut case = Case::new(form, false);
        case.poll();
        assert_eq!(case.push(alone), [shown, answer, DIRECTION]);
    }
}
