//! A socket whose descriptor the engine has taken over from Node.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;

use super::ByteStream;

/// A TCP or UNIX socket. The standard library's TCP type reads and writes either: it only
/// makes the calls that all stream sockets have.
pub struct Adopted(AsyncFd<TcpStream>);

/// The error of a number that is no open descriptor, on every UNIX.
const EBADF: i32 = 9;

/// The descriptor of a handle; `None` if `fd` is no descriptor, as Node has -1 for a handle that was
/// closed.
///
/// # Safety
/// `fd` must be below zero, or open while the value is used.
pub unsafe fn borrow<'a>(fd: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: the caller promises that the descriptor is open.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Duplicates a socket's descriptor, so that Node can close its own.
///
/// # Errors
/// If `fd` is no descriptor, or if the process may have no more of them.
///
/// # Safety
/// `fd` must be below zero, or open while this call lasts.
pub unsafe fn adopt(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the caller promises that the descriptor is open; it is borrowed for this call.
    let descriptor = unsafe { borrow(fd) };
    let descriptor = descriptor.ok_or_else(|| io::Error::from_raw_os_error(EBADF))?;
    descriptor.try_clone_to_owned()
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
        // A socket that does not take the option ends as usual.
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
