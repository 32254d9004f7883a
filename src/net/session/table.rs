//! The sessions of the process by their handle.
//!
//! A slot is taken until JavaScript knows that its session has ended and sends nothing more to the
//! handle: messages on their way can reach no other session, however often the slot is used again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use crate::net::events::EventSink;
use crate::net::handle::{GENERATION_MASK, Handle, SLOT_MASK};
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::SharedSession;

/// Free slots kept back before one is used again, which spaces the generations of a slot out.
const QUARANTINE: usize = 256;

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: VecDeque<u32>,
    /// Handles of sessions that have ended, of which JavaScript does not know yet, with the address
    /// of their environment.
    ended: HashMap<Handle, usize>,
}

impl Slots {
    fn free(&mut self, handle: Handle) {
        self.free.push_back(handle.raw() & SLOT_MASK);
    }
}

fn address(inbox: &Arc<dyn EventSink>) -> usize {
    Arc::as_ptr(inbox).cast::<()>() as usize
}

#[derive(Default)]
struct Slot {
    generation: u32,
    shared: Option<Arc<SharedSession>>,
}

/// All sessions of the process.
#[derive(Default)]
pub struct Table(RwLock<Slots>);

impl Table {
    /// Stores the session that `make` builds for its handle; `None` when there is no free slot.
    pub fn insert(
        &self,
        make: impl FnOnce(Handle) -> Arc<SharedSession>,
    ) -> Option<Arc<SharedSession>> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let index = if all.free.len() > QUARANTINE || all.slots.len() > SLOT_MASK as usize {
            all.free.pop_front()?
        } else {
            all.slots.push(Slot::default());
            u32::try_from(all.slots.len() - 1).ok()?
        };
        let slot = all.slots.get_mut(index as usize)?;
        let shared = make(Handle::new(slot.generation, index));
        slot.shared = Some(shared.clone());
        Some(shared)
    }

    /// The session of a handle, while it lives.
    pub fn get(&self, handle: Handle) -> Option<Arc<SharedSession>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let shared = all.slots.get(handle.slot())?.shared.as_ref()?;
        (shared.handle == handle).then(|| shared.clone())
    }

    /// Calls `f` for those of the sessions that live, with the numbers beside their handles.
    pub fn each(&self, sessions: &[(Handle, usize)], mut f: impl FnMut(&SharedSession, usize)) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for &(handle, number) in sessions {
            if let Some(Slot {
                shared: Some(shared),
                ..
            }) = all.slots.get(handle.slot())
                && shared.handle == handle
            {
                f(shared, number);
            }
        }
    }

    /// Calls `f` for all sessions that live. No session may be locked or removed by it.
    pub fn for_each(&self, mut f: impl FnMut(&SharedSession)) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for shared in all.slots.iter().filter_map(|slot| slot.shared.as_ref()) {
            f(shared);
        }
    }

    /// The sessions of an engine.
    pub fn of_engine(&self, engine: &Arc<SharedEngine>) -> Vec<Arc<SharedSession>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let sessions = all.slots.iter().filter_map(|slot| slot.shared.as_ref());
        let its = sessions.filter(|shared| Arc::ptr_eq(&shared.engine, engine));
        its.cloned().collect()
    }

    /// Removes a session. Its handle names no session from then on; its slot is free once it is
    /// [released](Self::release), or at once if the environment is gone.
    pub fn remove(&self, handle: Handle) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = all.slots.get_mut(handle.slot()) else {
            return;
        };
        let Some(shared) = slot.shared.take_if(|shared| shared.handle == handle) else {
            return;
        };
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        // Looked at under the lock: `release_all` comes after the environment is gone.
        if shared.inbox.is_gone() {
            all.free(handle);
        } else {
            all.ended.insert(handle, address(&shared.inbox));
        }
    }

    /// Frees the slot of a session that was removed: JavaScript knows of its end, and all that it has
    /// sent to the handle has been carried out.
    pub fn release(&self, handle: Handle) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.ended.remove(&handle).is_some() {
            all.free(handle);
        }
    }

    /// Frees the slots of all sessions of an environment that were removed; it is gone.
    pub fn release_all(&self, inbox: &Arc<dyn EventSink>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let all = &mut *all;
        all.ended.retain(|handle, of| {
            let stays = *of != address(inbox);
            if !stays {
                all.free.push_back(handle.raw() & SLOT_MASK);
            }
            stays
        });
    }

    /// The number of sessions that live.
    pub fn len(&self) -> usize {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.slots.len() - all.free.len() - all.ended.len()
    }

    /// True if no session lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::eio::encoding::PacketEncoding;
    use crate::eio::session::Session;
    use crate::net::session::shared::Inner;
    use crate::net::test_kit::Heard;

    fn new_session(handle: Handle) -> Arc<SharedSession> {
        let engine = Arc::new(SharedEngine::default());
        let inner = Inner::new(
            Session::new(PacketEncoding::V4, true, &engine.config, 0),
            false,
            0,
            0,
        );
        Arc::new(SharedSession {
            handle,
            inbox: Arc::new(Heard::default()),
            engine,
            sid: None,
            traffic: Default::default(),
            external: false.into(),
            carried: Default::default(),
            backlog: Default::default(),
            pending: Default::default(),
            seat: Default::default(),
            inner: Mutex::new(inner),
        })
    }

    fn insert(table: &Table) -> Handle {
        table.insert(new_session).expect("a free slot").handle
    }

    /// Removes a session of which JavaScript knows that it has ended.
    fn remove(table: &Table, handle: Handle) {
        table.remove(handle);
        table.release(handle);
    }

    fn lives(table: &Table, handle: Handle) -> bool {
        table
            .get(handle)
            .is_some_and(|shared| shared.handle == handle)
    }

    #[test]
    fn a_handle_lives_as_long_as_its_session() {
        let table = Table::default();
        assert!(table.is_empty());
        let [a, b] = [(); 2].map(|()| insert(&table));
        assert_ne!(a, b);
        assert_eq!(Handle::from_raw(a.raw()), a);
        assert!(lives(&table, a) && lives(&table, b));
        for _ in 0..2 {
            table.remove(a);
            assert!(table.get(a).is_none());
            assert!(lives(&table, b));
            assert_eq!(table.len(), 1);
        }
        // One that never was.
        let nobody = Handle::from_raw(u32::MAX);
        table.remove(nobody);
        assert!(table.get(nobody).is_none());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_slot_rests_and_comes_back_with_another_generation() {
        let table = Table::default();
        let mut slots = std::collections::HashSet::new();
        let old = insert(&table);
        remove(&table, old);
        slots.insert(old.slot());
        for _ in 0..QUARANTINE {
            let handle = insert(&table);
            assert!(slots.insert(handle.slot()), "used again too early");
            remove(&table, handle);
        }
        let new = insert(&table);
        assert_eq!(new.slot(), old.slot());
        assert_ne!(new, old);
        assert!(table.get(old).is_none());
        table.remove(old);
        table.release(old);
        assert!(lives(&table, new));
    }

    #[test]
    #[cfg_attr(miri, ignore = "132,000 sessions")]
    fn a_slot_is_taken_until_its_session_is_released() {
        let table = Table::default();
        let held = insert(&table);
        table.remove(held);
        assert_eq!(table.len(), 0);
        // More reuses of all other slots than there are generations.
        for _ in 0..(QUARANTINE + 2) * (GENERATION_MASK as usize + 2) {
            let handle = insert(&table);
            assert_ne!(handle.slot(), held.slot());
            remove(&table, handle);
        }
        table.release(held);
        table.release(held);
        let mut uses = 0;
        for _ in 0..QUARANTINE + 2 {
            let handle = insert(&table);
            uses += usize::from(handle.slot() == held.slot());
            remove(&table, handle);
        }
        assert_eq!(uses, 1);
    }

    #[test]
    fn the_slots_of_an_environment_that_is_gone_are_free() {
        let table = Table::default();
        let [a, b] = [(); 2].map(|()| insert(&table));
        let inbox = table.get(a).expect("it lives").inbox.clone();
        for handle in [a, b] {
            table.remove(handle);
        }
        table.release_all(&inbox);
        let all = table.0.read().expect("no panic");
        assert_eq!(all.free, [a.raw() & SLOT_MASK]);
        assert!(all.ended.contains_key(&b));
    }

    #[test]
    fn a_late_handle_never_reaches_a_stranger() {
        const REUSES: usize = if cfg!(miri) { 1_000 } else { 2_000_000 };
        let table = Table::default();
        // Sends to these handles are on their way until the session is released.
        let mut late = VecDeque::new();
        for n in 0..REUSES {
            let handle = insert(&table);
            table.remove(handle);
            late.push_back(handle);
            if n % 3 > 0 {
                // One of three sessions is told to JavaScript late, in bursts.
                table.release(late.pop_front().expect("not empty"));
            } else if late.len() > 1000 {
                late.drain(..).for_each(|handle| table.release(handle));
            }
            if n % 64 == 0 {
                let stranger = insert(&table);
                assert!(late.iter().all(|old| table.get(*old).is_none()));
                remove(&table, stranger);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "132,000 sessions")]
    fn handles_stay_small_integers_when_generations_wrap() {
        let table = Table::default();
        let first = insert(&table);
        remove(&table, first);
        let mut generations = 1;
        loop {
            let handle = insert(&table);
            assert!(handle.raw() < 1 << 31);
            remove(&table, handle);
            if handle == first {
                break;
            }
            generations += u32::from(handle.slot() == first.slot());
        }
        assert_eq!(generations, GENERATION_MASK + 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "four million sessions")]
    fn a_full_table_refuses_and_recovers() {
        let table = Table::default();
        let last = insert(&table);
        let shared = new_session(last);
        for _ in 0..SLOT_MASK {
            assert!(table.insert(|_| shared.clone()).is_some());
        }
        assert!(table.insert(|_| shared.clone()).is_none());
        assert_eq!(table.len(), SLOT_MASK as usize + 1);
        table.remove(last);
        assert!(table.insert(|_| shared.clone()).is_none());
        table.release(last);
        let next = insert(&table);
        assert_eq!(next.slot(), last.slot());
        assert!(lives(&table, next) && table.get(last).is_none());
    }

    proptest! {
        #[test]
        fn of_all_handles_ever_the_living_ones_are_found(
            steps in prop::collection::vec((0..3u8, any::<prop::sample::Index>()), 1..600),
        ) {
            let table = Table::default();
            let mut ever = HashMap::new();
            let mut order = Vec::new();
            for (step, which) in steps {
                if step == 2 && !order.is_empty() {
                    table.release(order[which.index(order.len())]);
                } else if step == 1 && !order.is_empty() {
                    let handle = order[which.index(order.len())];
                    table.remove(handle);
                    ever.insert(handle, false);
                } else {
                    let handle = insert(&table);
                    prop_assert_eq!(ever.insert(handle, true), None);
                    order.push(handle);
                }
            }
            for (handle, alive) in &ever {
                prop_assert_eq!(lives(&table, *handle), *alive);
            }
            prop_assert_eq!(table.len(), ever.values().filter(|alive| **alive).count());
        }
    }
}
