//! Handles: the numbers by which both sides of the boundary name a session.

/// Bits for the slot: about four million sessions in one process.
const SLOT_BITS: u32 = 22;
/// The bits of the slot.
pub const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
/// Bits for the generation; with the slot and the bit below 31 bits, a small integer in V8.
pub(in crate::net) const GENERATION_MASK: u32 = (1 << 8) - 1;
/// The bit of sessions that live on the JavaScript thread of their environment.
const INLINE: u32 = 1 << 30;

/// The name of one session: its slot, and a generation. A handle that outlives its session never
/// reaches the next session in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(u32);

impl Handle {
    /// The handle of a session of a slot. Generations count up to [`GENERATION_MASK`].
    pub(in crate::net) const fn new(generation: u32, slot: u32) -> Self {
        Self(generation << SLOT_BITS | slot)
    }

    /// The same handle, for a session that lives on the JavaScript thread of its environment if `inline`
    /// says so, and on an I/O thread else.
    pub(in crate::net) const fn on_thread(self, inline: bool) -> Self {
        Self(self.0 & !INLINE | if inline { INLINE } else { 0 })
    }

    /// True if the session lives on the JavaScript thread of its environment.
    pub const fn is_inline(self) -> bool {
        self.0 & INLINE != 0
    }

    /// The handle of a number that crossed the boundary.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The number that crosses the boundary.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The slot, without the generation.
    pub const fn slot(self) -> usize {
        (self.0 & SLOT_MASK) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_keeps_its_slot_and_crosses_the_boundary_as_a_small_integer() {
        for (generation, slot) in [(0, 0), (1, 7), (GENERATION_MASK, SLOT_MASK)] {
            let handle = Handle::new(generation, slot);
            assert_eq!(handle.slot(), slot as usize);
            for inline in [true, false] {
                let handle = handle.on_thread(inline);
                assert_eq!(handle.slot(), slot as usize);
                assert_eq!(handle.is_inline(), inline);
                assert!(handle.raw() < 1 << 31);
                assert_eq!(Handle::from_raw(handle.raw()), handle);
            }
            assert_ne!(handle, handle.on_thread(true));
        }
        assert_ne!(Handle::new(0, 7), Handle::new(1, 7));
    }
}
