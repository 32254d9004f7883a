use std::time::Instant;

use super::*;
use crate::config::EngineConfig;
use crate::net::test_kit::{Kit, client_frame, server_frame};

/// Options with a ping after a millisecond.
fn hasty(ping_timeout: u64) -> EngineConfig {
    let config = EngineConfig::default();
    config.set(1, ping_timeout, 10_000, 0);
    config
}

/// Ticks until `condition` holds.
fn tick_until(kit: &Kit, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "never");
        std::thread::sleep(Duration::from_millis(1));
        kit.local.tick_sessions();
    }
}

#[test]
fn a_session_is_pinged_when_its_interval_is_over() {
    let kit = Kit::with_config(true, hasty(60_000));
    let (_, tap) = kit.connect();
    tick_until(&kit, || !tap.written.borrow().is_empty());
    assert_eq!(tap.take(), server_frame(1, b"2"));
    // One ping, and then its pong is awaited.
    assert!(kit.local.tick_sessions().is_some());
    assert!(tap.take().is_empty());
}

#[test]
fn a_session_without_a_pong_ends() {
    let kit = Kit::with_config(true, hasty(1));
    let _conn = kit.connect();
    let handle = kit.peer.handle;
    tick_until(&kit, || kit.local.entry(handle).is_none());
    let told = kit.heard.take();
    assert_eq!(told.last().map(String::as_str), Some("closed PingTimeout "));
}

#[test]
fn a_session_that_is_gone_is_passed_over() {
    let kit = Kit::with_config(true, hasty(1));
    let (_, tap) = kit.connect();
    kit.local.forget(kit.peer.handle);
    tick_until(&kit, || kit.local.wheel.borrow().is_empty());
    assert!(tap.take().is_empty());
}

#[test]
fn a_session_that_is_read_from_again_has_the_whole_time_for_its_pong() {
    let kit = Kit::with_config(true, hasty(60_000));
    let (_, tap) = kit.connect();
    tick_until(&kit, || !tap.written.borrow().is_empty());
    let deadline = || crate::net::lock(&kit.peer.inner).deadline();
    let before = deadline();
    std::thread::sleep(Duration::from_millis(5));
    kit.local.go_on(kit.peer.handle);
    assert!(before.is_some() && deadline() > before);
}

#[test]
fn a_session_beyond_its_rate_is_read_from_again_when_the_timers_say_so() {
    let config = EngineConfig::default();
    config.pace.set(20, 0);
    let kit = Kit::with_config(true, config);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    let frames: Vec<_> = (0..30)
        .flat_map(|n| client_frame(1, format!(r#"42["{n}"]"#).as_bytes()))
        .collect();
    served.receive(&frames);
    assert!(kit.peer.is_over() && kit.peer.pending.is_paced());
    let mut heard = kit.heard.take();
    assert!((20..30).contains(&heard.len()), "{}", heard.len());
    tick_until(&kit, || {
        served.poll();
        heard.extend(kit.heard.take());
        heard.len() == 30
    });
    let expected: Vec<_> = (0..30).map(|n| format!(r#"packet / ["{n}"] []"#)).collect();
    assert_eq!(heard, expected);
}

#[test]
fn a_post_beyond_the_rate_is_decoded_when_the_timers_say_so() {
    let config = EngineConfig::default();
    config.pace.set(20, 0);
    let kit = Kit::with_config(false, config);
    let events: Vec<_> = (0..30).map(|n| format!(r#"42["{n}"]"#)).collect();
    kit.runtime
        .push_here(kit.peer.handle, events.join("\u{1e}").as_bytes());
    assert!(kit.runtime.taking_post(kit.peer.handle).is_some());
    kit.local.look_at_paces();
    tick_until(&kit, || kit.runtime.taking_post(kit.peer.handle).is_none());
    let packets = kit.heard.take();
    let packets = packets.iter().filter(|told| told.starts_with("packet"));
    assert_eq!(packets.count(), 30);
}

#[test]
fn a_limit_that_is_taken_back_ends_the_wait_of_a_session() {
    let config = EngineConfig::default();
    config.pace.set(1, 0);
    let kit = Kit::with_config(true, config);
    let (conn, tap) = kit.connect();
    let mut served = kit.serve(&conn, &tap);
    for _ in 0..3 {
        served.receive(&client_frame(9, b""));
    }
    assert!(!kit.peer.is_over(), "a ping is no event");
    served.receive(&client_frame(1, br#"42["a"]"#));
    assert!(kit.peer.is_over());
    kit.engine.config.pace.set(0, 0);
    kit.local.look_at_paces();
    tick_until(&kit, || !kit.peer.is_over());
}
