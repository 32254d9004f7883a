//! The handshakes that an engine admits: its sessions in all, those of each remote address, and the
//! rate of handshakes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use crate::config::AdmissionLimits;
use crate::counters::Bound;
use crate::net::lock;
use crate::net::session::bucket::Bucket;

/// The addresses that count as one: an IPv4 address, the first 64 bits of an IPv6 address, or all
/// clients of UNIX sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey(NonZeroU64);

/// Keys beside those of IPv6 are prefixes of multicast addresses, which no client has.
const V4: u64 = 0xffff_ff00_0000_0000;
const LOCAL: NonZeroU64 = NonZeroU64::new(0xffff_fe00_0000_0000).unwrap();
/// `::/64`, the loopback address among them: 0 stands for no address.
const ZERO: NonZeroU64 = NonZeroU64::new(0xffff_fd00_0000_0000).unwrap();

impl AddressKey {
    /// The key of an address as Node gives it. A text that is no address stands for a UNIX socket.
    pub fn parse(address: &str) -> Self {
        let plain = address.split('%').next().unwrap_or_default();
        plain.parse::<IpAddr>().map_or(Self(LOCAL), Self::from)
    }
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::from_v4(v4),
            IpAddr::V6(v6) => Self::from_v6(v6),
        }
    }
}

impl AddressKey {
    fn from_v4(address: Ipv4Addr) -> Self {
        Self(NonZeroU64::new(V4 | u64::from(u32::from(address))).unwrap_or(ZERO))
    }

    fn from_v6(address: Ipv6Addr) -> Self {
        let prefix = (u128::from(address) >> 64) as u64;
        Self(NonZeroU64::new(prefix).unwrap_or(ZERO))
    }
}

/// The answer to a handshake that a bound refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The bound.
    pub bound: Bound,
    /// The status of the answer.
    pub status: u16,
    /// The reason phrase of the status.
    pub phrase: &'static str,
    /// The option that sets the bound.
    pub limit: &'static str,
    /// The message of the answer.
    pub message: &'static str,
}

/// The answers to handshakes that are refused.
pub const REFUSALS: [Refusal; 3] = [
    Refusal {
        bound: Bound::Connections,
        status: 503,
        phrase: "Service Unavailable",
        limit: "maxConnections",
        message: "too many connections",
    },
    Refusal {
        bound: Bound::ConnectionsOfAddress,
        status: 429,
        phrase: "Too Many Requests",
        limit: "maxConnectionsPerAddress",
        message: "too many connections of this address",
    },
    Refusal {
        bound: Bound::Handshakes,
        status: 429,
        phrase: "Too Many Requests",
        limit: "maxHandshakesPerSecond",
        message: "too many handshakes",
    },
];

/// The code of these refusals in their answers, by upstream's name: "Forbidden".
const FORBIDDEN: u8 = 4;

impl Refusal {
    /// The answer to a handshake that a bound refuses.
    pub fn of(bound: Bound) -> &'static Self {
        let found = REFUSALS.iter().find(|refusal| refusal.bound == bound);
        found.unwrap_or(&REFUSALS[0])
    }

    /// The body of the answer.
    pub fn body(&self) -> String {
        let message = self.message;
        format!(r#"{{"code":{FORBIDDEN},"message":"{message}"}}"#)
    }

    /// The whole answer to an upgrade request.
    pub fn upgrade_response(&self) -> String {
        let Self { status, phrase, .. } = self;
        let body = self.body();
        let length = body.len();
        format!(
            "HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nRetry-After: 1\r\n\r\n{body}"
        )
    }
}

/// No address is counted.
const NO_ADDRESS: u64 = 0;
/// The session has ended.
const LEFT: u64 = u64::MAX;

/// The place of one session: the address that it counts for.
#[derive(Debug, Default)]
pub struct Seat(AtomicU64);

/// The sessions of one engine as its limits count them, and its handshakes.
#[derive(Debug, Default)]
pub struct Admission {
    sessions: AtomicUsize,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Sessions by address; kept only while they are limited.
    addresses: HashMap<AddressKey, usize>,
    handshakes: Bucket,
}

impl Counted {
    fn of(&self, address: AddressKey) -> usize {
        self.addresses.get(&address).copied().unwrap_or(0)
    }

    fn add(&mut self, address: AddressKey) {
        *self.addresses.entry(address).or_default() += 1;
    }

    fn remove(&mut self, address: AddressKey) {
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Admission {
    /// Admits a handshake and counts it, at `now` in ms. `address`: of its client, if it is counted.
    ///
    /// # Errors
    /// The bound that refuses it.
    pub fn handshake(
        &self,
        limits: &AdmissionLimits,
        address: Option<AddressKey>,
        now: u64,
    ) -> Result<(), Bound> {
        self.has_place(limits, address)?;
        let rate = limits.handshakes();
        if rate == 0 || lock(&self.counted).handshakes.try_take(rate, now) {
            return Ok(());
        }
        Err(Bound::Handshakes)
    }

    /// Looks for a place for one session more.
    ///
    /// # Errors
    /// The bound that leaves none.
    pub fn has_place(
        &self,
        limits: &AdmissionLimits,
        address: Option<AddressKey>,
    ) -> Result<(), Bound> {
        if is_over(self.sessions.load(SeqCst), limits.connections()) {
            return Err(Bound::Connections);
        }
        let per_address = limits.connections_of_address();
        if per_address > 0
            && let Some(address) = address
            && is_over(lock(&self.counted).of(address), per_address)
        {
            return Err(Bound::ConnectionsOfAddress);
        }
        Ok(())
    }

    /// Takes a place for a session. `checked`: no more than the limits leave; other sessions count, but
    /// were admitted before.
    ///
    /// # Errors
    /// The bound that leaves none.
    pub fn enter(
        &self,
        limits: &AdmissionLimits,
        address: Option<AddressKey>,
        checked: bool,
    ) -> Result<Seat, Bound> {
        let most = if checked { limits.connections() } else { 0 };
        let more = |sessions| (!is_over(sessions, most)).then_some(sessions + 1);
        if (self.sessions.fetch_update(SeqCst, SeqCst, more)).is_err() {
            return Err(Bound::Connections);
        }
        let per_address = limits.connections_of_address();
        let Some(address) = address.filter(|_| per_address > 0) else {
            return Ok(Seat::default());
        };
        let mut counted = lock(&self.counted);
        if checked && is_over(counted.of(address), per_address) {
            self.sessions.fetch_sub(1, SeqCst);
            return Err(Bound::ConnectionsOfAddress);
        }
        counted.add(address);
        Ok(Seat(AtomicU64::new(address.0.get())))
    }

    /// Counts the address of a session that began before addresses were limited.
    pub fn count_address(&self, seat: &Seat, address: AddressKey) {
        let mut counted = lock(&self.counted);
        let key = address.0.get();
        if (seat.0)
            .compare_exchange(NO_ADDRESS, key, SeqCst, SeqCst)
            .is_ok()
        {
            counted.add(address);
        }
    }

    /// Frees the place of a session that has ended. Only the first call has an effect.
    pub fn leave(&self, seat: &Seat) {
        let key = seat.0.swap(LEFT, SeqCst);
        if key == LEFT {
            return;
        }
        self.sessions.fetch_sub(1, SeqCst);
        if let Some(key) = NonZeroU64::new(key) {
            lock(&self.counted).remove(AddressKey(key));
        }
    }
}

/// True if there is no room for one more; a bound of 0 is none.
const fn is_over(count: usize, bound: usize) -> bool {
    bound > 0 && count >= bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, of_address: usize, handshakes: u64) -> AdmissionLimits {
        let limits = AdmissionLimits::default();
        limits.set(connections, of_address, handshakes);
        limits
    }

    #[test]
    fn a_refusal_names_its_bound() {
        let refusal = Refusal::of(Bound::Handshakes);
        assert_eq!(
            refusal.body(),
            r#"{"code":4,"message":"too many handshakes"}"#
        );
        let answer = refusal.upgrade_response();
        assert!(
            answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("\r\nContent-Length: 42\r\nRetry-After: 1\r\n\r\n{"),
            "{answer}"
        );
    }

    #[test]
    fn addresses_of_one_household_have_one_key() {
        let same = |a, b| AddressKey::parse(a) == AddressKey::parse(b);
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("fe80::1%eth0", "fe80::2"));
        assert!(!same("::1", "127.0.0.1"));
        // UNIX sockets.
        assert!(same("", "") && !same("", "::1") && !same("", "127.0.0.1") && !same("", "0.0.0.0"));
    }

    #[test]
    fn a_place_is_free_again_once_its_session_has_ended() {
        let (admission, limits) = (Admission::default(), limits(2, 0, 0));
        let first = admission.enter(&limits, None, true).unwrap();
        let _second = admission.enter(&limits, None, true).unwrap();
        assert_eq!(admission.has_place(&limits, None), Err(Bound::Connections));
        let third = admission.enter(&limits, None, true);
        assert_eq!(third.err(), Some(Bound::Connections));
        for _ in 0..2 {
            admission.leave(&first);
        }
        assert!(admission.enter(&limits, None, true).is_ok());
        let fourth = admission.enter(&limits, None, true);
        assert_eq!(fourth.err(), Some(Bound::Connections));
    }

    #[test]
    fn sessions_are_counted_by_address() {
        let (admission, limits) = (Admission::default(), limits(0, 1, 0));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| Some(AddressKey::parse(text)));
        let seat = admission.enter(&limits, one, true).unwrap();
        let again = admission.enter(&limits, one, true);
        assert_eq!(again.err(), Some(Bound::ConnectionsOfAddress));
        assert!(admission.enter(&limits, other, true).is_ok());
        assert!(admission.enter(&limits, None, true).is_ok(), "not counted");
        admission.leave(&seat);
        let seat = admission.enter(&limits, one, true).unwrap();
        admission.leave(&seat);
        assert_eq!(lock(&admission.counted).addresses.len(), 1, "the other one");
    }

    #[test]
    fn sessions_that_were_admitted_before_count_and_are_not_refused() {
        let (admission, limits) = (Admission::default(), limits(1, 1, 0));
        let address = Some(AddressKey::parse("192.0.2.1"));
        for _ in 0..3 {
            assert!(admission.enter(&limits, address, false).is_ok());
        }
        assert_eq!(admission.sessions.load(SeqCst), 3);
        assert_eq!(admission.has_place(&limits, None), Err(Bound::Connections));
    }

    #[test]
    fn an_address_that_is_counted_later_is_counted_once_and_not_after_the_end() {
        let (admission, limits) = (Admission::default(), limits(0, 0, 0));
        let address = AddressKey::parse("192.0.2.1");
        let seat = admission.enter(&limits, Some(address), true).unwrap();
        assert_eq!(lock(&admission.counted).of(address), 0, "not limited");
        for _ in 0..2 {
            admission.count_address(&seat, address);
        }
        assert_eq!(lock(&admission.counted).of(address), 1);
        admission.leave(&seat);
        admission.count_address(&seat, address);
        assert_eq!(lock(&admission.counted).of(address), 0);
    }

    #[test]
    fn handshakes_have_a_rate_and_those_without_a_place_take_nothing_of_it() {
        let (admission, rate) = (Admission::default(), limits(1, 0, 2));
        assert_eq!(admission.handshake(&rate, None, 0), Ok(()));
        let seat = admission.enter(&rate, None, true).unwrap();
        for _ in 0..10 {
            let refused = admission.handshake(&rate, None, 0);
            assert_eq!(refused, Err(Bound::Connections));
        }
        admission.leave(&seat);
        assert_eq!(admission.handshake(&rate, None, 0), Ok(()));
        assert_eq!(
            admission.handshake(&rate, None, 499),
            Err(Bound::Handshakes)
        );
        assert_eq!(admission.handshake(&rate, None, 500), Ok(()));
    }
}
