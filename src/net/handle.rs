//! Handles: how both sides of the boundary name a session. A handle carries a generation, so that
//! one which outlives its session never reaches the next session in the same slot.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use super::peer::Peer;

/// Bits for the slot: about four million sessions in one process.
const SLOT_BITS: u32 = 22;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
/// Bits for the generation; with the slot 31 bits, a small integer in V8.
const GENERATION_MASK: u32 = (1 << 9) - 1;
/// Free slots kept back before one is used again, which spaces the generations of a slot out.
const QUARANTINE: usize = 256;

/// Names one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(u32);

impl Handle {
    /// From the number that crossed the boundary.
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

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: VecDeque<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    peer: Option<Arc<Peer>>,
}

/// All sessions of the process.
#[derive(Default)]
pub struct Table(RwLock<Slots>);

impl Table {
    /// Stores the session that `make` builds for its handle; `None` when there is no free slot.
    pub fn insert(&self, make: impl FnOnce(Handle) -> Arc<Peer>) -> Option<Arc<Peer>> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let index = if all.free.len() > QUARANTINE || all.slots.len() > SLOT_MASK as usize {
            all.free.pop_front()?
        } else {
            all.slots.push(Slot::default());
            u32::try_from(all.slots.len() - 1).ok()?
        };
        let slot = all.slots.get_mut(index as usize)?;
        let peer = make(Handle(slot.generation << SLOT_BITS | index));
        slot.peer = Some(peer.clone());
        Some(peer)
    }

    /// The session of a handle, while it lives.
    pub fn get(&self, handle: Handle) -> Option<Arc<Peer>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let peer = all.slots.get(handle.slot())?.peer.as_ref()?;
        (peer.handle == handle).then(|| peer.clone())
    }

    /// Forgets a session; its handle is dead from then on.
    pub fn remove(&self, handle: Handle) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = all.slots.get_mut(handle.slot()) else {
            return;
        };
        if slot.peer.as_ref().is_some_and(|peer| peer.handle == handle) {
            slot.peer = None;
            slot.generation = (slot.generation + 1) & GENERATION_MASK;
            all.free.push_back(handle.0 & SLOT_MASK);
        }
    }

    /// How many sessions live.
    pub fn len(&self) -> usize {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.slots.len() - all.free.len()
    }

    /// Whether no session lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
