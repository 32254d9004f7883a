use std::time::Instant;

use super::*;
use crate::config::EngineConfig;
use crate::net::test_kit::{Kit, server_frame};

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
