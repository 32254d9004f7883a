//! Timers of every session in one hierarchical wheel, at millisecond resolution.
//!
//! Five levels of 64 slots: a slot of level 0 spans 1 ms, one of level 4 about 4.7 hours. An
//! entry sits at the level of the highest digit, in base 64, in which its time differs from the
//! present, and moves down as that time comes near: at most four moves in its life. Entries
//! beyond the present span of 2^30 ms (12 days) wait in a list apart. Nothing is ever cancelled
//! here: owners put a generation into their tokens and ignore those out of date.
//!
//! Pure: the caller passes the time.

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 5;
/// Milliseconds covered by all levels together.
const SPAN: u64 = 1 << (BITS * LEVELS as u32);
/// End of a list.
const NIL: u32 = u32::MAX;
/// Entries kept allocated when the wheel runs empty.
const KEEP: usize = 1024;

/// An entry, linked to the next one of its slot; 16 bytes for a token of 8.
struct Node<T> {
    /// The time modulo [`SPAN`]; the present supplies the rest.
    at: u32,
    next: u32,
    token: T,
}

/// Fires tokens at their times. Inserting takes constant time.
pub struct Wheel<T> {
    /// All times before this one have been fired.
    now: u64,
    len: usize,
    /// Per level, one bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// First node of each slot.
    heads: [[u32; SLOTS]; LEVELS],
    nodes: Vec<Node<T>>,
    /// First of the unused nodes.
    free: u32,
    /// Entries of later spans.
    far: Vec<(u64, T)>,
    /// Earliest time in `far`; means nothing while that is empty.
    far_at: u64,
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel whose present is `now_ms`.
    pub fn new(now_ms: u64) -> Wheel<T> {
        Wheel {
            now: now_ms,
            len: 0,
            occupied: [0; LEVELS],
            heads: [[NIL; SLOTS]; LEVELS],
            nodes: Vec::new(),
            free: NIL,
            far: Vec::new(),
            far_at: u64::MAX,
        }
    }

    /// Number of entries, out-of-date ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is nothing to fire.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Has `token` fired by the first [`Wheel::advance`] to `at_ms` or later. A time in the past
    /// counts as the present: the next call fires it.
    pub fn insert(&mut self, token: T, at_ms: u64) {
        self.len += 1;
        self.place(token, at_ms.max(self.now));
    }

    /// Moves the present to `now_ms`, handing every token due by then to `fire`: earlier times
    /// first, tokens of the same millisecond in no particular order. A clock that went backwards
    /// counts as standing still.
    pub fn advance(&mut self, now_ms: u64, fire: &mut impl FnMut(T)) {
        let target = now_ms.max(self.now);
        loop {
            if let Some((level, slot, start)) = self.first_slot() {
                if start > target {
                    break;
                }
                self.now = start;
                if level == 0 {
                    while let Some(token) = self.pop(slot) {
                        fire(token);
                    }
                } else {
                    self.spread(level, slot);
                }
            } else if !self.far.is_empty() && span_start(self.far_at) <= target {
                // Nothing is left of the present span, and a later one has begun.
                self.now = span_start(self.far_at);
                self.gather();
            } else {
                break;
            }
        }
        self.now = target;
        if self.len == 0 && self.nodes.capacity() > KEEP {
            self.nodes = Vec::new();
            self.free = NIL;
        }
    }

    /// The time at which to call [`Wheel::advance`] next. It may be early, for entries that have
    /// yet to move down, but is never later than the first entry's time.
    pub fn next_deadline(&self) -> Option<u64> {
        match self.first_slot() {
            Some((_, _, start)) => Some(start),
            None => (!self.far.is_empty()).then_some(self.far_at),
        }
    }

    /// The first slot that is not empty, as level, slot and starting time.
    ///
    /// Entries of a level share all higher digits with the present, so each level lies entirely
    /// before the next, and no slot lies before the present.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&bits| bits != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        let shift = BITS * level as u32;
        let turn = self.now >> (shift + BITS) << (shift + BITS);
        Some((level, slot as usize, turn | u64::from(slot) << shift))
    }

    /// Puts an entry where it belongs, as seen from the present.
    fn place(&mut self, token: T, at: u64) {
        if span_start(at) != span_start(self.now) {
            self.far.push((at, token));
            self.far_at = self.far_at.min(at);
            return;
        }
        let node = Node {
            at: (at % SPAN) as u32,
            next: NIL,
            token,
        };
        let index = if self.free == NIL {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let index = self.free;
            self.free = std::mem::replace(&mut self.nodes[index as usize], node).next;
            index
        };
        self.link(index);
    }

    /// Hangs a node into its slot.
    fn link(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        let differing = node.at ^ (self.now % SPAN) as u32;
        let level = (differing.checked_ilog2().unwrap_or(0) / BITS) as usize;
        let slot = (node.at >> (BITS * level as u32)) as usize % SLOTS;
        node.next = std::mem::replace(&mut self.heads[level][slot], index);
        self.occupied[level] |= 1 << slot;
    }

    /// Takes one token out of a slot of level 0. The wheel is consistent after each: a panic of
    /// the receiver loses no other token.
    fn pop(&mut self, slot: usize) -> Option<T> {
        let index = self.heads[0][slot];
        if index == NIL {
            return None;
        }
        let node = &mut self.nodes[index as usize];
        self.heads[0][slot] = std::mem::replace(&mut node.next, self.free);
        self.free = index;
        if self.heads[0][slot] == NIL {
            self.occupied[0] &= !(1 << slot);
        }
        self.len -= 1;
        Some(node.token)
    }

    /// Moves the entries of a slot that has become the present to lower levels.
    fn spread(&mut self, level: usize, slot: usize) {
        let mut index = std::mem::replace(&mut self.heads[level][slot], NIL);
        self.occupied[level] &= !(1 << slot);
        while index != NIL {
            let next = self.nodes[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Brings in the far entries whose span has begun.
    fn gather(&mut self) {
        self.far_at = u64::MAX;
        for (at, token) in std::mem::take(&mut self.far) {
            self.place(token, at);
        }
    }
}

/// Start of the span that `at` lies in.
const fn span_start(at: u64) -> u64 {
    at & !(SPAN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    fn fired(wheel: &mut Wheel<u32>, now: u64) -> Vec<u32> {
        let mut tokens = Vec::new();
        wheel.advance(now, &mut |token| tokens.push(token));
        tokens
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Node<(u32, u32)>>(), 16);
    }

    #[test]
    fn fires_at_its_time_and_once() {
        let mut wheel = Wheel::new(1_000);
        wheel.insert(1, 26_000);
        wheel.insert(2, 1_000);
        wheel.insert(3, 0);
        assert_eq!(wheel.next_deadline(), Some(1_000));
        let mut due = fired(&mut wheel, 1_000);
        due.sort_unstable();
        assert_eq!(due, [2, 3]);
        assert!(fired(&mut wheel, 25_999).is_empty());
        assert_eq!(wheel.next_deadline(), Some(26_000));
        assert_eq!(fired(&mut wheel, 26_000), [1]);
        assert!(fired(&mut wheel, u64::MAX).is_empty());
        assert_eq!(wheel.next_deadline(), None);
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_clock_that_goes_backwards_stands_still() {
        let mut wheel = Wheel::new(500);
        wheel.insert(1, 600);
        assert!(fired(&mut wheel, 100).is_empty());
        wheel.insert(2, 200);
        assert_eq!(fired(&mut wheel, 300), [2]);
        assert_eq!(fired(&mut wheel, 600), [1]);
    }

    #[test]
    fn entries_wait_for_their_span() {
        let mut wheel = Wheel::new(SPAN - 10);
        wheel.insert(1, SPAN);
        wheel.insert(2, SPAN + 5);
        wheel.insert(3, 40 * SPAN + 7);
        wheel.insert(4, u64::MAX);
        assert!(wheel.next_deadline().is_some_and(|at| at <= SPAN));
        assert!(fired(&mut wheel, SPAN - 1).is_empty());
        assert_eq!(fired(&mut wheel, SPAN + 2), [1]);
        wheel.insert(5, SPAN + 4);
        assert_eq!(fired(&mut wheel, 40 * SPAN), [5, 2]);
        assert_eq!(fired(&mut wheel, 40 * SPAN + 7), [3]);
        assert_eq!(wheel.next_deadline(), Some(u64::MAX));
        assert_eq!(fired(&mut wheel, u64::MAX), [4]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn an_empty_wheel_returns_its_memory() {
        const TOKENS: u32 = if cfg!(miri) { 1_200 } else { 10_000 };
        let mut wheel = Wheel::new(0);
        for token in 0..TOKENS {
            wheel.insert(token, u64::from(token) * 7);
        }
        assert_eq!(fired(&mut wheel, 70_000), Vec::from_iter(0..TOKENS));
        assert!(wheel.nodes.capacity() <= KEEP);
        wheel.insert(1, 70_001);
        assert_eq!(fired(&mut wheel, 70_001), [1]);
    }

    #[test]
    fn slots_are_reused() {
        let mut wheel = Wheel::new(0);
        for now in 0..if cfg!(miri) { 300 } else { 5_000 } {
            wheel.insert(now as u32, now + 100);
            fired(&mut wheel, now);
        }
        assert!(wheel.nodes.len() <= 101);
    }

    #[test]
    fn a_panic_loses_no_other_token() {
        let mut wheel = Wheel::new(0);
        for token in 0..3 {
            wheel.insert(token, 5);
        }
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wheel.advance(5, &mut |_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(panicked.is_err());
        assert_eq!(wheel.len(), 2);
        assert_eq!(fired(&mut wheel, 5).len(), 2);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Advance(u64),
        /// Advance to exactly the deadline, as an event loop does.
        Deadline,
    }

    /// Distances of every magnitude the levels tell apart, and beyond the span.
    fn distance() -> impl Strategy<Value = u64> {
        (0u32..34, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_with_a_heap(
            start in prop_oneof![Just(0), Just(SPAN - 70), 0..4 * SPAN],
            steps in proptest::collection::vec(
                prop_oneof![
                    4 => distance().prop_map(Step::Insert),
                    2 => distance().prop_map(Step::Advance),
                    2 => Just(Step::Deadline),
                ],
                0..60,
            ),
        ) {
            let mut wheel = Wheel::new(start);
            let mut model = BinaryHeap::new();
            let mut now = start;
            for (token, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(distance) => {
                        wheel.insert((token as u32, 0u32), now + distance);
                        model.push(Reverse((now + distance, token as u32)));
                    }
                    Step::Advance(distance) => now += distance,
                    Step::Deadline => now = wheel.next_deadline().unwrap_or(now).max(now),
                }
                let mut due = Vec::new();
                wheel.advance(now, &mut |(token, _)| due.push(token));
                let mut expected = Vec::new();
                while let Some(&Reverse((at, token))) = model.peek() {
                    if at > now {
                        break;
                    }
                    model.pop();
                    expected.push((at, token));
                }
                // Times must ascend; within one millisecond the order is free.
                let times = |token: &u32| expected.iter().find(|(_, t)| t == token).map(|(at, _)| *at);
                let fired_at: Vec<_> = due.iter().map(times).collect();
                prop_assert!(fired_at.is_sorted());
                due.sort_unstable();
                let mut tokens: Vec<_> = expected.into_iter().map(|(_, token)| token).collect();
                tokens.sort_unstable();
                prop_assert_eq!(due, tokens);
                prop_assert_eq!(wheel.len(), model.len());
                match (wheel.next_deadline(), model.peek()) {
                    (Some(deadline), Some(Reverse((at, _)))) => prop_assert!(deadline <= *at && deadline >= now),
                    (deadline, first) => prop_assert!(deadline.is_none() && first.is_none()),
                }
            }
        }
    }
}
