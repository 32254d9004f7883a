//! Several sessions at once: what belongs to which, how one moves to a WebSocket, and whom an end
//! concerns.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use socket_io_native::config::EngineConfig;
use socket_io_native::eio::encoding::PacketEncoding;
use socket_io_native::eio::packet::Packet;
use socket_io_native::eio::payload::Payload;
use socket_io_native::eio::session::{Poll, SocketRole};
use socket_io_native::error::INTERNAL;
use socket_io_native::net::events::{EventSink as _, Note};
use socket_io_native::net::handle::Handle;
use socket_io_native::net::runtime::Opening;
use socket_io_native::net::send_batch::DISCARD;
use socket_io_native::net::session::engine::SharedEngine;
use socket_io_native::net::thread::{Attach, Command, Source};
use tokio_tungstenite::tungstenite::Message;

use super::support::client::{
    Client, OPEN, attach, attach_as, next_stream, open, opening, websocket,
};
use super::support::inbox::{Event, PANIC, environment};
use super::support::{broadcast, raw, run, runtime, soon, text};
use super::{FORCED, LEFT};

#[tokio::test]
async fn many_clients_each_get_their_own() {
    let (env, mut events) = environment();
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::connect(&env).await);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("42[{n}]")).await;
    }
    for _ in 0..clients.len() {
        let Event::Packet(handle, _, Some(json), _) = events.next().await else {
            panic!("no message");
        };
        run(|w| text(w, handle, 0, &format!("2{json}")));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.text().await, format!("42[{n}]"));
    }
}

#[tokio::test]
async fn a_broadcast_reaches_who_is_there() {
    let (env, mut events) = environment();
    let mut a = Client::connect(&env).await;
    let mut b = Client::connect(&env).await;
    let gone = Client::connect(&env).await.handle;
    events.closed(gone).await;
    let polled = open(&env, EngineConfig::default(), false).handle;
    assert_eq!(runtime().poll(polled), (Poll::Pending, None));
    let nobody = Handle::from_raw(u32::MAX);
    let all = [a.handle, gone, nobody, b.handle, polled];
    run(|w| {
        broadcast(w, &all, "2[1]");
        w.broadcast_binary(&raw(&all), 0, &[1, 2]).expect("short");
    });
    for client in [&mut a, &mut b] {
        assert_eq!(client.text().await, "42[1]");
        assert_eq!(client.binary().await, [1, 2]);
    }
    // The first packet answers the pending poll alone.
    events
        .expect(Event::Answer(polled, Payload::Text("42[1]".into())))
        .await;
    let rest = Poll::Payload(Payload::Text("bAQI=".into()));
    assert_eq!(runtime().poll(polled), (rest, None));
}

#[tokio::test]
async fn binary_takes_the_form_of_each_client() {
    let (env, mut events) = environment();
    let mut plain = Client::connect(&env).await;
    let mut others = Vec::new();
    for form in [
        PacketEncoding::new(3, false),
        PacketEncoding::new(3, true),
        PacketEncoding::new(4, true),
    ] {
        let engine = Arc::new(SharedEngine::default());
        let peer = runtime().open(env.clone(), engine, opening(form, true));
        let peer = peer.expect("a free slot");
        let handle = peer.handle;
        let (tcp, stream) = attach_as(&env, Some(peer), SocketRole::Main, form).await;
        let ws = websocket(tcp).await;
        let mut client = Client { ws, handle, stream };
        assert_eq!(client.text().await, format!("0{OPEN}"));
        others.push(client);
    }
    let [typed, base64, current] = others.as_mut_slice() else {
        unreachable!("three were opened");
    };
    let all = [plain.handle, typed.handle, base64.handle, current.handle];
    // A long frame is shared by those who get the same one.
    for data in [&[1, 2, 3][..], &[7; 30_000]] {
        run(|w| {
            w.broadcast_binary(&raw(&all), 0, data).expect("short");
            for to in all {
                w.binary(to.raw(), 0, data).expect("short");
            }
        });
        let text = STANDARD.encode(data);
        for _ in 0..2 {
            assert_eq!(plain.binary().await, data);
            assert_eq!(typed.binary().await, [&[4], data].concat());
            assert_eq!(base64.text().await, format!("b4{text}"));
            assert_eq!(current.text().await, format!("b{text}"));
        }
    }
    let attachment = "51-[\"x\",{\"_placeholder\":true,\"num\":0}]";
    typed.send(&format!("4{attachment}")).await;
    typed.message(Message::binary(vec![4, 9])).await;
    let packet = |event: &Event| matches!(event, Event::Packet(.., all) if *all == [vec![9]]);
    events.find(packet).await;
    typed.send("2").await;
    assert_eq!(typed.text().await, "3");
}

#[tokio::test]
async fn a_stale_handle_never_reaches_the_next_session() {
    let (env, _events) = environment();
    let end = |handle: Handle| {
        assert!(runtime().close(handle, true).0);
        // As JavaScript does when it has worked off the end.
        run(|w| w.release(handle.raw()));
    };
    let stale: Vec<Handle> = (0..64)
        .map(|_| open(&env, EngineConfig::default(), true).handle)
        .collect();
    stale.iter().copied().for_each(end);
    let (old, peer) = (0..10_000)
        .find_map(|_| {
            let peer = open(&env, EngineConfig::default(), true);
            let old = stale.iter().find(|old| old.slot() == peer.handle.slot());
            if old.is_none() {
                end(peer.handle);
            }
            Some((*old?, peer))
        })
        .expect("slots are used again");
    assert_ne!(old, peer.handle);
    let mut client = Client::of(&env, &peer, SocketRole::Main).await;
    assert_eq!(client.text().await, format!("0{OPEN}"));
    run(|w| {
        text(w, old, 0, "2[\"stale\"]");
        w.close(old.raw(), DISCARD);
        broadcast(w, &[old, peer.handle], "2[1]");
    });
    assert_eq!(runtime().close(old, true), (true, None));
    assert!(runtime().table().get(old).is_none());
    assert_eq!(client.text().await, "42[1]");
    run(|w| text(w, peer.handle, 0, "2[2]"));
    assert_eq!(client.text().await, "42[2]");
}

#[tokio::test]
async fn an_upgrade() {
    let (env, mut events) = environment();
    let peer = open(&env, EngineConfig::default(), false);
    let handle = peer.handle;
    assert_eq!(runtime().poll(handle), (Poll::Pending, None));
    assert!(runtime().upgrade(&peer, false));
    let mut client = Client::of(&env, &peer, SocketRole::Probe).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(events.next().await, Event::Note(handle, Note::Upgrading));
    assert_eq!(
        events.next().await,
        Event::Answer(handle, Payload::Text("6".into()))
    );
    run(|w| text(w, handle, 0, "2[1]"));
    // One at a time.
    assert!(!runtime().upgrade(&peer, false));
    let (tcp, stream) = attach(&env, None, SocketRole::Probe).await;
    let mut ws = websocket(tcp).await;
    let closed = soon(ws.next()).await.expect("a message").expect("valid");
    assert_eq!(closed, Message::Close(None));
    drop(ws);
    assert_eq!(events.next().await, Event::Ended(stream));
    client.send("5").await;
    assert_eq!(client.text().await, "42[1]");
    assert_eq!(events.next().await, Event::Note(handle, Note::Upgraded));
    client.send("42[2]").await;
    assert_eq!(events.next().await, Event::message(handle, "[2]"));
    assert_eq!(runtime().poll(handle), (Poll::Moved, None));
    let _ = client.ws.close(None).await;
    assert_eq!(events.closed(handle).await, LEFT);
}

#[tokio::test]
async fn a_websocket_whose_upgrade_was_given_up_before_it_came_is_closed() {
    let (env, mut events) = environment();
    let config = EngineConfig::default();
    config.set(60_000, 60_000, 1, 0);
    let peer = open(&env, config, false);
    assert!(runtime().upgrade(&peer, false));
    events
        .expect(Event::Note(peer.handle, Note::UpgradeLost))
        .await;
    let client = Client::of(&env, &peer, SocketRole::Probe).await;
    assert_eq!(client.closed().await, None);
    assert!(runtime().upgrade(&peer, false));
}

#[tokio::test]
async fn an_upgrade_that_fails() {
    let (env, mut events) = environment();
    let peer = open(&env, EngineConfig::default(), false);
    let lost = Event::Note(peer.handle, Note::UpgradeLost);
    assert!(runtime().upgrade(&peer, false));
    let mut client = Client::of(&env, &peer, SocketRole::Probe).await;
    client.send("42[1]").await;
    assert_eq!(client.closed().await, None);
    assert_eq!(events.next().await, lost);
    assert!(runtime().upgrade(&peer, false));
    drop(Client::of(&env, &peer, SocketRole::Probe).await);
    events.expect(lost).await;
    assert_eq!(runtime().poll(peer.handle), (Poll::Pending, None));
}

#[tokio::test]
async fn websockets_that_javascript_serves() {
    let (env, mut events) = environment();
    let config = EngineConfig::default();
    config.set(20, 10_000, 10_000, 0);
    let peer = runtime()
        .open(
            env.clone(),
            SharedEngine::new(config).into(),
            Opening {
                external: true,
                ..opening(PacketEncoding::V4, false)
            },
        )
        .expect("a free slot");
    let handle = peer.handle;
    assert!(runtime().upgrade(&peer, true));
    let from = |socket, text| {
        let answer = runtime().receive(handle, socket, Packet::decode(text).ok());
        env.wake();
        answer
    };
    assert_eq!(from(SocketRole::Probe, "2probe"), None);
    let answer = Event::Frame(handle, SocketRole::Probe, "3probe".into());
    events.expect(answer).await;
    events.expect(Event::Note(handle, Note::Upgrading)).await;
    assert_eq!(runtime().poll(handle), (Poll::Pending, None));
    assert_eq!(
        from(SocketRole::Probe, "5"),
        Some(Payload::Text("1".into()))
    );
    events.expect(Event::Note(handle, Note::Upgraded)).await;
    assert_eq!(from(SocketRole::Main, "42[1]"), None);
    events.expect(Event::message(handle, "[1]")).await;
    // The timers are those of an I/O thread.
    let ping = Event::Frame(handle, SocketRole::Main, "2".into());
    events.expect(ping).await;
    runtime().lost(handle, SocketRole::Main, INTERNAL);
    env.wake();
    events.expect(Event::Closed(handle, INTERNAL)).await;
}

#[tokio::test]
async fn from_a_websocket_of_ours_to_one_that_javascript_serves() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let handle = client.handle;
    let peer = runtime().table().get(handle).expect("a session");
    let from = |socket, text| {
        let answer = runtime().receive(handle, socket, Packet::decode(text).ok());
        env.wake();
        assert_eq!(answer, None);
    };
    assert!(runtime().upgrade(&peer, true));
    from(SocketRole::Probe, "2probe");
    let answer = Event::Frame(handle, SocketRole::Probe, "3probe".into());
    events.expect(answer).await;
    // Until then the session stays where it is, and the other one says nothing in its name.
    from(SocketRole::Main, "42[\"forged\"]");
    runtime().lost(handle, SocketRole::Main, INTERNAL);
    run(|w| text(w, handle, 0, "2[1]"));
    assert_eq!(client.text().await, "42[1]");
    from(SocketRole::Probe, "5");
    // JavaScript may not have heard of it yet.
    from(SocketRole::Probe, "42[2]");
    events.expect(Event::message(handle, "[2]")).await;
    assert_eq!(client.closed().await, None);
    run(|w| text(w, handle, 0, "2[3]"));
    let frame = Event::Frame(handle, SocketRole::Main, "42[3]".into());
    events.expect(frame).await;
    runtime().lost(handle, SocketRole::Main, INTERNAL);
    env.wake();
    events.expect(Event::Closed(handle, INTERNAL)).await;
}

#[tokio::test]
async fn a_websocket_of_an_ended_session_is_closed() {
    let (env, _events) = environment();
    for role in [SocketRole::Main, SocketRole::Probe] {
        let peer = open(&env, EngineConfig::default(), role == SocketRole::Main);
        runtime().close(peer.handle, true);
        let client = Client::of(&env, &peer, role).await;
        assert_eq!(client.closed().await, None);
    }
}

#[tokio::test]
async fn a_websocket_that_cannot_be_served_is_lost() {
    let (env, mut events) = environment();
    for role in [SocketRole::Main, SocketRole::Probe] {
        let peer = open(&env, EngineConfig::default(), role == SocketRole::Main);
        let (handle, stream) = (peer.handle, next_stream());
        assert!(role == SocketRole::Main || runtime().upgrade(&peer, false));
        // No event queue takes a file.
        let file = std::env::current_exe().and_then(std::fs::File::open);
        runtime().attach(Attach {
            shared: Some(peer),
            role,
            form: PacketEncoding::V4,
            source: Source::Socket(file.expect("a file").into()),
            stream,
            inbox: env.clone(),
            before: (0, 0),
            head: Vec::new(),
            response: Vec::new(),
            deflate: None,
            first: Vec::new(),
            #[cfg(unix)]
            open: None,
        });
        let lost = match role {
            SocketRole::Main => Event::Closed(handle, LEFT),
            SocketRole::Probe => Event::Note(handle, Note::UpgradeLost),
        };
        assert_eq!(events.next().await, lost);
        assert_eq!(events.next().await, Event::Ended(stream));
    }
}

#[tokio::test]
async fn an_environment_leaves() {
    let (env, mut events) = environment();
    let (other_env, mut other_events) = environment();
    let client = Client::connect(&env).await;
    let polling = open(&env, EngineConfig::default(), false);
    let mut other = Client::connect(&other_env).await;
    let leaving = env.clone();
    runtime().send_all(|| Command::Leave(leaving.clone()));
    assert_eq!(client.closed().await, None);
    other.send("42[1]").await;
    let message = Event::message(other.handle, "[1]");
    assert_eq!(other_events.next().await, message);
    assert_eq!(events.closed(polling.handle).await, FORCED);
    assert!(runtime().table().get(polling.handle).is_none());
}

#[tokio::test]
async fn a_fault_of_ours_ends_one_session_only() {
    let (env, mut events) = environment();
    let mut client = Client::connect(&env).await;
    let mut other = Client::connect(&env).await;
    let before = runtime().panics();
    client.send(&format!("42{PANIC}")).await;
    assert_eq!(events.next().await, Event::Closed(client.handle, INTERNAL));
    assert_eq!(events.next().await, Event::Ended(client.stream));
    assert_eq!(runtime().panics(), before + 1);
    other.send("42[1]").await;
    assert_eq!(events.next().await, Event::message(other.handle, "[1]"));
}
