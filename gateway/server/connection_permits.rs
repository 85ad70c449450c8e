//! Connection permits: how many connections may be open, in all and from one address.
//!
//! A permit is taken before a byte is read, and given back when it is dropped. It is counted against an address as soon as
//! that is known: at once, or when a proxy has told it. Bounds: an address has an entry only while
//! one of its connections is open, so there are no more entries than connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::{DashMap, Entry};

use crate::telemetry::metrics::ConnectionRefusal;

/// The counters of open connections; the process has one.
#[derive(Debug, Default)]
pub(crate) struct ConnectionPermits {
    open: AtomicUsize,
    by_address: DashMap<AddressGroup, usize>,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    address: Option<AddressGroup>,
}

impl ConnectionPermits {
    /// Takes a permit, which counts against `connections` and against no address yet.
    pub(crate) fn take(self: &Arc<Self>, connections: usize) -> Result<ConnectionPermit, ConnectionRefusal> {
        // Dropping `held` gives the count back, on every return.
        let held = ConnectionPermit { permits: Arc::clone(self), address: None };
        if self.open.fetch_add(1, Ordering::AcqRel) >= connections {
            return Err(ConnectionRefusal::Total);
        }
        Ok(held)
    }

    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

impl ConnectionPermit {
    /// Counts the connection against the cap of an address, once.
    pub(crate) fn count(&mut self, ip: IpAddr, per_address: usize) -> Result<(), ConnectionRefusal> {
        if self.address.is_some() {
            return Ok(());
        }
        let key = AddressGroup::of(ip);
        let mut count = self.permits.by_address.entry(key).or_insert(0);
        if *count >= per_address {
            return Err(ConnectionRefusal::PerAddress);
        }
        *count += 1;
        drop(count);
        self.address = Some(key);
        Ok(())
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(key) = self.address {
            match self.permits.by_address.entry(key) {
                Entry::Occupied(count) if *count.get() <= 1 => drop(count.remove()),
                Entry::Occupied(mut count) => *count.get_mut() -= 1,
                Entry::Vacant(_) => {}
            }
        }
        self.permits.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The addresses that are counted as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AddressGroup {
    /// An IPv4 address.
    V4(u32),
    /// The first half of an IPv6 address.
    V6(u64),
}

impl AddressGroup {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests;
