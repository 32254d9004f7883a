//! The sessions that live on this JavaScript thread, and the calls that run them. JavaScript reads and
//! writes their connections: TLS, or any Duplex.

use std::borrow::Cow;
use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use napi::sys;

use crate::bridge::args::{Args, call};
use crate::bridge::event_queue::EventQueue;
use crate::bridge::runtime::runtime;
use crate::bridge::values::make_buffer;
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::send_batch::Writer;
use crate::net::thread::inline::InlineThread;
use crate::net::thread::pending_writes::WriteState;
use crate::net::thread::{Command, EXIT_LOOK, EXIT_PATIENCE_MS, IoThreadHandle};

/// The sessions that live on the JavaScript thread of one environment, which alone uses this.
pub struct Inline {
    hub: Arc<EventQueue>,
    /// The batch of sends to them that is being written.
    pub run: Writer,
    /// Made for the first of them.
    thread: Option<InlineThread>,
    has_left: bool,
    /// JavaScript has been woken for input, and has not run these sessions since.
    is_awaited: bool,
    /// JavaScript begins a turn soon, or is in one and asks whether another one has to follow.
    has_turn: Cell<bool>,
}

impl Inline {
    /// No sessions so far.
    pub fn new(hub: Arc<EventQueue>) -> Self {
        Self {
            hub,
            run: Writer::default(),
            thread: None,
            has_left: false,
            is_awaited: false,
            has_turn: Cell::new(false),
        }
    }

    /// True if there have been sessions that live here.
    pub fn is_in_use(&self) -> bool {
        self.thread.is_some()
    }

    /// Has sessions live here. Returns false if they cannot.
    pub fn begin(&mut self) -> bool {
        if self.thread.is_none() && !self.has_left {
            self.thread = runtime().run_inline(self.mailbox());
        }
        self.thread.is_some()
    }

    /// The mailbox of these sessions, made when it is first asked for.
    fn mailbox(&self) -> Arc<IoThreadHandle> {
        let make = || {
            let inbox: Arc<dyn EventSink> = self.hub.clone();
            let woken = Arc::downgrade(&self.hub);
            runtime().add_inline(&inbox, move || {
                if let Some(hub) = woken.upgrade() {
                    hub.waker().wake();
                }
            })
        };
        self.hub.inline_thread_or(make).clone()
    }

    /// Carries out the sends that were written.
    pub fn flush(&mut self, tick: u32) {
        if !self.run.is_empty() {
            let batch = self.run.take();
            self.command(Command::SendBatch(batch, tick));
        }
    }

    /// Carries out a command, behind those of other threads.
    fn command(&mut self, command: Command) {
        if let Some(thread) = &mut self.thread {
            thread.command(command);
        }
    }

    /// Writes all that was sent to these sessions.
    pub fn settle(&mut self) {
        // Nobody waits for the answer.
        self.command(Command::Settle(sync_channel(1).0));
        self.wake();
    }

    /// Sends a command to this thread, which carries it out with the next run.
    pub fn send(&self, command: Command) {
        if self.thread.is_some()
            && let Some(mailbox) = self.hub.inline_thread()
        {
            mailbox.send(command);
        }
    }

    /// Calls `work`, and carries out its commands for these sessions. JavaScript has to run them
    /// afterwards, or to be woken.
    pub fn quietly<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let Some(thread) = &mut self.thread else {
            return work();
        };
        if let Some(mailbox) = self.hub.inline_thread() {
            mailbox.hush();
        }
        let result = work();
        thread.run(|_| ());
        result
    }

    /// Carries out the commands of other threads, and has JavaScript woken for what is due.
    pub fn catch_up(&mut self) {
        if let Some(thread) = &mut self.thread {
            thread.run(|_| ());
        }
        self.wake();
    }

    /// Has JavaScript woken for what is due: the call under way does not return it.
    pub fn wake(&self) {
        if self.is_due() {
            self.hub.wake();
        }
        self.wake_for_rested();
    }

    /// Has JavaScript begin a turn for connections that have given way, unless it does.
    fn wake_for_rested(&self) {
        let thread = self.thread.as_ref();
        if thread.is_some_and(InlineThread::has_rested) && !self.has_turn.replace(true) {
            self.hub.wake();
        }
    }

    /// True if another turn has to follow the one of which JavaScript has worked off the records;
    /// `more`: it has not.
    pub fn needs_turn(&self, more: bool) -> bool {
        let has_commands = || (self.hub.inline_thread()).is_some_and(|inbox| inbox.has_commands());
        let thread = self.thread.as_ref();
        let needs = thread.is_some_and(|thread| thread.has_rested() || has_commands());
        self.has_turn.set(more || needs);
        needs
    }

    /// True if there are bytes for streams, or records for which nobody has woken JavaScript.
    fn is_due(&self) -> bool {
        self.has_output() || self.thread.is_some() && self.hub.needs_wake()
    }

    /// Has JavaScript woken for what is due, once until it runs these sessions: all streams that have
    /// input now share the wake-up.
    fn wake_for_input(&mut self) {
        if self.is_due() && !std::mem::replace(&mut self.is_awaited, true) {
            self.hub.wake();
        }
        self.wake_for_rested();
    }

    /// Has JavaScript woken for records that wait. Returns true as a JavaScript value if there are bytes
    /// for streams, which `output` takes, and undefined if not.
    ///
    /// # Safety
    /// `env` must be the environment of the calling thread.
    pub unsafe fn tell(&self, env: sys::napi_env) -> sys::napi_value {
        if self.thread.is_some() && self.hub.needs_wake() {
            self.hub.wake();
        }
        self.wake_for_rested();
        // SAFETY: by contract.
        unsafe { self.output_waits(env) }
    }

    /// True as a JavaScript value if there are bytes for streams, and undefined if not.
    ///
    /// # Safety
    /// `env` must be the environment of the calling thread.
    unsafe fn output_waits(&self, env: sys::napi_env) -> sys::napi_value {
        let mut value = ptr::null_mut();
        if self.has_output() {
            // SAFETY: by contract.
            unsafe { sys::napi_get_boolean(env, true, &mut value) };
        }
        value
    }

    fn has_output(&self) -> bool {
        let output = self.thread.as_ref().and_then(InlineThread::output);
        output.is_some_and(|output| !output.is_empty())
    }

    fn has_stream(&self, stream: u32) -> bool {
        let thread = self.thread.as_ref();
        thread.is_some_and(|thread| thread.has_stream(stream))
    }

    /// Carries out a command for a stream, here if it lives here.
    pub fn stream(&mut self, stream: u32, mut command: impl FnMut() -> Command) {
        if self.has_stream(stream) {
            self.command(command());
        } else {
            runtime().send_all(command);
        }
    }

    /// The part of these sessions in the flush at exit: true if JavaScript has to write, and to call
    /// again. With `pumps`, streams that JavaScript writes count.
    pub fn flush_for_exit(&mut self, deadline: Instant, pumps: bool) -> bool {
        let inbox: Arc<dyn EventSink> = self.hub.clone();
        let Some(thread) = &mut self.thread else {
            return false;
        };
        loop {
            match thread.write_state(pumps, EXIT_PATIENCE_MS, &inbox) {
                WriteState::ByJavaScript => return true,
                WriteState::Yes if Instant::now() < deadline => std::thread::sleep(EXIT_LOOK),
                WriteState::Yes | WriteState::No => return false,
            }
        }
    }

    /// The environment is gone: ends its sessions.
    pub fn leave(&mut self) {
        self.has_left = true;
        self.command(Command::Leave(self.hub.clone()));
        self.thread = None;
    }
}

/// Parts handles into those of sessions that live here, and the others.
pub fn split(handles: &[u8]) -> (Cow<'_, [u8]>, Cow<'_, [u8]>) {
    let all = handles.as_chunks::<4>().0;
    let is_here = |raw: &&[u8; 4]| Handle::from_raw(u32::from_ne_bytes(**raw)).is_inline();
    match all.iter().filter(is_here).count() {
        0 => (Cow::Borrowed(&[]), Cow::Borrowed(handles)),
        n if n == all.len() => (Cow::Borrowed(handles), Cow::Borrowed(&[])),
        _ => {
            let (here, others): (Vec<_>, Vec<_>) = all.iter().partition(is_here);
            let bytes = |part: Vec<&[u8; 4]>| part.into_iter().flatten().copied().collect();
            (Cow::Owned(bytes(here)), Cow::Owned(bytes(others)))
        }
    }
}

/// `feed(stream, bytes)`: input of a stream; no bytes end it. JavaScript is woken for what is due.
pub(super) unsafe extern "C" fn feed(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<2>(env, info, |args: &Args<2>| {
        let (stream, inline) = (args.number(0), &mut args.boundary().inline);
        let bytes = args.bytes(1);
        inline.stream(stream, || Command::Feed(stream, bytes.to_vec()));
        inline.wake_for_input();
        ptr::null_mut()
    })
}

/// `written(stream, bytes: number): undefined | true`: JavaScript has written bytes of a stream. Returns
/// true if there are bytes for streams.
pub(super) unsafe extern "C" fn written(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<2>(env, info, |args: &Args<2>| {
        let (stream, bytes) = (args.number(0), args.number(1) as usize);
        let inline = &mut args.boundary().inline;
        inline.stream(stream, || Command::Written(stream, bytes));
        // SAFETY: the environment of this call.
        unsafe { inline.tell(env) }
    })
}

/// `runInline(dispatches: 0 | 1): undefined | true`: runs the sessions that live here. JavaScript is woken
/// for records that wait, unless it dispatches them now, in a turn that begins. Returns true if there are
/// bytes for streams.
pub(super) unsafe extern "C" fn run(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<1>(env, info, |args: &Args<1>| {
        let inline = &mut args.boundary().inline;
        let begins = args.number(0) == 1;
        inline.is_awaited = false;
        if begins {
            inline.has_turn.set(true);
        }
        if let Some(thread) = &mut inline.thread {
            if begins {
                thread.begin_turn();
            } else {
                thread.run(|_| ());
            }
        }
        // SAFETY: the environment of this call.
        unsafe {
            if begins {
                inline.output_waits(env)
            } else {
                inline.tell(env)
            }
        }
    })
}

/// `output(): undefined | Buffer`: takes the bytes for streams, see `Output::take`.
pub(super) unsafe extern "C" fn output(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<0>(env, info, |args: &Args<0>| {
        let inline = &args.boundary().inline;
        let output = inline.thread.as_ref().and_then(InlineThread::output);
        match output.filter(|output| !output.is_empty()) {
            Some(output) => make_buffer(env, &output.take()),
            None => ptr::null_mut(),
        }
    })
}
