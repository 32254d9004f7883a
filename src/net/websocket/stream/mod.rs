//! What carries a WebSocket's bytes: a socket adopted from Node, or a stream that JavaScript pumps.
//! Everything that depends on the operating system is behind [`ByteStream`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::net::events::EventSink;

/// A duplex of bytes, used by one I/O thread.
pub trait ByteStream {
    /// Reads into `buffer`; `Ok(0)` is the end.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes what can be written at once; `WouldBlock` if that is nothing.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes as soon as something can be written, after `WouldBlock`.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Tells the peer that nothing more will be written. `false`: only dropping does that.
    fn shutdown(&self) -> bool {
        false
    }
    /// Has the connection reset when it is dropped: the peer gets an RST, not an end.
    fn reset(&self) {}
    /// Has the kernel probe an idle peer after `delay`; none: never.
    fn keep_alive(&self, _delay: Option<Duration>) {}
    /// The local and the remote address of a TCP connection.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        None
    }
    /// Whether JavaScript does the writing, and has to be woken for it.
    fn is_pumped(&self) -> bool {
        false
    }
    /// For pumped streams: more input, or its end (an empty slice).
    fn feed(&self, _bytes: &[u8]) {}
    /// For pumped streams: tell when all input so far has been taken.
    fn await_taken(&self) {}
    /// For pumped streams: JavaScript has written `n` bytes.
    fn written(&self, _n: usize) {}
    /// For pumped streams: bytes that JavaScript was given and has not written.
    fn in_flight(&self) -> usize {
        0
    }
}

#[cfg(unix)]
pub use adopted::{Adopted, adopt};

#[cfg(unix)]
mod adopted {
    use super::{ByteStream, Context, Duration, Poll, SocketAddr, io};
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::task::ready;
    use tokio::io::unix::AsyncFd;

    /// A TCP or UNIX socket. The standard library's TCP type reads and writes either: it only
    /// makes the calls that all stream sockets have.
    pub struct Adopted(AsyncFd<TcpStream>);

    /// Duplicates a socket's descriptor, so that Node can close its own.
    ///
    /// # Safety
    /// `fd` must be open while this call lasts.
    pub unsafe fn adopt(fd: i32) -> io::Result<OwnedFd> {
        // SAFETY: the caller promises that the descriptor is open; it is borrowed for this call.
        unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
    }

    impl Adopted {
        /// Registers the socket with the I/O thread that calls this.
        pub fn new(fd: OwnedFd) -> io::Result<Self> {
            let stream = TcpStream::from(fd);
            stream.set_nonblocking(true)?;
            // SAFETY: the stream owns its descriptor and is only ever borrowed here, so the
            // descriptor stays open and the same until both are dropped together.
            Ok(Self(unsafe { AsyncFd::register(stream) }?))
        }
    }

    impl ByteStream for Adopted {
        fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            loop {
                let mut guard = ready!(self.0.poll_read_ready(cx))?;
                match self.0.get_ref().read(buffer) {
                    Ok(n) => {
                        // Less than asked for: the socket is drained, and the next byte raises a
                        // new event. Saves the read that would only find nothing.
                        if n > 0 && n < buffer.len() {
                            guard.clear_ready();
                        }
                        return Poll::Ready(Ok(n));
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Poll::Ready(Err(e)),
                }
            }
        }

        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            loop {
                match self.0.get_ref().write(bytes) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        }

        fn shutdown(&self) -> bool {
            self.0.get_ref().shutdown(Shutdown::Write).is_ok()
        }

        fn reset(&self) {
            // A socket that cannot be told ends as usual.
            let _ = socket2::SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO));
        }

        fn keep_alive(&self, delay: Option<Duration>) {
            let socket = socket2::SockRef::from(self.0.get_ref());
            // A UNIX socket has no such option.
            let _ = socket.set_keepalive(delay.is_some());
            if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
                let parameters = socket2::TcpKeepalive::new().with_time(delay);
                let _ = socket.set_tcp_keepalive(&parameters);
            }
        }

        fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
            let stream = self.0.get_ref();
            Some((stream.local_addr().ok()?, stream.peer_addr().ok()?))
        }

        fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            loop {
                let mut guard = ready!(self.0.poll_write_ready(cx))?;
                match self.write(bytes) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    other => return Poll::Ready(other),
                }
            }
        }
    }
}

/// Bytes on their way to JavaScript that a pumped stream may hold before it counts as blocked.
const PUMP_WINDOW: usize = 64 << 10;

/// A stream that JavaScript reads and writes: TLS, or any Duplex.
pub struct Pumped {
    stream: u32,
    inbox: Arc<dyn EventSink>,
    chunks: RefCell<VecDeque<Vec<u8>>>,
    ended: Cell<bool>,
    in_flight: Cell<usize>,
    /// JavaScript waits until all input has been taken.
    awaited: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Pumped {
    /// For the stream that JavaScript calls `stream`.
    pub fn new(stream: u32, inbox: Arc<dyn EventSink>) -> Self {
        Self {
            stream,
            inbox,
            chunks: RefCell::default(),
            ended: Cell::new(false),
            in_flight: Cell::new(0),
            awaited: Cell::new(false),
            reader: RefCell::default(),
            writer: RefCell::default(),
        }
    }
}

impl ByteStream for Pumped {
    fn shutdown(&self) -> bool {
        // A write of nothing: no more will come.
        self.inbox.stream_write(self.stream, &[]);
        true
    }

    fn is_pumped(&self) -> bool {
        true
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut chunks = self.chunks.borrow_mut();
        let Some(mut chunk) = chunks.pop_front() else {
            if self.awaited.take() {
                self.inbox.stream_taken(self.stream);
            }
            if self.ended.get() {
                return Poll::Ready(Ok(0));
            }
            *self.reader.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        if n < chunk.len() {
            chunk.drain(..n);
            chunks.push_front(chunk);
        }
        Poll::Ready(Ok(n))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = PUMP_WINDOW.saturating_sub(self.in_flight.get());
        let n = bytes.len().min(room);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.in_flight.set(self.in_flight.get() + n);
        self.inbox.stream_write(self.stream, &bytes[..n]);
        Ok(n)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                *self.writer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }

    fn feed(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.ended.set(true);
        } else {
            self.chunks.borrow_mut().push_back(bytes.to_vec());
        }
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    fn await_taken(&self) {
        self.awaited.set(true);
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    fn written(&self, n: usize) {
        self.in_flight.set(self.in_flight.get().saturating_sub(n));
        if let Some(waker) = self.writer.borrow_mut().take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
pub(in crate::net) mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::eio;
    use crate::error::CloseReason;
    use crate::net::events::{Note, Opened, StreamEnd};
    use crate::net::handle::Handle;
    use crate::net::lock;
    use crate::sio;

    /// An environment that only keeps what is to be written, and its turns.
    #[derive(Default)]
    pub struct Recorder(Mutex<Vec<u8>>, pub AtomicU64);

    impl EventSink for Recorder {
        fn packet(&self, _: Handle, _: &sio::Packet<'_>, _: Vec<Vec<u8>>) {}
        fn engine_packet(&self, _: Handle, _: eio::packet::Packet<'_>) {}
        fn refused(&self, _: Handle, _: &str) {}
        fn answer(&self, _: Handle, _: eio::payload::Payload) {}
        fn frame(&self, _: Handle, _: eio::session::SocketRole, _: eio::packet::Packet<'_>) {}
        fn note(&self, _: Handle, _: Note) {}
        fn closed(&self, _: Handle, _: &CloseReason) {}
        fn stream_write(&self, stream: u32, bytes: &[u8]) {
            assert_eq!(stream, 7);
            lock(&self.0).extend_from_slice(bytes);
        }
        fn stream_end(&self, _: u32, _: StreamEnd) {}
        fn stream_taken(&self, _: u32) {}
        fn opened(&self, _: u32, _: Handle, _: &Opened<'_>, _: &mut dyn FnMut()) {}
        #[cfg(unix)]
        fn handover(&self, _: u32, _: std::os::fd::OwnedFd, _: Vec<u8>, _: Option<Handle>) {}
        fn listener_drained(&self, _: u32) {}
        fn is_full(&self) -> bool {
            false
        }
        fn is_stopped(&self) -> bool {
            self.is_full()
        }
        fn turns(&self) -> u64 {
            self.1.load(Ordering::Relaxed)
        }
        fn nudge(&self) {}
        fn needs_wake(&self) -> bool {
            false
        }
        fn wake(&self) {}
    }

    /// Counts how often it is woken.
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

    fn pumped() -> (Pumped, Arc<Recorder>) {
        let recorder = Arc::new(Recorder::default());
        (Pumped::new(7, recorder.clone()), recorder)
    }

    /// What one read gives now; `None`: it has to wait.
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
        for piece in ["hell", "o", "you", "", ""] {
            let piece = piece.as_bytes().to_vec();
            assert_eq!(read(&carrier, &waker, 4), Some(piece));
        }
    }

    #[test]
    fn a_pumped_stream_takes_no_more_than_its_window() {
        let (carrier, recorder) = pumped();
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
        assert_eq!(*lock(&recorder.0), bytes);
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
}
