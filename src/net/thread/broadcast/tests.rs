use super::*;
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::test_kit::{Kit, Tap, server_frame};
use crate::ws::deflate::{Compression, Deflater, Parameters, Pool};

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

/// The compressed payload of a frame of less than 64 KiB, and its message.
fn inflated(client: &mut flate2::Decompress, frame: &[u8]) -> (Vec<u8>, Vec<u8>) {
    assert_eq!(frame[0], 0xc1, "a compressed text");
    let header = if frame[1] == 126 { 4 } else { 2 };
    let payload = frame[header..].to_vec();
    let mut text = Vec::with_capacity(64 << 10);
    let input = [&payload[..], &[0, 0, 0xff, 0xff]].concat();
    client
        .decompress_vec(&input, &mut text, flate2::FlushDecompress::Sync)
        .expect("valid");
    (payload, text)
}

#[test]
fn connections_that_take_contexts_over_share_long_frames() {
    let first = Kit::new(true);
    let local = &first.local;
    let kits: Vec<Kit> = (0..40).map(|_| first.another(true)).collect();
    let pool = Rc::<Pool>::default();
    let mut peers: Vec<_> = kits
        .iter()
        .map(|kit| {
            let deflater =
                Deflater::new(Parameters::default(), Compression::default(), pool.clone());
            let (conn, tap) = kit.connect_compressed(deflater);
            (conn, tap, flate2::Decompress::new(false))
        })
        .collect();
    let long = |name: &str| format!("2[\"{name}\"{}]", ",\"long\",12345".repeat(200));
    let frames_of = |data: &str, peers: &mut [(Rc<WebSocketConn>, Rc<Tap>, _)]| {
        let mut message = Broadcast::new(false, data.as_bytes());
        for (conn, ..) in &*peers {
            message.queue(local, conn);
        }
        message.end(local);
        local.settle();
        let mut payloads = Vec::new();
        for (_, tap, client) in peers {
            let (payload, text) = inflated(client, &tap.take());
            assert_eq!(text, format!("4{data}").into_bytes());
            payloads.push(payload);
        }
        payloads.sort();
        payloads.dedup();
        payloads.len()
    };
    // All of them have got short messages of their own, then some have got long ones.
    for (n, (conn, tap, client)) in peers.iter_mut().enumerate() {
        for data in [format!("0{{\"sid\":{n}}}"), long(&n.to_string())] {
            if n < 20 || data.len() < 100 {
                conn.message(local, Opcode::Text, b"4", data.as_bytes());
                local.settle();
                let (_, text) = inflated(client, &tap.take());
                assert_eq!(text, format!("4{data}").into_bytes());
            }
        }
    }
    assert!(frames_of(&long("first"), &mut peers) <= HISTORIES + 1);
    // Those that have got the same frame stay together, as long as nothing else comes between.
    for name in ["second", "third"] {
        assert!(frames_of(&long(name), &mut peers) <= HISTORIES + 1);
    }
    assert_eq!(frames_of("2[\"short\"]", &mut peers[20..]), 1);
}
