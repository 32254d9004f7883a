//! Streams: a pumped one over an environment that keeps what it is told, an adopted one over real
//! sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::pumped::PUMP_WINDOW;
use super::*;
use crate::config::READ_BUFFER_BYTES;
use crate::net::test_kit::{Heard, STREAM};

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn pumped() -> (Pumped, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    (Pumped::new(STREAM, heard.clone(), None), heard)
}

/// The bytes of one read; `None`: it has to wait.
fn read(carrier: &dyn ByteStream, waker: &Waker, size: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; size];
    match carrier.poll_read(&mut Context::from_waker(waker), &mut buffer) {
        Poll::Ready(read) => {
            buffer.truncate(read.expect("a read"));
            Some(buffer)
        }
        Poll::Pending => None,
    }
}

#[test]
fn a_pumped_stream_gives_its_chunks_in_order() {
    let (carrier, _) = pumped();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert_eq!(read(&carrier, &waker, 4), None);
    carrier.feed(b"hello");
    assert_eq!(count.get(), 1);
    // Nobody waits any more.
    carrier.feed(b"you");
    carrier.feed(b"");
    assert_eq!(count.get(), 1);
    for piece in ["hell", "oyou", "", ""] {
        let piece = piece.as_bytes().to_vec();
        assert_eq!(read(&carrier, &waker, 4), Some(piece));
    }
}

#[test]
fn input_that_waits_for_a_pumped_stream_takes_about_as_much_memory_as_its_bytes() {
    let (carrier, _) = pumped();
    let waker = Waker::from(Arc::new(Count::default()));
    for _ in 0..10_000 {
        carrier.feed(b"x");
    }
    assert_eq!(carrier.chunks_waiting(), 1);
    carrier.feed(&[0; 1 << 20]);
    assert_eq!(carrier.chunks_waiting(), 1 + (1 << 20) / READ_BUFFER_BYTES);
    let mut bytes = 0;
    while let Some(piece) = read(&carrier, &waker, READ_BUFFER_BYTES) {
        bytes += piece.len();
    }
    assert_eq!(bytes, 10_000 + (1 << 20));
}

#[test]
fn a_pumped_stream_takes_no_more_than_its_window() {
    let (carrier, heard) = pumped();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let bytes: Vec<u8> = (0..PUMP_WINDOW + 100).map(|i| i as u8).collect();
    assert_eq!(carrier.write(&bytes[..1]).ok(), Some(1));
    assert_eq!(carrier.write(&bytes[1..]).ok(), Some(PUMP_WINDOW - 1));
    let rest = &bytes[PUMP_WINDOW..];
    let full = carrier.write(rest).map_err(|e| e.kind());
    assert_eq!(full, Err(io::ErrorKind::WouldBlock));
    assert!(carrier.poll_write(&mut cx, rest).is_pending());
    carrier.written(40);
    assert_eq!(count.get(), 1);
    assert!(matches!(
        carrier.poll_write(&mut cx, rest),
        Poll::Ready(Ok(40))
    ));
    // More than is on its way cannot have been written.
    carrier.written(usize::MAX);
    assert_eq!(carrier.write(&rest[40..]).ok(), Some(60));
    assert_eq!(heard.take_written(), bytes);
    assert!(carrier.shutdown());
}

#[cfg(unix)]
mod adopted {
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::net::Shutdown;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixStream;

    use super::super::{Adopted, Duration, adopt};
    use super::{ByteStream as _, Waker, io, read};

    /// An adopted socket, whose first owner has closed it, and its peer.
    fn pair() -> (Adopted, UnixStream) {
        let (own, peer) = UnixStream::pair().expect("two sockets");
        // SAFETY: `own` keeps the descriptor open.
        let fd = unsafe { adopt(own.as_raw_fd()) }.expect("a duplicate");
        drop(own);
        (Adopted::new(fd).expect("registered"), peer)
    }

    async fn next(carrier: &Adopted, size: usize) -> Vec<u8> {
        let mut buffer = vec![0; size];
        let n = poll_fn(|cx| carrier.poll_read(cx, &mut buffer)).await;
        buffer.truncate(n.expect("a read"));
        buffer
    }

    #[test]
    fn a_handle_that_was_closed_has_no_descriptor_to_adopt() {
        for fd in [-1, i32::MIN] {
            // SAFETY: below zero.
            let error = unsafe { adopt(fd) }.expect_err("no descriptor");
            assert_eq!(error.raw_os_error(), Some(9));
        }
    }

    #[tokio::test]
    async fn reads_what_is_there_and_waits_for_more() {
        let (carrier, mut peer) = pair();
        assert_eq!(read(&carrier, Waker::noop(), 4), None);
        peer.write_all(b"hello").expect("written");
        assert_eq!(next(&carrier, 4).await, b"hell");
        assert_eq!(next(&carrier, 4).await, b"o");
        assert_eq!(read(&carrier, Waker::noop(), 4), None);
        peer.write_all(b"you").expect("written");
        assert_eq!(next(&carrier, 4).await, b"you");
    }

    #[tokio::test]
    async fn keep_alive_is_an_option_of_the_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let _client = std::net::TcpStream::connect(address).expect("a connection");
        let (own, remote) = listener.accept().expect("accepted");
        // SAFETY: `own` keeps the descriptor open.
        let fd = unsafe { adopt(own.as_raw_fd()) }.expect("a duplicate");
        let carrier = Adopted::new(fd).expect("registered");
        assert_eq!(carrier.ends(), Some((address, remote)));
        let own = socket2::SockRef::from(&own);
        for delay in [Some(Duration::from_secs(70)), None, Some(Duration::ZERO)] {
            carrier.keep_alive(delay);
            assert_eq!(own.keepalive().ok(), Some(delay.is_some()));
        }
    }

    #[tokio::test]
    async fn an_end_that_came_with_the_last_bytes_is_seen() {
        for drops in [false, true] {
            let (carrier, mut peer) = pair();
            peer.write_all(b"bye").expect("written");
            let _kept = if drops {
                drop(peer);
                None
            } else {
                peer.shutdown(Shutdown::Write).expect("shut down");
                Some(peer)
            };
            assert_eq!(next(&carrier, 9).await, b"bye");
            assert_eq!(next(&carrier, 9).await, b"");
        }
    }

    #[tokio::test]
    async fn writes_until_the_peer_has_to_read() {
        let (carrier, mut peer) = pair();
        let bytes = vec![b'x'; 1 << 16];
        let mut written = 0;
        let full = loop {
            match carrier.write(&bytes) {
                Ok(n) => written += n,
                Err(error) => break error.kind(),
            }
        };
        assert_eq!(full, io::ErrorKind::WouldBlock);
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            peer.read_to_end(&mut read).map(|_| read)
        });
        written += poll_fn(|cx| carrier.poll_write(cx, b"last"))
            .await
            .expect("written");
        assert!(carrier.shutdown());
        let read = reading.join().expect("a thread").expect("read");
        assert_eq!(read.len(), written);
        assert!(read.ends_with(b"last"));
    }
}

/// The writes that an output holds, as JavaScript reads them.
fn writes(output: &Output) -> Vec<(u32, Vec<u8>)> {
    let run = output.take();
    let numbers: Vec<u32> = (run.as_chunks::<4>().0.iter())
        .map(|raw| u32::from_ne_bytes(*raw))
        .collect();
    let places = &numbers[1..=3 * numbers[0] as usize];
    (places.as_chunks::<3>().0.iter())
        .map(|&[stream, start, end]| (stream, run[start as usize..end as usize].to_vec()))
        .collect()
}

#[test]
fn bytes_of_one_stream_that_follow_each_other_are_one_write() {
    let output = Output::default();
    for (stream, bytes) in [
        (1, "ab"),
        (1, "c"),
        (1, ""),
        (2, "c"),
        (3, "c"),
        (3, "d"),
        (2, "e"),
    ] {
        output.push(stream, bytes.as_bytes());
    }
    let expected = [(1, "abc"), (1, ""), (2, "c"), (3, "cd"), (2, "e")];
    assert_eq!(
        writes(&output),
        expected.map(|(stream, bytes)| (stream, bytes.as_bytes().to_vec()))
    );
    assert!(output.is_empty());
}

#[test]
fn a_sealed_write_stays_a_write_of_its_own() {
    let output = Output::default();
    for bytes in ["101", "a", "b"] {
        output.push(1, bytes.as_bytes());
        if bytes == "101" {
            output.seal();
        }
    }
    let expected = [(1, b"101".to_vec()), (1, b"ab".to_vec())];
    assert_eq!(writes(&output), expected);
}
