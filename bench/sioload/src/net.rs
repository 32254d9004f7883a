//! The few system calls the generator needs.

use std::io;
use std::net::SocketAddrV4;

pub struct Epoll(i32);

fn check(r: i32) -> io::Result<i32> {
    if r < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(r)
    }
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain system call, no memory is passed.
        check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Epoll)
    }

    fn ctl(&self, op: i32, fd: i32, token: u64, events: i32) -> io::Result<()> {
        let mut ev = libc::epoll_event {
            events: events as u32,
            u64: token,
        };
        // SAFETY: `ev` lives until the call returns.
        check(unsafe { libc::epoll_ctl(self.0, op, fd, &mut ev) }).map(|_| ())
    }

    pub fn add(&self, fd: i32, token: u64, events: i32) -> io::Result<()> {
        self.ctl(libc::EPOLL_CTL_ADD, fd, token, events)
    }

    pub fn modify(&self, fd: i32, token: u64, events: i32) -> io::Result<()> {
        self.ctl(libc::EPOLL_CTL_MOD, fd, token, events)
    }

    pub fn wait(&self, evs: &mut [libc::epoll_event], timeout_ms: i32) -> usize {
        // SAFETY: the kernel writes at most `evs.len()` events into `evs`.
        let n = unsafe { libc::epoll_wait(self.0, evs.as_mut_ptr(), evs.len() as i32, timeout_ms) };
        n.max(0) as usize
    }
}

/// Starts a non-blocking connect from 127.0.0.`octet`.
pub fn connect(dst: &SocketAddrV4, octet: u8) -> io::Result<i32> {
    // SAFETY: the option and both addresses live on this stack, their sizes are passed with them.
    unsafe {
        let fd = check(libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            0,
        ))?;
        let one: i32 = 1;
        let set = |level, name| {
            libc::setsockopt(
                fd,
                level,
                name,
                &one as *const i32 as *const libc::c_void,
                4,
            )
        };
        set(libc::IPPROTO_TCP, libc::TCP_NODELAY);
        set(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT);
        let addr = |ip: [u8; 4], port: u16| libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(ip),
            },
            sin_zero: [0; 8],
        };
        let len = std::mem::size_of::<libc::sockaddr_in>() as u32;
        let src = addr([127, 0, 0, octet], 0);
        let dst = addr(dst.ip().octets(), dst.port());
        let done = check(libc::bind(
            fd,
            &src as *const _ as *const libc::sockaddr,
            len,
        ))
        .and_then(|_| {
            match check(libc::connect(
                fd,
                &dst as *const _ as *const libc::sockaddr,
                len,
            )) {
                Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => Ok(0),
                r => r,
            }
        });
        if let Err(e) = done {
            libc::close(fd);
            return Err(e);
        }
        Ok(fd)
    }
}

pub fn pending_error(fd: i32) -> i32 {
    let mut err = 0i32;
    let mut len = 4u32;
    // SAFETY: `err` and `len` live on this stack, and `len` is the size of `err`.
    unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            &mut err as *mut i32 as *mut libc::c_void,
            &mut len,
        );
    }
    err
}

pub enum Io {
    Done(usize),
    Again,
    Closed,
}

fn outcome(n: isize) -> Io {
    if n > 0 {
        return Io::Done(n as usize);
    }
    if n < 0 {
        let e = io::Error::last_os_error();
        if matches!(
            e.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ) {
            return Io::Again;
        }
    }
    Io::Closed
}

pub fn read(fd: i32, buf: &mut [u8]) -> Io {
    // SAFETY: the kernel writes at most `buf.len()` bytes into `buf`.
    outcome(unsafe { libc::recv(fd, buf.as_mut_ptr() as *mut libc::c_void, buf.len(), 0) })
}

pub fn write(fd: i32, buf: &[u8]) -> Io {
    // SAFETY: the kernel reads at most `buf.len()` bytes of `buf`.
    outcome(unsafe {
        libc::send(
            fd,
            buf.as_ptr() as *const libc::c_void,
            buf.len(),
            libc::MSG_NOSIGNAL,
        )
    })
}

pub fn close(fd: i32) {
    // SAFETY: a plain system call; the callers own the descriptor and forget it.
    unsafe {
        libc::close(fd);
    }
}

pub fn now_ns() -> u64 {
    // SAFETY: `t` is a valid timespec on this stack.
    unsafe {
        let mut t: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t);
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    }
}

/// Sleeps with a timer that fires when asked, not up to 50 us later.
pub fn nap(us: u64) {
    let t = libc::timespec {
        tv_sec: 0,
        tv_nsec: (us * 1000) as i64,
    };
    // SAFETY: `t` is valid, and a null second argument is allowed.
    unsafe {
        libc::nanosleep(&t, std::ptr::null_mut());
    }
}

pub fn fine_timers() {
    // SAFETY: a plain system call, no memory is passed.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1000usize, 0usize, 0usize, 0usize);
    }
}

/// Raises the soft limit on descriptors to the hard one and returns it.
pub fn raise_fd_limit() -> u64 {
    // SAFETY: both calls get a valid rlimit that lives on this stack.
    unsafe {
        let mut l: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut l);
        l.rlim_cur = l.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &l);
        l.rlim_cur
    }
}
