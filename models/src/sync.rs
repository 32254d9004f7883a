//! The module `sync` of the crate, over loom.

pub use loom::sync::{Condvar, Mutex, MutexGuard};
pub use std::sync::PoisonError;

/// Locks.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As tokio's `Notify` with one waiting task: a permit, which is there or not.
#[derive(Default)]
pub struct Notify {
    permit: Mutex<bool>,
    changed: Condvar,
}

impl Notify {
    /// Stores the permit.
    pub fn notify_one(&self) {
        *lock(&self.permit) = true;
        self.changed.notify_one();
    }

    /// Waits for the permit and takes it.
    pub fn wait(&self) {
        let mut permit = lock(&self.permit);
        while !std::mem::take(&mut *permit) {
            permit = (self.changed.wait(permit)).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Defines a static value, anew for each order that is tried.
macro_rules! shared_static {
    ($(#[$attr:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! {
            $(#[$attr])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use shared_static;

/// Atomic values. loom takes accesses that are sequentially consistent for acquire and release only,
/// but knows fences: here each such access has one before and one behind it.
pub mod atomic {
    pub use loom::sync::atomic::Ordering;
    use loom::sync::atomic::fence;

    fn fenced<T>(order: Ordering, access: impl FnOnce() -> T) -> T {
        if order != Ordering::SeqCst {
            return access();
        }
        fence(Ordering::SeqCst);
        let result = access();
        fence(Ordering::SeqCst);
        result
    }

    macro_rules! atomic {
        ($($name:ident($type:ty) { $($method:ident),* })*) => {$(
            /// An atomic value.
            #[derive(Debug, Default)]
            pub struct $name(loom::sync::atomic::$name);

            #[allow(dead_code)]
            impl $name {
                /// A value.
                pub fn new(value: $type) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                /// The value.
                pub fn load(&self, order: Ordering) -> $type {
                    fenced(order, || self.0.load(order))
                }

                /// Replaces the value.
                pub fn store(&self, value: $type, order: Ordering) {
                    fenced(order, || self.0.store(value, order));
                }

                /// Replaces the value if it is `old`.
                pub fn compare_exchange(
                    &self,
                    old: $type,
                    new: $type,
                    order: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    fenced(order, || self.0.compare_exchange(old, new, order, failure))
                }

                /// As [`Self::compare_exchange`].
                pub fn compare_exchange_weak(
                    &self,
                    old: $type,
                    new: $type,
                    order: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    self.compare_exchange(old, new, order, failure)
                }

                $(
                    /// Changes the value, and returns the old one.
                    pub fn $method(&self, value: $type, order: Ordering) -> $type {
                        fenced(order, || self.0.$method(value, order))
                    }
                )*
            }
        )*};
    }

    atomic! {
        AtomicBool(bool) { swap }
        AtomicU8(u8) { swap }
        AtomicU64(u64) { fetch_add }
        AtomicUsize(usize) { fetch_add, fetch_sub, swap }
        AtomicIsize(isize) { fetch_add, fetch_sub, fetch_and, swap }
    }
}

/// As `tokio::sync::oneshot`: nobody waits for it here.
pub mod oneshot {
    /// The sending end.
    #[derive(Debug)]
    pub struct Sender<T>(std::marker::PhantomData<T>);
    /// The receiving end.
    #[derive(Debug)]
    pub struct Receiver<T>(std::marker::PhantomData<T>);

    /// A channel for one value.
    pub const fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let phantom = std::marker::PhantomData;
        (Sender(phantom), Receiver(phantom))
    }
}
