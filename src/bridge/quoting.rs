//! The JSON text of long strings, for the encoder of packets.

use std::ptr;

use napi::sys;

use crate::bridge::args::call;
use crate::sio;

/// `quote(text, length): undefined | string`: the JSON text of a string; undefined: the string stands
/// between quotes as it is.
///
/// # Safety
/// As a callback that `define` has made.
pub(super) unsafe extern "C" fn quote(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<2>(env, info, |args| {
        let text = args.values[0];
        let units = args.number(1) as usize;
        let mut bytes = 0;
        // SAFETY: a valid value; a null buffer asks for the length.
        unsafe { sys::napi_get_value_string_utf8(env, text, ptr::null_mut(), 0, &mut bytes) };
        // As many bytes as units: all of it is ASCII.
        let made = if bytes == units {
            sio::quote(&ascii(env, text, units)).map(|quoted| {
                let mut value = ptr::null_mut();
                // SAFETY: pointer and length of one vector; ASCII is Latin-1.
                unsafe {
                    sys::napi_create_string_latin1(
                        env,
                        quoted.as_ptr().cast(),
                        quoted.len() as isize,
                        &mut value,
                    )
                };
                value
            })
        } else {
            sio::quote(&utf16(env, text, units)).map(|quoted| {
                let mut value = ptr::null_mut();
                // SAFETY: pointer and length of one vector.
                unsafe {
                    sys::napi_create_string_utf16(
                        env,
                        quoted.as_ptr(),
                        quoted.len() as isize,
                        &mut value,
                    )
                };
                value
            })
        };
        match made {
            Some(value) if value.is_null() => {
                // SAFETY: `env` is valid on its own thread, and the texts are NUL-terminated.
                unsafe {
                    sys::napi_throw_range_error(env, ptr::null(), c"Invalid string length".as_ptr())
                };
                ptr::null_mut()
            }
            Some(value) => value,
            None => ptr::null_mut(),
        }
    })
}

/// The bytes of a string of `length` characters, all of them ASCII.
fn ascii(env: sys::napi_env, text: sys::napi_value, length: usize) -> Vec<u8> {
    let mut bytes = Vec::<u8>::with_capacity(length + 1);
    let mut written = 0;
    // SAFETY: a valid value, and a buffer of the size given. Node-API writes `written` bytes, and a
    // NUL behind them.
    unsafe {
        sys::napi_get_value_string_latin1(
            env,
            text,
            bytes.as_mut_ptr().cast(),
            bytes.capacity(),
            &mut written,
        );
        bytes.set_len(written.min(length));
    }
    bytes
}

/// The units of a string of `length` units.
fn utf16(env: sys::napi_env, text: sys::napi_value, length: usize) -> Vec<u16> {
    let mut units = Vec::<u16>::with_capacity(length + 1);
    let mut written = 0;
    // SAFETY: a valid value, and a buffer of the size given. Node-API writes `written` units, and a
    // NUL behind them.
    unsafe {
        sys::napi_get_value_string_utf16(
            env,
            text,
            units.as_mut_ptr(),
            units.capacity(),
            &mut written,
        );
        units.set_len(written.min(length));
    }
    units
}
