//! The I/O threads over real sockets: bytes of an independent client in, what JavaScript is told
//! out, and the other way.
#![cfg(unix)]

#[cfg(test)]
#[path = "net/listener.rs"]
mod listener;
#[cfg(test)]
#[path = "net/sessions.rs"]
mod sessions;
#[cfg(test)]
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use socket_io_native::config::EngineConfig;
use socket_io_native::eio::encoding::PacketEncoding;
use socket_io_native::eio::session::SocketRole;
use socket_io_native::error::{CloseReason, HEARTBEAT_DIRECTION, QUEUE_FULL, Reason};
use socket_io_native::net::events::{EventSink, Note};
use socket_io_native::net::send_batch::{CONTINUED, DISCARD, VOLATILE};
use socket_io_native::net::thread::{Attach, Command, Source};
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use support::client::{Client, OPEN, RESPONSE, attach, frame, next_stream, open};
use support::inbox::{Environment, Event, environment};
use support::{broadcast, run, runtime, soon, text};

fn transport_error(message: &str) -> CloseReason {
    CloseReason {
        reason: Reason::TransportError,
        detail: Some(message.to_owned().into()),
    }
}

fn config(ping_interval: u64, ping_timeout: u64, max_message: u64) -> EngineConfig {
    let config = EngineConfig::default();
    config.set(ping_interval, ping_timeout, 10_000, max_message);
    config
}

const FORCED: CloseReason = CloseReason::without_detail(Reason::ForcedClose);
const LEFT: CloseReason = CloseReason::without_detail(Reason::TransportClose);
const MEGABYTE: usize = 1 << 20;

#[tokio::test]
async fn the_open_packet_follows_the_response() {
    let (env, _events) = environment();
    let peer = open(&env, EngineConfig::default(), true);
    let (mut tcp, _) = attach(&env, Some(peer), SocketRole::Main).await;
    let mut expected = RESPONSE.as_bytes().to_vec();
    expected.extend([0x81, OPEN.len() as u8 + 1, b'0']);
    expected.extend(OPEN.as_bytes());
    let mut bytes = vec![0; expected.len()];
    soon(tcp.read_exact(&mut bytes)).await.expect("read");
    assert_eq!(bytes, expected);
}

#[tokio::test]
async fn messages_come_in_decoded() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let handle = client.handle;
    client.send(r#"42["a",1]"#).await;
    client
        .send(r#"452-/x,["b",{"_placeholder":true,"num":0}]"#)
        .await;
    client.message(Message::binary(vec![1, 2])).await;
    client.message(Message::binary(vec![])).await;
    // Base64 is as good as a binary frame.
    client.send("451-[\"c\"]").await;
    client.send("bAw==").await;
    client.send("4abc").await;
    client.send(r#"42["never"]"#).await;
    client.send("3").await;
    assert_eq!(events.next().await, Event::message(handle, r#"["a",1]"#));
    let placeholder = r#"["b",{"_placeholder":true,"num":0}]"#;
    let attachments = vec![vec![1, 2], vec![]];
    let packet = Event::Packet(handle, "/x".into(), Some(placeholder.into()), attachments);
    assert_eq!(events.next().await, packet);
    let packet = Event::Packet(handle, "/".into(), Some("[\"c\"]".into()), vec![vec![3]]);
    assert_eq!(events.next().await, packet);
    // After what cannot be decoded nothing is; it is JavaScript that closes.
    let refused = Event::Refused(handle, "unknown packet type NaN".into());
    assert_eq!(events.next().await, refused);
    run(|w| w.close(handle.raw(), 0));
    assert_eq!(events.next().await, Event::Closed(handle, FORCED));
}

#[tokio::test]
async fn what_javascript_decodes_itself_comes_in_as_it_is() {
    let (env, mut events) = environment();
    let peer = open(&env, config(30, 60_000, 0), true);
    let handle = peer.handle;
    runtime().set_decode_in_js(handle, true);
    let mut client = Client::of(&env, &peer, SocketRole::Main).await;
    // Pings are only told of then.
    assert_eq!(events.next().await, Event::Note(handle, Note::Pinged));
    client.send("4abc").await;
    client.message(Message::binary(vec![0])).await;
    client.send("6").await;
    for packet in ["4abc", "bAA==", "6"] {
        let packet = Event::Engine(handle, packet.into());
        assert_eq!(events.next().await, packet);
    }
    runtime().set_decode_in_js(handle, false);
    for packet in [&format!("0{OPEN}"), "2"] {
        assert_eq!(client.text().await, packet);
    }
    client.send(r#"42["a"]"#).await;
    assert_eq!(events.next().await, Event::message(handle, r#"["a"]"#));
}

#[tokio::test]
async fn operations_go_out_in_order() {
    let (env, _events) = environment();
    let mut client = Client::connect(&env).await;
    let handle = client.handle;
    run(|w| {
        text(w, handle, 0, "2[1]");
        w.binary(handle.raw(), 0, &[1, 2]).expect("short");
        broadcast(w, &[handle], "2[2]");
        w.broadcast_binary(&support::raw(&[handle]), 0, &[3])
            .expect("short");
    });
    run(|w| text(w, handle, 0, "2[\"\u{20ac}\"]"));
    assert_eq!(client.text().await, "42[1]");
    assert_eq!(client.binary().await, [1, 2]);
    assert_eq!(client.text().await, "42[2]");
    assert_eq!(client.binary().await, [3]);
    assert_eq!(client.text().await, "42[\"\u{20ac}\"]");
    // Closing comes after what was sent, and nothing after closing.
    run(|w| {
        text(w, handle, 0, "2[3]");
        w.close(handle.raw(), 0);
        text(w, handle, 0, "2[4]");
    });
    assert_eq!(client.text().await, "42[3]");
    assert_eq!(client.closed().await, None);
}

#[tokio::test]
async fn a_megabyte_goes_both_ways() {
    let (env, mut events) = environment();
    let mut client = Client::with(&env, config(60_000, 60_000, 2 << 20)).await;
    let handle = client.handle;
    let json = format!("[\"{}\"]", "x".repeat(MEGABYTE));
    client.send(&format!("42{json}")).await;
    assert_eq!(events.next().await, Event::message(handle, &json));
    let bytes: Vec<u8> = (0..MEGABYTE).map(|i| (i % 251) as u8).collect();
    client.send("451-[\"b\"]").await;
    client.message(Message::binary(bytes.clone())).await;
    let packet = Event::Packet(
        handle,
        "/".into(),
        Some("[\"b\"]".into()),
        vec![bytes.clone()],
    );
    assert_eq!(events.next().await, packet);
    run(|w| {
        text(w, handle, 0, &json);
        w.binary(handle.raw(), 0, &bytes).expect("short");
    });
    assert_eq!(client.text().await, format!("4{json}"));
    assert_eq!(client.binary().await, bytes);
}

#[tokio::test]
async fn a_ping_is_answered_between_fragments() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let part = |data: &'static str, opcode, last| {
        Message::Frame(Frame::message(data.as_bytes(), OpCode::Data(opcode), last))
    };
    client.message(part("42[\"a", Data::Text, false)).await;
    client.message(Message::Ping("now".into())).await;
    let pong = soon(client.ws.next())
        .await
        .expect("an answer")
        .expect("valid");
    assert_eq!(pong, Message::Pong("now".into()));
    client.message(part("", Data::Continue, false)).await;
    client.message(part("b\"]", Data::Continue, true)).await;
    let message = Event::message(client.handle, r#"["ab"]"#);
    assert_eq!(events.next().await, message);
}

#[tokio::test]
async fn a_client_closes() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let (handle, stream) = (client.handle, client.stream);
    // Bytes behind the close frame are not looked at.
    let mut bytes = frame(0x88, b"\x0b\xb8bye");
    bytes.extend(frame(0x81, br#"42["a"]"#));
    client.bytes(&bytes).await;
    let echo = CloseFrame {
        code: 3000.into(),
        reason: "bye".into(),
    };
    assert_eq!(client.closed().await, Some(echo));
    assert_eq!(events.next().await, Event::Closed(handle, LEFT));
    assert_eq!(events.next().await, Event::Ended(stream));
    // Without a close frame.
    let client = Client::connect(&env).await;
    let (handle, stream) = (client.handle, client.stream);
    drop(client);
    assert_eq!(events.next().await, Event::Closed(handle, LEFT));
    assert_eq!(events.next().await, Event::Ended(stream));
    assert!(runtime().table().get(handle).is_none());
}

#[tokio::test]
async fn the_server_closes() {
    let (env, mut events) = environment();
    for flags in [0, DISCARD] {
        let client = Client::connect(&env).await;
        let (handle, stream) = (client.handle, client.stream);
        run(|w| w.close(handle.raw(), flags));
        assert_eq!(client.closed().await, None);
        assert_eq!(events.next().await, Event::Closed(handle, FORCED));
        assert_eq!(events.next().await, Event::Ended(stream));
    }
    // From the JavaScript thread, which is not woken for what it did itself.
    let client = Client::connect(&env).await;
    assert_eq!(runtime().close(client.handle, false), (true, None));
    let handle = client.handle;
    assert_eq!(client.closed().await, None);
    events.expect(Event::Closed(handle, FORCED)).await;
}

#[tokio::test]
async fn violations_end_the_session() {
    let (env, mut events) = environment();
    let invalid = "RangeError: Invalid WebSocket frame";
    let cases = [
        (
            vec![0x81, 1, b'4'],
            1002,
            format!("{invalid}: MASK must be set"),
        ),
        (
            frame(0x91, b"4"),
            1002,
            format!("{invalid}: RSV2 and RSV3 must be clear"),
        ),
        (
            frame(0x88, &[3, 0xed]),
            1002,
            format!("{invalid}: invalid status code 1005"),
        ),
        (
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0],
            1009,
            "RangeError: Max payload size exceeded".into(),
        ),
        (
            frame(0x81, b"4\xff"),
            1007,
            "Error: Invalid WebSocket frame: invalid UTF-8 sequence".into(),
        ),
    ];
    for (bad, code, message) in cases {
        let mut client = Client::connect(&env).await;
        let (handle, stream) = (client.handle, client.stream);
        // Packets before it count.
        client
            .bytes(&[frame(0x81, br#"42["a"]"#), bad].concat())
            .await;
        let frame = client.closed().await.expect("a code");
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, ""));
        assert_eq!(events.next().await, Event::message(handle, r#"["a"]"#));
        let closed = Event::Closed(handle, transport_error(&message));
        assert_eq!(events.next().await, closed);
        assert_eq!(events.next().await, Event::Ended(stream));
    }
    let parse_error = CloseReason::without_detail(Reason::ParseError);
    for (packet, closure) in [
        ("x", parse_error.clone()),
        ("", parse_error),
        ("2", HEARTBEAT_DIRECTION),
    ] {
        let mut client = Client::connect(&env).await;
        let handle = client.handle;
        client.send(packet).await;
        assert_eq!(client.closed().await, None);
        assert_eq!(events.closed(handle).await, closure);
    }
}

#[tokio::test]
async fn a_session_lives_by_its_heartbeat() {
    let (env, mut events) = environment();
    let mut client = Client::with(&env, config(20, 60_000, 0)).await;
    for _ in 0..3 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
    }
    let mut client = Client::with(&env, config(20, 20, 0)).await;
    let handle = client.handle;
    assert_eq!(client.text().await, "2");
    assert_eq!(client.closed().await, None);
    let closure = events.closed(handle).await;
    assert_eq!(closure, CloseReason::without_detail(Reason::PingTimeout));
}

#[tokio::test]
async fn a_slow_reader_gets_everything_but_volatile_messages() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let handle = client.handle;
    let message = |n: usize| format!("2[{n},\"{}\"]", "x".repeat(MEGABYTE));
    // Far more than kernels buffer.
    let count = 48;
    run(|w| (0..count).for_each(|n| text(w, handle, 0, &message(n))));
    events.expect(Event::Note(handle, Note::Blocked)).await;
    run(|w| {
        text(w, handle, VOLATILE, "2[\"volatile\"]");
        w.binary(handle.raw(), VOLATILE | CONTINUED, b"volatile")
            .expect("short");
        text(w, handle, 0, "2[\"last\"]");
    });
    for n in 0..count {
        assert_eq!(client.text().await, format!("4{}", message(n)));
    }
    assert_eq!(client.text().await, "42[\"last\"]");
    events.expect(Event::Note(handle, Note::Drained)).await;
    run(|w| {
        text(w, handle, VOLATILE, "2[\"volatile\"]");
        w.binary(handle.raw(), VOLATILE | CONTINUED, b"volatile")
            .expect("short");
    });
    assert_eq!(client.text().await, "42[\"volatile\"]");
    assert_eq!(client.binary().await, b"volatile");
    assert_eq!(events.rest(), []);
}

/// A client for which much more waits than may; one that takes nothing is closed after `patience` ms.
async fn crowded(env: &Arc<Environment>, patience: u64) -> Client {
    let config = EngineConfig::default();
    config.set_buffering(MEGABYTE, patience);
    let client = Client::with(env, config).await;
    let megabyte = "x".repeat(MEGABYTE);
    run(|w| (0..100).for_each(|_| text(w, client.handle, 0, &megabyte)));
    client
}

#[tokio::test]
async fn one_that_takes_nothing_of_too_much_is_closed() {
    let (env, mut events) = environment();
    let client = crowded(&env, 50).await;
    let (handle, stream) = (client.handle, client.stream);
    assert_eq!(events.next().await, Event::Note(handle, Note::Blocked));
    assert_eq!(events.next().await, Event::Closed(handle, QUEUE_FULL));
    // Nothing is told of a session that has ended.
    assert_eq!(events.next().await, Event::Ended(stream));
}

#[tokio::test]
async fn one_that_reads_is_kept_however_much_waits() {
    let (env, mut events) = environment();
    let mut client = crowded(&env, 60_000).await;
    for _ in 0..100 {
        assert_eq!(client.text().await.len(), MEGABYTE + 1);
    }
    events
        .expect(Event::Note(client.handle, Note::Drained))
        .await;
}

#[tokio::test]
async fn what_waits_is_told_as_it_was_handed_over() {
    let (env, mut events) = environment();
    let config = EngineConfig::default();
    // The client takes nothing of it for a while.
    config.set_buffering(200 * MEGABYTE, 60_000);
    let mut client = Client::with(&env, config).await;
    let handle = client.handle;
    let long = "x".repeat(32 * MEGABYTE);
    run(|w| (0..3).for_each(|_| text(w, handle, 0, &long)));
    events.expect(Event::Note(handle, Note::Blocked)).await;
    let peer = runtime().table().get(handle).expect("it lives");
    let patience = Duration::from_secs(20);
    assert!(runtime().catch_up(handle, patience));
    // The first one is being written, the others wait behind it.
    assert!((1..=long.len() + 11).contains(&peer.backlog.bytes()));
    assert_eq!(peer.backlog.messages(), 2);
    run(|w| text(w, handle, 0, "2[1]"));
    assert!(runtime().catch_up(handle, patience));
    assert_eq!(peer.backlog.messages(), 3);
    for _ in 0..3 {
        client.text().await;
    }
    assert_eq!(client.text().await, "42[1]");
    events.expect(Event::Note(handle, Note::Drained)).await;
    assert_eq!((peer.backlog.bytes(), peer.backlog.messages()), (0, 0));
    // A question when nothing is left is answered at once.
    runtime().send(runtime().thread_of(handle), Command::TellDrained(handle));
    events.expect(Event::Note(handle, Note::Drained)).await;
}

#[tokio::test]
async fn whoever_ends_waits_for_those_who_read() {
    let (env, _events) = environment();
    let mut client = Client::connect(&env).await;
    let (other, _other_events) = environment();
    let silent = crowded(&other, 60_000).await;
    let inbox: Arc<dyn EventSink> = env;
    let long = "x".repeat(32 * MEGABYTE);
    run(|w| text(w, client.handle, 0, &long));
    let deadline = Instant::now() + Duration::from_secs(20);
    let ending = tokio::task::spawn_blocking(move || {
        let pumps = runtime().flush_for_exit(&inbox, deadline, true);
        (pumps, Instant::now() < deadline)
    });
    assert_eq!(client.text().await.len(), long.len() + 1);
    assert_eq!(ending.await.ok(), Some((false, true)));
    // A client that takes nothing is not waited for.
    let inbox: Arc<dyn EventSink> = other;
    let ending = tokio::task::spawn_blocking(move || {
        runtime().flush_for_exit(&inbox, deadline, true);
        Instant::now() < deadline
    });
    assert_eq!(ending.await.ok(), Some(true));
    drop(silent);
}

#[tokio::test]
async fn nothing_is_read_while_javascript_is_behind() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    env.full.store(true, Ordering::SeqCst);
    for n in 0..100 {
        client.send(&format!("42[{n}]")).await;
    }
    // Another environment is served meanwhile.
    let (other_env, mut other_events) = environment();
    let mut other = Client::connect(&other_env).await;
    other.send("42[0]").await;
    assert_eq!(
        other_events.next().await,
        Event::message(other.handle, "[0]")
    );
    assert_eq!(events.rest(), []);
    env.full.store(false, Ordering::SeqCst);
    runtime().send_all(|| Command::Resume);
    for n in 0..100 {
        let message = Event::message(client.handle, &format!("[{n}]"));
        assert_eq!(events.next().await, message);
    }
}

#[tokio::test]
async fn a_stream_that_javascript_pumps() {
    let (env, mut events) = environment();
    let peer = open(&env, EngineConfig::default(), true);
    let (handle, stream) = (peer.handle, next_stream());
    let head = frame(0x81, br#"42["head"]"#);
    let (head, rest) = head.split_at(3);
    runtime().attach(Attach {
        shared: Some(peer),
        role: SocketRole::Main,
        form: PacketEncoding::V4,
        source: Source::Stream,
        stream,
        inbox: env.clone(),
        before: (0, 0),
        head: head.into(),
        response: RESPONSE.into(),
        deflate: None,
        first: vec![],
        #[cfg(unix)]
        open: None,
    });
    let feed = |bytes: &[u8]| runtime().send_all(|| Command::Feed(stream, bytes.into()));
    let written = |n| runtime().send_all(|| Command::Written(stream, n));
    let response = Event::Written(stream, RESPONSE.into());
    assert_eq!(events.next().await, response);
    written(RESPONSE.len());
    feed(rest);
    assert_eq!(events.next().await, Event::message(handle, r#"["head"]"#));
    // A message by itself wakes JavaScript to write it.
    run(|w| text(w, handle, 0, "2[1]"));
    let bytes = b"\x81\x0542[1]".to_vec();
    assert_eq!(events.next().await, Event::Written(stream, bytes.clone()));
    written(bytes.len());
    // No more is handed over than the stream takes.
    let long = "x".repeat(MEGABYTE);
    run(|w| text(w, handle, 0, &long));
    events.expect(Event::Note(handle, Note::Blocked)).await;
    let mut received = Vec::new();
    while received.len() < 10 + 1 + MEGABYTE {
        let write = events
            .find(|event| matches!(event, Event::Written(..)))
            .await;
        let Event::Written(_, bytes) = write else {
            unreachable!("as it was looked for");
        };
        assert!(bytes.len() < MEGABYTE);
        written(bytes.len());
        received.extend(bytes);
    }
    let header = [&[0x81, 127][..], &(MEGABYTE as u64 + 1).to_be_bytes(), b"4"].concat();
    assert_eq!(received, [&header, long.as_bytes()].concat());
    events.expect(Event::Note(handle, Note::Drained)).await;
    feed(&[]);
    assert_eq!(events.next().await, Event::Closed(handle, LEFT));
    assert_eq!(events.next().await, Event::Ended(stream));
}
