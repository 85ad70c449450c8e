//! The key under which a limit counts: an address or a user, as a hash.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use crate::guard::caller::Caller;

/// One client or caller, as a hash with a secret key of this process, and the hash of its network.
///
/// A client cannot choose addresses or names that collide, and the address or name cannot be computed from the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitKey {
    pub(super) key: u64,
    /// Its /24 or /48: what it shares when the memory is full.
    pub(super) area: u64,
}

/// What is hashed; the variants keep an address, a user and a network apart.
#[derive(Hash)]
enum Subject<'a> {
    V4(u32),
    V6(u64),
    V4Area(u32),
    V6Area(u64),
    User(&'a str),
}

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl LimitKey {
    /// An address; IPv6 by its /64, an IPv4-mapped one as IPv4.
    #[must_use]
    pub fn address(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self {
                key: Subject::V4(v4.to_bits()).hashed(),
                area: Subject::V4Area(v4.to_bits() >> 8).hashed(),
            },
            IpAddr::V6(v6) => {
                let network = upper_half(v6);
                Self { key: Subject::V6(network).hashed(), area: Subject::V6Area(network >> 16).hashed() }
            }
        }
    }

    /// The caller's user, or the address of an anonymous one. The network is the address's.
    #[must_use]
    pub fn caller(caller: &Caller, address: &Self) -> Self {
        Self::named(caller.user().map(AsRef::as_ref), address)
    }

    /// What tells callers apart.
    pub(in crate::guard) fn value(&self) -> u64 {
        self.key
    }

    fn named(user: Option<&str>, address: &Self) -> Self {
        match user {
            Some(user) => Self { key: Subject::User(user).hashed(), area: address.area },
            None => *address,
        }
    }
}

impl Subject<'_> {
    fn hashed(&self) -> u64 {
        HASHER.hash_one(self)
    }
}

/// The /64.
fn upper_half(ip: Ipv6Addr) -> u64 {
    u64::try_from(ip.to_bits() >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
