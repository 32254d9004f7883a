//! The calls made per event, in raw Node-API: generated glue would cost more than their work.
//! Each takes exactly the arguments that `lib/engine/native/binding.ts` declares; it is the only caller.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

use napi::sys;

use crate::bridge::batch::Value;
use crate::bridge::event_queue::EventQueue;
use crate::bridge::faults::{self, FaultPlace};
use crate::bridge::inline::{self, Inline};
use crate::bridge::polling;
use crate::bridge::quoting::quote;
use crate::bridge::runtime::runtime;
use crate::bridge::strings::make_string;
use crate::net::events::EventSink as _;
use crate::net::handle::Handle;
use crate::net::send_batch::{DISCARD, MAX_MESSAGE_BYTES, TooLong, Writer};
use crate::net::thread::Command;

/// A batch of sends longer than this is handed over before the tick ends, in bytes.
const RUN_BYTES: usize = 1 << 20;
/// Strings up to this long are given room for the worst case instead of being measured first.
const MEASURE_ABOVE: u32 = 4 << 10;

/// One environment's side of the boundary. Used on its JavaScript thread only.
pub struct Boundary {
    /// Its batches.
    pub hub: Arc<EventQueue>,
    /// The batch of sends being written, for each I/O thread.
    runs: Vec<Writer>,
    /// Counts ticks.
    tick: u32,
    /// The sessions that live on this thread, and the sends to them.
    pub(super) inline: Inline,
}

impl Boundary {
    /// Makes the boundary of an environment.
    pub fn new(hub: Arc<EventQueue>) -> Self {
        let runs = (0..runtime().threads())
            .map(|_| Writer::default())
            .collect();
        Self {
            inline: Inline::new(hub.clone()),
            hub,
            runs,
            tick: 1,
        }
    }

    /// Hands over the batches that were written. It is called before anything else is asked of the
    /// threads, so that all of it happens in order.
    pub fn flush(&mut self) {
        for (thread, run) in self.runs.iter_mut().enumerate() {
            if !run.is_empty() {
                runtime().send(thread, Command::SendBatch(run.take(), self.tick));
            }
        }
        self.inline.flush(self.tick);
    }

    /// Hands over the batches that were written, at the end of a tick.
    fn end_tick(&mut self) {
        self.flush();
        self.tick = self.tick.wrapping_add(1);
    }

    /// Writes to the batch of the thread of a session. If `write` panics, the session is closed.
    fn write(
        &mut self,
        handle: u32,
        write: impl FnOnce(&mut Writer) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let of = Handle::from_raw(handle);
        let run = if of.is_inline() {
            Some(&mut self.inline.run)
        } else {
            self.runs.get_mut(runtime().thread_of(of))
        };
        let Some(run) = run else {
            return Ok(());
        };
        let written = faults::guard(|| {
            faults::strike(FaultPlace::Send);
            write(run)
        });
        match written {
            Some(written) => written?,
            None => run.close(handle, DISCARD),
        }
        if run.len() > RUN_BYTES {
            self.flush();
        }
        Ok(())
    }

    /// Writes to each thread the handles that are its own.
    fn write_all(
        &mut self,
        handles: &[u8],
        mut write: impl FnMut(&mut Writer, &[u8]) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let inline;
        let handles = if self.inline.is_in_use() {
            let (here, others) = inline::split(handles);
            if !here.is_empty() {
                write(&mut self.inline.run, &here)?;
            }
            inline = others;
            &*inline
        } else {
            handles
        };
        if handles.is_empty() {
            // All live on this thread.
        } else if let [run] = self.runs.as_mut_slice() {
            write(run, handles)?;
        } else {
            let mut parts = vec![Vec::new(); self.runs.len()];
            for raw in handles.as_chunks::<4>().0 {
                let thread = runtime().thread_of(Handle::from_raw(u32::from_ne_bytes(*raw)));
                if let Some(part) = parts.get_mut(thread) {
                    part.extend_from_slice(raw);
                }
            }
            for (run, part) in self.runs.iter_mut().zip(&parts) {
                if !part.is_empty() {
                    write(run, part)?;
                }
            }
        }
        let is_long = |run: &Writer| run.len() > RUN_BYTES;
        if self.runs.iter().any(is_long) || is_long(&self.inline.run) {
            self.flush();
        }
        Ok(())
    }
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Defines the calls on `object`. `boundary` must outlive them.
///
/// # Safety
/// On the JavaScript thread of `env`, with `object` one of its objects.
pub unsafe fn define(env: sys::napi_env, object: sys::napi_value, boundary: *mut Boundary) {
    let calls: [(&CStr, Callback); 21] = [
        (c"take", take),
        (c"waiting", waiting),
        (c"rest", rest),
        (c"place", place),
        (c"openedAhead", opened_ahead),
        (c"sendText", send_text),
        (c"sendBinary", send_binary),
        (c"broadcastText", broadcast_text),
        (c"broadcastBinary", broadcast_binary),
        (c"closeSession", close_session),
        (c"releaseHandle", release_handle),
        (c"setRaw", set_raw),
        (c"flush", flush),
        (c"quote", quote),
        (c"isPollPending", polling::is_poll_pending),
        (c"sendPollingText", polling::send_text),
        (c"sendPollingBinary", polling::send_binary),
        (c"feed", inline::feed),
        (c"written", inline::written),
        (c"runInline", inline::run),
        (c"output", inline::output),
    ];
    for (name, call) in calls {
        let mut function = ptr::null_mut();
        // SAFETY: `env` and `object` are valid by this function's contract, the name is
        // NUL-terminated, and the data pointer outlives the environment's functions.
        unsafe {
            sys::napi_create_function(
                env,
                name.as_ptr(),
                -1,
                Some(call),
                boundary.cast(),
                &mut function,
            );
            sys::napi_set_named_property(env, object, name.as_ptr(), function);
        }
    }
}

/// The arguments of a call.
pub(super) struct Args<const N: usize> {
    pub(super) env: sys::napi_env,
    pub(super) values: [sys::napi_value; N],
    boundary: *mut Boundary,
}

impl<const N: usize> Args<N> {
    /// # Safety
    /// With what Node passed to a callback made by [`define`].
    unsafe fn new(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut values = [ptr::null_mut(); N];
        let mut count = N;
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: valid by contract; Node writes at most `count` values and fills the rest with
        // undefined.
        unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &mut count,
                values.as_mut_ptr(),
                ptr::null_mut(),
                &mut data,
            );
        }
        debug_assert!(!data.is_null(), "`define` has set it");
        Self {
            env,
            values,
            boundary: data.cast(),
        }
    }

    pub(super) fn boundary(&self) -> &'static mut Boundary {
        // SAFETY: set by `define` and alive as long as its functions; calls come one at a time on
        // one thread and none calls into JavaScript, so there is never a second reference. A panic
        // in an earlier call has left it whole: `Writer` takes back what was not finished.
        unsafe { &mut *self.boundary }
    }

    pub(super) fn number(&self, index: usize) -> u32 {
        let mut n = 0;
        // SAFETY: a valid value of this environment; anything but a number leaves 0.
        unsafe { sys::napi_get_value_uint32(self.env, self.values[index], &mut n) };
        n
    }

    fn flags(&self, index: usize) -> u8 {
        (self.number(index) & 0xff) as u8
    }

    /// Bytes enough for the string at `index`, whose length in UTF-16 units is at `index + 1`,
    /// and for the NUL that Node-API adds.
    pub(super) fn room(&self, index: usize) -> usize {
        let units = self.number(index + 1);
        if units <= MEASURE_ABOVE {
            return units as usize * 3 + 1;
        }
        let mut bytes = 0;
        // SAFETY: a valid value; a null buffer asks for the length.
        unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                ptr::null_mut(),
                0,
                &mut bytes,
            )
        };
        bytes + 1
    }

    /// Writes the string at `index` into `place` as UTF-8 and returns its length.
    pub(super) fn string(&self, index: usize, place: &mut [u8]) -> usize {
        let mut written = 0;
        // SAFETY: a valid value, and a buffer of the length given.
        unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                place.as_mut_ptr().cast(),
                place.len(),
                &mut written,
            );
        }
        debug_assert!(written <= place.len(), "Node-API has kept to the length");
        written
    }

    /// The bytes of the typed array at `index`, while this call lasts.
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: a valid value. `napi_get_buffer_info` takes any view and gives its bytes, which
        // nobody moves or frees while this call runs.
        unsafe {
            if sys::napi_get_buffer_info(self.env, self.values[index], &mut data, &mut len)
                != sys::Status::napi_ok
                || data.is_null()
            {
                return &[];
            }
            std::slice::from_raw_parts(data.cast(), len)
        }
    }
}

/// Carries out a call from JavaScript. A panic becomes an exception.
pub(super) fn call<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    work: impl FnOnce(&Args<N>) -> sys::napi_value,
) -> sys::napi_value {
    let result = faults::guard(|| {
        // SAFETY: the callbacks below, which are all made by `define`, hand on what Node passed.
        let args = unsafe { Args::new(env, info) };
        faults::strike(FaultPlace::Call);
        work(&args)
    });
    result.unwrap_or_else(|| {
        // SAFETY: `env` is valid on its own thread, and the texts are NUL-terminated.
        unsafe {
            sys::napi_throw_error(env, ptr::null(), c"the native engine has a fault".as_ptr())
        };
        ptr::null_mut()
    })
}

/// The result of a send: undefined, or a `RangeError` if the message is too long.
fn sent(env: sys::napi_env, result: Result<(), TooLong>) -> sys::napi_value {
    if let Err(TooLong(bytes)) = result {
        let message =
            format!("a message of {bytes} bytes is too long: {MAX_MESSAGE_BYTES} at most\0");
        // SAFETY: `env` is valid on its own thread, and both texts are NUL-terminated.
        unsafe {
            sys::napi_throw_range_error(env, c"ERR_OUT_OF_RANGE".as_ptr(), message.as_ptr().cast());
        }
    }
    ptr::null_mut()
}

/// `take(waits): undefined | string | [string, ...values]`. The records of one read come together: with
/// `waits` = 1 those of a read under way are waited for, else there may be nothing to take for now.
unsafe extern "C" fn take(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<1>(env, info, |args| {
        let hub = &args.boundary().hub;
        let batch = if args.number(0) == 1 {
            hub.await_reads();
            hub.take()
        } else {
            hub.take_whole()
        };
        let Some(batch) = batch else {
            return ptr::null_mut();
        };
        let (text, values) = batch.finish();
        let text = make_string(env, &text);
        if values.is_empty() {
            return text;
        }
        let mut array = ptr::null_mut();
        // SAFETY: `env` is valid on its own thread, and so are the values just made.
        unsafe {
            sys::napi_create_array_with_length(env, values.len() + 1, &mut array);
            sys::napi_set_element(env, array, 0, text);
            for (index, value) in (1..).zip(&values) {
                let value = match value {
                    Value::Text(text) => make_string(env, text.as_bytes()),
                    Value::Bytes(bytes) => make_buffer(env, bytes),
                };
                sys::napi_set_element(env, array, index, value);
            }
        }
        array
    })
}

/// `waiting(): number` of batches.
unsafe extern "C" fn waiting(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<0>(env, info, |args| {
        let count = args.boundary().hub.waiting();
        let mut value = ptr::null_mut();
        // SAFETY: `env` is valid on its own thread.
        unsafe { sys::napi_create_double(env, count as f64, &mut value) };
        value
    })
}

shared_enum! {
    /// The rest of the work of JavaScript.
    pub enum Rest {
        /// None: the next record wakes it.
        None = 0,
        /// There is more to take.
        Batches = 1,
        /// The sessions that live on its thread go on in the next turn of the loop.
        Turn = 2,
    }
}

/// `rest(): Rest`.
unsafe extern "C" fn rest(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<0>(env, info, |args| {
        let boundary = args.boundary();
        let more = boundary.hub.rest();
        let rest = match (more, boundary.inline.needs_turn(more)) {
            (true, _) => Rest::Batches,
            (false, true) => Rest::Turn,
            (false, false) => Rest::None,
        };
        let mut value = ptr::null_mut();
        // SAFETY: `env` is valid on its own thread.
        unsafe { sys::napi_create_uint32(env, rest as u32, &mut value) };
        value
    })
}

/// `place(handle)`: appends a place in the order, and wakes JavaScript if that is due.
unsafe extern "C" fn place(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<1>(env, info, |args| {
        let hub = &args.boundary().hub;
        hub.place(args.number(0));
        if hub.needs_wake() {
            hub.wake();
        }
        ptr::null_mut()
    })
}

/// `openedAhead(): undefined | string`: the records of sessions that listeners have opened and of
/// which this has not told before.
unsafe extern "C" fn opened_ahead(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<0>(env, info, |args| match args.boundary().hub.opened_ahead() {
        Some(records) => make_string(env, &records),
        None => ptr::null_mut(),
    })
}

pub(super) fn make_buffer(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length of one slice, copied by the call.
    unsafe {
        sys::napi_create_buffer_copy(
            env,
            bytes.len(),
            bytes.as_ptr().cast(),
            ptr::null_mut(),
            &mut value,
        );
    }
    value
}

/// `sendText(handle, flags, text, length)`: an Engine.IO message.
unsafe extern "C" fn send_text(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<4>(env, info, |args| {
        let (handle, flags, room) = (args.number(0), args.flags(1), args.room(2));
        let written = args.boundary().write(handle, |run| {
            run.text_with(handle, flags, room, |place| args.string(2, place))
        });
        sent(env, written)
    })
}

/// `sendBinary(handle, flags, bytes)`: a binary Engine.IO message.
unsafe extern "C" fn send_binary(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<3>(env, info, |args| {
        let (handle, flags) = (args.number(0), args.flags(1));
        let written = args
            .boundary()
            .write(handle, |run| run.binary(handle, flags, args.bytes(2)));
        sent(env, written)
    })
}

/// `broadcastText(handles: Uint32Array, flags, text, length)`
unsafe extern "C" fn broadcast_text(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<4>(env, info, |args| {
        let (flags, room) = (args.flags(1), args.room(2));
        let written = args.boundary().write_all(args.bytes(0), |run, handles| {
            run.broadcast_text_with(handles, flags, room, |place| args.string(2, place))
        });
        sent(env, written)
    })
}

/// `broadcastBinary(handles: Uint32Array, flags, bytes)`
unsafe extern "C" fn broadcast_binary(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<3>(env, info, |args| {
        let flags = args.flags(1);
        let written = args.boundary().write_all(args.bytes(0), |run, handles| {
            run.broadcast_binary(handles, flags, args.bytes(2))
        });
        sent(env, written)
    })
}

/// `closeSession(handle, flags)`, after what was sent before.
unsafe extern "C" fn close_session(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<2>(env, info, |args| {
        let (handle, flags) = (args.number(0), args.flags(1));
        let written = args.boundary().write(handle, |run| {
            run.close(handle, flags);
            Ok(())
        });
        sent(env, written)
    })
}

/// `releaseHandle(handle)`: the end of the session has been worked off, and nothing is sent to its handle
/// any more.
unsafe extern "C" fn release_handle(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<1>(env, info, |args| {
        let handle = args.number(0);
        let written = args.boundary().write(handle, |run| {
            run.release(handle);
            Ok(())
        });
        sent(env, written)
    })
}

/// `setRaw(handle, on)`: has the session's packets decoded in JavaScript, or natively; at once.
unsafe extern "C" fn set_raw(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<2>(env, info, |args| {
        runtime().set_decode_in_js(Handle::from_raw(args.number(0)), args.number(1) != 0);
        ptr::null_mut()
    })
}

/// `flush(): undefined | true`: hands over all sends; the tick ends. Returns true if there are bytes for
/// streams.
unsafe extern "C" fn flush(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    call::<0>(env, info, |args| {
        args.boundary().end_tick();
        // SAFETY: the environment of this call.
        unsafe { args.boundary().inline.tell(env) }
    })
}
