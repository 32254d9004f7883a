//! Calls in raw Node-API: their arguments, and the exception that a panic becomes.

use std::ffi::c_void;
use std::ptr;

use napi::sys;

use crate::bridge::boundary::Boundary;
use crate::bridge::faults::{self, FaultPlace};

/// Strings up to this long are given room for the worst case instead of being measured first.
const MEASURE_ABOVE: u32 = 4 << 10;

/// The arguments of a call.
pub(super) struct Args<const N: usize> {
    pub(super) env: sys::napi_env,
    pub(super) values: [sys::napi_value; N],
    boundary: *mut Boundary,
}

impl<const N: usize> Args<N> {
    /// # Safety
    /// With what Node passed to a callback made by [`super::calls::define`].
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
        debug_assert!(!data.is_null(), "`calls::define` has set it");
        Self {
            env,
            values,
            boundary: data.cast(),
        }
    }

    pub(super) fn boundary(&self) -> &'static mut Boundary {
        // SAFETY: set by `calls::define` and alive as long as its functions; calls come one at a time on
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

    pub(super) fn flags(&self, index: usize) -> u8 {
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
        // SAFETY: the callbacks, which are all made by `calls::define`, hand on what Node passed.
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
