//! Session ids: the only key to a session, so they come from the system's secure generator.
//!
//! An id is 15 bytes in URL-safe base64: 12 random ones (96 bits), then a 3-byte counter, most
//! significant first, which keeps ids apart even were the random bytes to repeat. The first id
//! of a process ends in `AAAA`, the next in `AAAB`.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

/// Characters in an id.
pub const LENGTH: usize = 20;

const RANDOM: usize = 12;
const COUNTER: usize = 3;
/// Random bytes fetched at once: one system call for 64 ids.
const POOL: usize = RANDOM * 64;

/// Makes ids with a counter of its own.
///
/// Random bytes are fetched in bulk; those used are overwritten, so that a look at the memory
/// reveals no id of the past.
pub struct IdGenerator {
    pool: [u8; POOL],
    /// Bytes of the pool already given out.
    used: usize,
    /// Number of ids made; its low 24 bits go into the next one.
    counter: u32,
}

impl IdGenerator {
    /// A generator with an empty pool: the first id fetches random bytes.
    pub const fn new() -> IdGenerator {
        IdGenerator {
            pool: [0; POOL],
            used: POOL,
            counter: 0,
        }
    }

    /// The next id: 20 characters of `A-Z a-z 0-9 - _`.
    ///
    /// # Errors
    /// The system provides no random bytes. The handshake is to be refused; a later call may
    /// succeed.
    pub fn generate(&mut self) -> Result<String, getrandom::Error> {
        if self.used == POOL {
            getrandom::fill(&mut self.pool)?;
            self.used = 0;
        }
        let mut bytes = [0; RANDOM + COUNTER];
        let (random, counter) = bytes.split_at_mut(RANDOM);
        let fresh = &mut self.pool[self.used..self.used + RANDOM];
        random.copy_from_slice(fresh);
        fresh.fill(0);
        self.used += RANDOM;
        counter.copy_from_slice(&self.counter.to_be_bytes()[1..]);
        self.counter = self.counter.wrapping_add(1);
        Ok(URL_SAFE.encode(bytes))
    }
}

impl Default for IdGenerator {
    fn default() -> IdGenerator {
        IdGenerator::new()
    }
}

/// The next id of this process, from any thread.
///
/// # Errors
/// As [`IdGenerator::generate`].
pub fn generate() -> Result<String, getrandom::Error> {
    static PROCESS: Mutex<IdGenerator> = Mutex::new(IdGenerator::new());
    // A panic elsewhere cannot leave the generator in a state that repeats an id.
    PROCESS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .generate()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_counter_ends_the_id() {
        let mut ids = IdGenerator::new();
        for end in ["AAAA", "AAAB", "AAAC"] {
            assert!(ids.generate().unwrap().ends_with(end));
        }
        ids.counter = 0x12ff_ffff;
        assert!(ids.generate().unwrap().ends_with("____"));
        assert!(ids.generate().unwrap().ends_with("AAAA"));
        ids.counter = u32::MAX;
        assert!(ids.generate().unwrap().ends_with("____"));
        assert!(ids.generate().unwrap().ends_with("AAAA"));
    }

    #[test]
    fn ids_are_url_safe_and_differ_in_their_random_part() {
        let mut ids = IdGenerator::new();
        let mut seen = HashSet::new();
        for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
            let id = ids.generate().unwrap();
            assert_eq!(id.len(), LENGTH);
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            );
            assert!(seen.insert(id[..16].to_owned()), "{id}");
        }
    }

    #[test]
    fn used_bytes_are_erased() {
        let mut ids = IdGenerator::new();
        ids.generate().unwrap();
        ids.generate().unwrap();
        assert_eq!(ids.used, 2 * RANDOM);
        assert!(ids.pool[..2 * RANDOM].iter().all(|&byte| byte == 0));
        assert!(ids.pool[2 * RANDOM..].iter().any(|&byte| byte != 0));
    }

    #[test]
    fn threads_share_the_process_generator() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| (0..100).map(|_| generate().unwrap()).collect::<Vec<_>>())
            })
            .collect();
        let ids: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        // The counter alone keeps them apart.
        assert_eq!(
            ids.iter().map(|id| &id[16..]).collect::<HashSet<_>>().len(),
            ids.len()
        );
    }
}
