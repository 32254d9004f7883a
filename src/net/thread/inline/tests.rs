//! Sessions on a JavaScript thread, which the test is.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::config::{EngineConfig, READ_TURN_BYTES};
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::send_batch::Writer;
use crate::net::session::shared::SharedSession;
use crate::net::test_kit::{Kit, STREAM, client_frame, server_frame};
use crate::net::thread::{Attach, Source};

/// The state of a JavaScript thread, the number of times that it was woken, and an event loop for timers.
struct Bench {
    thread: InlineThread,
    mailbox: Arc<IoThreadHandle>,
    woken: Arc<AtomicUsize>,
    kit: Kit,
    tokio: tokio::runtime::Runtime,
}

fn bench() -> Bench {
    bench_of(Kit::new(true))
}

fn bench_of(kit: Kit) -> Bench {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("an event loop");
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let mailbox = Arc::new(IoThreadHandle::inline(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let sessions = kit.runtime.sessions().clone();
    let thread = InlineThread::new(mailbox.clone(), sessions, tokio.handle().clone());
    Bench {
        thread,
        mailbox,
        woken,
        kit,
        tokio,
    }
}

impl Bench {
    fn attach(&mut self) -> Arc<SharedSession> {
        let shared = self.kit.peer.clone();
        let attach = Attach {
            shared: Some(shared.clone()),
            role: SocketRole::Main,
            form: PacketEncoding::V4,
            source: Source::Stream,
            stream: STREAM,
            inbox: self.kit.heard.clone(),
            head: Vec::new(),
            before: (0, 0),
            response: b"101".to_vec(),
            deflate: None,
            first: Vec::new(),
            open: None,
        };
        self.thread.command(Command::Attach(Box::new(attach)));
        shared
    }

    /// Passes some time, in which timers fire.
    fn pass(&self, ms: u64) {
        let time = Duration::from_millis(ms);
        self.tokio
            .block_on(async { tokio::time::sleep(time).await });
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.thread.command(Command::Feed(STREAM, bytes.to_vec()));
    }

    /// The writes by their streams.
    fn written(&self) -> Vec<(u32, Vec<u8>)> {
        let run = self.thread.output().expect("it is inline").take();
        let number = |at: usize| {
            let bytes = run[at..at + 4].try_into().expect("four bytes");
            u32::from_ne_bytes(bytes) as usize
        };
        let write = |i: usize| {
            let at = 4 + 12 * i;
            let bytes = run[number(at + 4)..number(at + 8)].to_vec();
            (number(at) as u32, bytes)
        };
        (0..number(0)).map(write).collect()
    }

    fn text(&mut self, data: &str) {
        let mut batch = Writer::default();
        let handle = self.kit.peer.handle.raw();
        let sent = batch.text_with(handle, 0, data.len(), |place| {
            place.copy_from_slice(data.as_bytes());
            data.len()
        });
        assert_eq!(sent, Ok(()));
        self.thread.command(Command::SendBatch(batch.take(), 1));
    }
}

#[test]
fn input_is_decoded_and_sends_are_framed_within_the_call() {
    let mut bench = bench();
    bench.attach();
    assert_eq!(bench.written(), [(STREAM, b"101".to_vec())]);
    let chunk = [
        client_frame(1, b"40"),
        client_frame(9, b"hi"),
        client_frame(1, b"42[\"a\"]"),
    ]
    .concat();
    let (first, rest) = chunk.split_at(9);
    bench.feed(first);
    bench.feed(rest);
    let heard = bench.kit.heard.take();
    assert_eq!(heard, ["packet /  []", "packet / [\"a\"] []"]);
    bench.text("2[\"b\"]");
    let frames = [server_frame(10, b"hi"), server_frame(1, b"42[\"b\"]")];
    assert_eq!(bench.written(), [(STREAM, frames.concat())]);
    assert_eq!(bench.woken.load(Ordering::SeqCst), 0, "nobody was woken");
}

#[test]
fn a_thousand_messages_of_one_chunk_come_in_order() {
    let mut bench = bench();
    bench.attach();
    let message = |n: usize| format!("42[\"n\",{n}]");
    let chunk: Vec<u8> = std::iter::once(client_frame(1, b"40"))
        .chain((0..1000).map(|n| client_frame(1, message(n).as_bytes())))
        .flatten()
        .collect();
    bench.feed(&chunk);
    let heard = bench.kit.heard.take();
    assert_eq!(heard.len(), 1001);
    for (n, line) in heard.iter().skip(1).enumerate() {
        assert_eq!(*line, format!("packet / [\"n\",{n}] []"));
    }
}

#[test]
fn the_end_of_the_input_ends_the_session_and_the_stream() {
    let mut bench = bench();
    let shared = bench.attach();
    bench.feed(b"");
    assert!(lock(&shared.inner).session.is_closed());
    let heard = bench.kit.heard.take();
    assert_eq!(heard[0], "closed TransportClose ");
    assert_eq!(heard[1], "end of stream, abort: false");
    assert!(!bench.thread.has_stream(STREAM));
    // Nobody is there for it.
    bench.feed(b"late");
}

#[test]
fn other_threads_wake_it_once_until_it_has_taken_their_commands() {
    let mut bench = bench();
    bench.attach();
    let mailbox = bench.mailbox.clone();
    let send = |mailbox: &Arc<IoThreadHandle>| {
        mailbox.send_lazily(Command::Rearm(Handle::from_raw(0)));
        mailbox.send(Command::Resume);
    };
    let other = std::thread::spawn(move || send(&mailbox));
    assert!(other.join().is_ok());
    assert_eq!(bench.woken.load(Ordering::SeqCst), 1);
    bench.thread.run(|_| ());
    assert!(bench.mailbox.commands_done.is_complete());
    send(&bench.mailbox);
    assert_eq!(bench.woken.load(Ordering::SeqCst), 2);
}

#[test]
fn a_caller_that_runs_it_afterwards_has_nobody_woken() {
    let mut bench = bench();
    bench.mailbox.hush();
    bench.mailbox.send(Command::Resume);
    bench.thread.run(|_| ());
    assert_eq!(bench.woken.load(Ordering::SeqCst), 0);
    bench.mailbox.send(Command::Resume);
    assert_eq!(bench.woken.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_gives_way_until_the_next_turn_of_the_loop() {
    let mut bench = bench();
    let shared = bench.attach();
    let pong = client_frame(1, format!("3{}", "x".repeat(100)).as_bytes());
    let chunk = pong.repeat(6 * READ_TURN_BYTES / pong.len());
    bench.feed(&chunk);
    let read = || shared.traffic.load().0 as usize;
    let first = read();
    assert!(first < 2 * READ_TURN_BYTES, "{first} bytes");
    assert!(bench.thread.has_rested());
    bench.thread.run(|_| ());
    assert_eq!(read(), first, "it is the same turn");
    assert_eq!(bench.woken.load(Ordering::SeqCst), 0);
    let mut turns = 1;
    while bench.thread.has_rested() {
        bench.thread.begin_turn();
        turns += 1;
    }
    assert_eq!(read(), chunk.len());
    assert!(turns >= 5, "{turns} turns");
}

#[test]
fn what_came_while_the_thread_was_late_counts_before_the_deadlines() {
    let config = EngineConfig::default();
    config.set(1, 1, 10_000, 0);
    let mut bench = bench_of(Kit::with_config(true, config));
    let shared = bench.attach();
    bench.thread.run(|_| ());
    bench.pass(10);
    bench.thread.run(|_| ());
    assert!(lock(&shared.inner).deadline().is_some(), "it was pinged");
    bench.pass(300);
    // JavaScript is woken again and again before it looks at its sockets.
    for _ in 0..3 {
        bench.thread.run(|_| ());
        bench.pass(10);
    }
    bench.thread.begin_turn();
    bench.feed(&client_frame(1, b"3"));
    bench.thread.begin_turn();
    assert!(!lock(&shared.inner).session.is_closed());
    // Without a pong it ends.
    bench.pass(300);
    for _ in 0..4 {
        bench.thread.begin_turn();
        bench.pass(10);
    }
    assert!(lock(&shared.inner).session.is_closed());
}

#[test]
fn a_panic_costs_one_connection() {
    let mut bench = bench();
    bench.attach();
    let handle = bench.kit.peer.handle;
    bench.thread.run(|local| local.fail_conn(handle));
    assert_eq!(bench.mailbox.panics(), 1);
    let heard = bench.kit.heard.take();
    assert!(
        heard.iter().any(|line| line.starts_with("closed")),
        "{heard:?}"
    );
    bench
        .thread
        .run(|_| panic!("a panic that a test has asked for"));
    assert_eq!(bench.mailbox.panics(), 2);
}

#[test]
fn streams_that_get_the_same_bytes_share_them() {
    let output = Output::default();
    for (stream, bytes) in [(1, "ab"), (2, "ab"), (3, ""), (4, "ab"), (5, "abc")] {
        output.push(stream, bytes.as_bytes());
    }
    assert!(!output.is_empty());
    let run = output.take();
    assert!(output.is_empty());
    assert_eq!(run.len(), 4 + 5 * 12 + "ab".len() * 2 + "abc".len());
}
