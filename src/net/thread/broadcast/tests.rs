use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::test_kit::{Kit, server_frame};

#[test]
fn a_message_is_the_same_frame_on_every_connection() {
    let kits = [Kit::new(true), Kit::new(true)];
    let local = &kits[0].local;
    let connections = kits.each_ref().map(Kit::connect);
    let mut message = Broadcast::new(false, b"2[\"a\"]");
    for (conn, _) in &connections {
        message.queue(local, conn);
    }
    message.end(local);
    local.settle();
    for (_, tap) in &connections {
        assert_eq!(tap.take(), server_frame(1, b"42[\"a\"]"));
    }
}

#[test]
fn a_binary_message_is_base64_for_who_takes_no_bytes() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    let (other, text_tap) = kit.connect_as(SocketRole::Probe, PacketEncoding::new(4, true));
    let mut message = Broadcast::new(true, &[1, 2]);
    message.queue(&kit.local, &conn);
    message.queue(&kit.local, &other);
    message.end(&kit.local);
    kit.local.settle();
    assert_eq!(tap.take(), server_frame(2, &[1, 2]));
    assert_eq!(text_tap.take(), server_frame(1, b"bAQI="));
}

#[test]
fn a_long_frame_is_shared_and_a_short_one_gives_its_buffer_back() {
    let kit = Kit::new(true);
    let (conn, _) = kit.connect();
    let local = &kit.local;
    for (len, is_shared) in [(SHARED_BYTES - 1, false), (SHARED_BYTES, true)] {
        let frame = Frame::new(local, vec![0; len], &conn);
        assert_eq!(matches!(frame, Frame::Shared(_)), is_shared, "{len}");
        frame.end(local);
        assert!(local.spare_buffer().capacity() > 0, "{len}");
    }
}

#[test]
fn nothing_is_queued_on_a_connection_that_closes() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    conn.close(&kit.local, &[]);
    let mut message = Broadcast::new(false, b"late");
    message.queue(&kit.local, &conn);
    message.end(&kit.local);
    kit.local.settle();
    assert_eq!(tap.take(), server_frame(8, b""));
}
