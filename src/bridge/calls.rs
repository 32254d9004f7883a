//! The calls made per event, in raw Node-API: generated glue would cost more than their work.
//! Each takes exactly the arguments that `lib/engine/native/binding.ts` declares; it is the only caller.

use std::ffi::CStr;
use std::ptr;

use napi::sys;

use crate::bridge::args::call;
use crate::bridge::batch::Value;
use crate::bridge::boundary::Boundary;
use crate::bridge::inline;
use crate::bridge::polling;
use crate::bridge::quoting::quote;
use crate::bridge::runtime::runtime;
use crate::bridge::strings::make_string;
use crate::bridge::values::make_buffer;
use crate::net::events::EventSink as _;
use crate::net::handle::Handle;
use crate::net::send_batch::{MAX_MESSAGE_BYTES, TooLong};

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
