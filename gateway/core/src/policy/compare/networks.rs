//! Sets of addresses.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::order::{Order, covering};
use crate::guard::access::AccessPolicy;

/// Whether every address of `some` is one of `all`.
pub(super) fn covers(all: &[IpNet], some: &[IpNet]) -> bool {
    // Neighbours are joined: then a network that several others cover lies within one of them.
    let all = IpNet::aggregate(&all.to_vec());
    some.iter().all(|net| all.iter().any(|wide| wide.contains(net)))
}

/// Networks that are accepted.
pub(super) fn more_is_looser(old: &[IpNet], new: &[IpNet]) -> Order {
    covering(covers(old, new), covers(new, old))
}

/// The addresses that an access list lets in: those of the first list that are not in the second.
pub(super) struct Admitted {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

impl Admitted {
    pub(super) fn of(policy: &AccessPolicy) -> Self {
        let (allow, deny) = match policy {
            AccessPolicy::Anyone => (Vec::new(), Vec::new()),
            AccessPolicy::Listed { allow, deny } => (allow.clone(), deny.clone()),
        };
        let allow = if allow.is_empty() { everything() } else { allow };
        Self { allow, deny }
    }

    /// Whether this list allows every address that `other` allows.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let may = [self.allow.as_slice(), &other.deny].concat();
        covers(&may, &other.allow) && covers(&other.deny, &common(&other.allow, &self.deny))
    }

    /// Whether some address of these networks is let in.
    pub(super) fn admits_some(&self, networks: &[IpNet]) -> bool {
        !covers(&self.deny, &common(&self.allow, networks))
    }
}

/// The addresses that are in both. Of two networks that meet, one lies within the other.
fn common(one: &[IpNet], other: &[IpNet]) -> Vec<IpNet> {
    let meet = |a: &IpNet, b: &IpNet| {
        if a.contains(b) {
            Some(*b)
        } else if b.contains(a) {
            Some(*a)
        } else {
            None
        }
    };
    one.iter().flat_map(|a| other.iter().filter_map(move |b| meet(a, b))).collect()
}

fn everything() -> Vec<IpNet> {
    vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]
}
