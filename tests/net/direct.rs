//! Send batches that the calling thread carries out while the I/O thread sleeps, among those that the
//! I/O thread carries out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use socket_io_native::config::EngineConfig;
use socket_io_native::eio::session::SocketRole;
use socket_io_native::net::events::Note;
use socket_io_native::net::handle::Handle;
use socket_io_native::net::send_batch::Writer;
use socket_io_native::net::thread::Command;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::support::client::{Client, OPEN, open};
use super::support::inbox::{Environment, Event, environment};
use super::support::{runtime, soon, text};

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Sends batches as JavaScript does, and counts who has carried them out.
#[derive(Default)]
struct Sender {
    tick: u32,
    here: usize,
    there: usize,
}

impl Sender {
    fn send(&mut self, handles: &[Handle], write: impl Fn(&mut Writer, Handle)) {
        self.tick += 1;
        for thread in 0..runtime().threads() {
            let mut writer = Writer::default();
            let own = |handle: &&Handle| runtime().thread_of(**handle) == thread;
            handles
                .iter()
                .filter(own)
                .for_each(|handle| write(&mut writer, *handle));
            if writer.is_empty() {
                continue;
            }
            if runtime().carry_out(thread, writer.batch(), self.tick) {
                self.here += 1;
            } else {
                self.there += 1;
                runtime().send(thread, Command::SendBatch(writer.take(), self.tick));
            }
        }
    }

    /// Sends one message once the I/O thread sleeps.
    async fn send_here(&mut self, handle: Handle, data: &str) {
        let thread = runtime().thread_of(handle);
        let mut writer = Writer::default();
        text(&mut writer, handle, 0, data);
        let carried_out = async {
            while !runtime().carry_out(thread, writer.batch(), self.tick) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon(carried_out).await;
    }
}

/// A client that checks what it reads: each message names the client and has the next number.
struct Reader {
    handle: Handle,
    sent: usize,
    /// The number of messages that it has read until its end.
    read: JoinHandle<usize>,
}

fn message(handle: Handle, number: usize, len: usize) -> String {
    let name = handle.raw();
    format!("{name} {number} {}", "x".repeat(len))
}

impl Reader {
    async fn begin(env: &Arc<Environment>, is_slow: bool) -> Self {
        let mut client = Client::connect(env).await;
        let handle = client.handle;
        let read = tokio::spawn(async move {
            let mut number = 0;
            loop {
                let text = match soon(client.ws.next()).await {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Close(_))) => continue,
                    None | Some(Err(Error::ConnectionClosed)) => return number,
                    other => panic!("no text: {other:?}"),
                };
                let head = format!("4{} {number} ", handle.raw());
                assert!(text.starts_with(&head), "{head}: {:?}", text.get(..40));
                assert!(text[head.len()..].bytes().all(|byte| byte == b'x'));
                number += 1;
                if is_slow && number % 16 == 0 {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
        });
        Self {
            handle,
            sent: 0,
            read,
        }
    }

    /// Ends the session behind all that was sent: the client has to have read all of it.
    async fn end(self, sender: &mut Sender) {
        sender.send(&[self.handle], |writer, handle| {
            writer.close(handle.raw(), 0);
            writer.release(handle.raw());
        });
        assert_eq!(soon(self.read).await.expect("no panic"), self.sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_keep_their_order_whichever_thread_writes_them() {
    const CLIENTS: usize = 24;
    let (env, _events) = environment();
    let (mut random, mut sender) = (Random(0x5eed), Sender::default());
    let mut readers = Vec::new();
    for n in 0..CLIENTS {
        readers.push(Reader::begin(&env, n % 3 == 0).await);
    }
    let mut round = 0;
    while round < 1_500 || sender.here < 200 || sender.there < 200 {
        round += 1;
        let len = match random.below(20) {
            0 => random.below(100_000),
            1..4 => random.below(3_000),
            _ => random.below(60),
        };
        let first = random.below(CLIENTS as u64) as usize;
        let count = 1 + random.below(if round % 4 == 0 { 12 } else { 3 }) as usize;
        let to: Vec<usize> = (first..first + count).map(|n| n % CLIENTS).collect();
        let handles: Vec<Handle> = to.iter().map(|n| readers[*n].handle).collect();
        let number = |handle: Handle| {
            let reader = readers.iter().find(|reader| reader.handle == handle);
            reader.map_or(0, |reader| reader.sent)
        };
        sender.send(&handles, |writer, handle| {
            text(
                writer,
                handle,
                0,
                &message(handle, number(handle), len as usize),
            );
        });
        to.iter().for_each(|n| readers[*n].sent += 1);
        match random.below(40) {
            // Its descriptor is used again by the next one.
            0 => {
                let new = Reader::begin(&env, random.below(3) == 0).await;
                std::mem::replace(&mut readers[first], new)
                    .end(&mut sender)
                    .await;
            }
            // The client goes: messages are on their way to it.
            1 => {
                readers[first].read.abort();
                readers[first] = Reader::begin(&env, false).await;
            }
            2..16 => tokio::time::sleep(Duration::from_micros(random.below(400))).await,
            16..20 => tokio::task::yield_now().await,
            _ => {}
        }
    }
    for reader in readers {
        reader.end(&mut sender).await;
    }
}

#[tokio::test]
async fn a_batch_comes_behind_the_commands_that_were_sent_before() {
    let (env, _events) = environment();
    let mut client = Client::connect(&env).await;
    let (handle, mut sender) = (client.handle, Sender::default());
    for round in 0..200 {
        let batch = {
            let mut writer = Writer::default();
            text(&mut writer, handle, 0, &format!("{round} sent"));
            writer.take()
        };
        runtime().send(runtime().thread_of(handle), Command::SendBatch(batch, 1));
        sender.send(&[handle], |writer, handle| {
            text(writer, handle, 0, &format!("{round} behind"));
        });
        assert_eq!(client.text().await, format!("4{round} sent"));
        assert_eq!(client.text().await, format!("4{round} behind"));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_gets_all_of_what_the_calling_thread_could_not_write() {
    let (env, mut events) = environment();
    let peer = open(&env, EngineConfig::default(), true);
    let mut client = Client::of(&env, &peer, SocketRole::Main).await;
    assert_eq!(client.text().await, format!("0{OPEN}"));
    let (handle, mut sender) = (client.handle, Sender::default());
    let data = "x".repeat(2_000);
    // Until the kernel takes no more: the I/O thread has to go on.
    let (mut sent, before) = (0, peer.traffic.load().1);
    let blocked = Event::Note(handle, Note::Blocked);
    while !events.rest().contains(&blocked) {
        sender.send(&[handle], |writer, handle| text(writer, handle, 0, &data));
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(peer.backlog.waiting() > 0);
    for _ in 0..sent {
        assert_eq!(client.text().await, format!("4{data}"));
    }
    events.expect(Event::Note(handle, Note::Drained)).await;
    sender.send_here(handle, "last").await;
    assert_eq!(client.text().await, "4last");
    assert_eq!(peer.backlog.waiting(), 0);
    // Headers of 4 and 2 bytes, and the packet type.
    let bytes = before + sent * (4 + 1 + data.len() as u64) + 2 + 1 + 4;
    assert_eq!(peer.traffic.load().1, bytes);
}

#[tokio::test]
async fn a_session_that_has_ended_takes_nothing_of_the_calling_thread() {
    let (env, mut events) = environment();
    let client = Client::connect(&env).await;
    let handle = client.handle;
    drop(client);
    events.closed(handle).await;
    // A new connection, perhaps with the same descriptor.
    let mut other = Client::connect(&env).await;
    let mut sender = Sender::default();
    sender.send_here(handle, "late").await;
    sender.send_here(other.handle, "own").await;
    assert_eq!(other.text().await, "4own");
}
