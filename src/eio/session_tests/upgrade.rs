//! The move from polling to a WebSocket, and what can come of it.

use super::{Case, FORCED, INTERVAL, NOTHING, START, UPGRADE, V3};
use crate::eio::session::Session;

#[test]
fn a_probe_then_the_upgrade() {
    let mut case = Case::pending();
    assert!(case.upgrade());
    assert_eq!(case.probe("2probe"), ["probe 3probe", "upgrading"]);
    // A pending poll takes what is sent meanwhile; the rest waits for the WebSocket.
    assert_eq!(case.send("4a"), ["answer 4a"]);
    assert_eq!(case.send("4b"), NOTHING);
    assert_eq!(case.send("bYQ=="), NOTHING);
    assert_eq!(case.probe("5"), ["probe 4b", "probe bYQ==", "upgraded"]);
    assert!(case.session.is_websocket());
    assert_eq!(case.send("4c"), ["main 4c"]);
    assert_eq!(case.poll(), "moved");
    // The polls of before are nobody's any more, and so is the timeout.
    assert_eq!(case.call(|session, out| session.poll_lost(out)), NOTHING);
    case.receive("3");
    assert_eq!(case.due(), Some(300));
    assert!(!case.upgrade());
}

#[test]
fn an_upgrade_frees_pending_polls() {
    let mut case = Case::pending().probing();
    assert_eq!(case.due(), Some(100));
    assert_eq!(case.at(99), NOTHING);
    assert_eq!(case.at(100), ["answer 6"]);
    assert_eq!(case.at(200), NOTHING);
    case.at(250);
    assert_eq!(case.poll(), "pending");
    // Late as it may be, the timer goes on from where it is.
    assert_eq!(case.at(310), ["answer 6", "pinging"]);
    assert_eq!(case.due(), Some(410));
    assert_eq!(case.poll(), "2");
    assert_eq!(case.poll(), "pending");
    assert_eq!(case.probe("5"), ["answer 1", "upgraded"]);
}

#[test]
fn the_probe_is_optional() {
    let mut case = Case::pending();
    assert!(case.upgrade());
    assert_eq!(case.probe("5"), ["answer 1", "upgraded"]);
}

#[test]
fn an_upgrade_clears_a_running_ping_timeout() {
    let mut case = Case::polling();
    case.at(300);
    case.at(400);
    let mut case = case.probing();
    case.probe("5");
    assert_eq!(case.due(), Some(700));
    assert_eq!(case.at(700), ["pinging", "main 2"]);
}

#[test]
fn a_failed_upgrade_leaves_the_session_where_it_is() {
    let lost = ["close probe", "upgrade lost"];
    for packet in ["42[]", "2", "2x", "3probe", "1", "6", "bYQ==", "", "x"] {
        for probed in [false, true] {
            let mut case = Case::polling();
            assert!(case.upgrade());
            if probed {
                case.probe("2probe");
            }
            assert_eq!(case.probe(packet), lost, "{packet:?}");
            assert!(case.session.is_open() && !case.session.is_websocket());
            assert_eq!(case.due(), Some(300));
            assert_eq!(case.probing().probe("5"), ["upgraded"]);
        }
    }
    // Nothing in time, with and without the probe.
    for probed in [false, true] {
        let mut case = Case::new(V3, false);
        case.config.set(INTERVAL, 10_000, UPGRADE, 0);
        case.session = Session::new(V3, false, &case.config, START);
        assert!(case.upgrade());
        if probed {
            case.probe("2probe");
        }
        assert_eq!(case.at(999), NOTHING);
        assert_eq!(case.at(1_000), lost);
        assert!(case.upgrade());
    }
    let mut case = Case::polling().probing();
    assert_eq!(
        case.call(|session, out| session.probe_lost(out)),
        ["upgrade lost"]
    );
    assert_eq!(case.call(|session, out| session.probe_lost(out)), NOTHING);
    assert!(case.upgrade());
}

#[test]
fn one_upgrade_at_a_time_and_one_in_all() {
    let mut case = Case::polling();
    assert!(case.upgrade());
    assert!(!case.upgrade());
    case.probe("2probe");
    assert!(!case.upgrade());
    case.probe("5");
    assert!(!case.upgrade());
    let mut case = Case::polling();
    case.close(true);
    assert!(!case.upgrade());
}

#[test]
fn a_session_that_began_on_a_websocket_may_move_once() {
    let mut case = Case::websocket();
    assert!(case.upgrade());
    assert_eq!(case.probe("2probe"), ["probe 3probe", "upgrading"]);
    assert_eq!(case.send("4a"), ["main 4a"]);
    assert_eq!(case.probe("5"), ["close main", "upgraded"]);
    assert_eq!(case.send("4b"), ["main 4b"]);
    assert!(!case.upgrade());
}

#[test]
fn the_end_of_a_session_ends_its_upgrade() {
    let mut case = Case::pending().probing();
    let end = ["answer 1", "close probe", "upgrade lost", FORCED];
    assert_eq!(case.close(true), end);
    // The WebSocket may have spoken before it heard of that.
    for packet in ["2probe", "5", "x"] {
        assert_eq!(case.probe(packet), ["close probe"], "{packet}");
    }
    assert_eq!(case.call(|session, out| session.probe_lost(out)), NOTHING);
    assert_eq!(case.at(2_000), NOTHING);
}

#[test]
fn a_closing_session_says_the_rest_on_the_new_transport() {
    for packets in [vec![], vec!["4a", "bYQ=="]] {
        let mut case = Case::polling();
        for packet in &packets {
            case.send(packet);
        }
        case.close(false);
        let mut expected: Vec<_> = packets
            .iter()
            .map(|packet| format!("probe {packet}"))
            .collect();
        expected.extend(["upgraded".into(), "close main".into(), FORCED.into()]);
        assert_eq!(case.probing().probe("5"), expected);
    }
}
