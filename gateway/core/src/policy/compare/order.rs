//! The order of two values of one field: tighter, looser, or neither.

use std::cmp::Ordering;

/// What the new value means beside the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The same, for clients.
    Same,
    /// It allows less.
    Tighter,
    /// It allows more.
    Looser,
    /// Neither can be said.
    Incomparable,
}

impl Order {
    /// Of two parts of one value: what both mean together.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same, order) | (order, Self::Same) => order,
            (Self::Tighter, Self::Tighter) => Self::Tighter,
            (Self::Looser, Self::Looser) => Self::Looser,
            (Self::Incomparable, _)
            | (_, Self::Incomparable)
            | (Self::Tighter, Self::Looser)
            | (Self::Looser, Self::Tighter) => Self::Incomparable,
        }
    }
}

/// A cap, a deadline of the client, a switch that opens.
pub(super) fn larger_is_looser<T: Ord>(old: T, new: T) -> Order {
    match new.cmp(&old) {
        Ordering::Less => Order::Tighter,
        Ordering::Equal => Order::Same,
        Ordering::Greater => Order::Looser,
    }
}

/// A minimum, a switch that shuts.
pub(super) fn larger_is_tighter<T: Ord>(old: T, new: T) -> Order {
    larger_is_looser(new, old)
}

/// A list of what is accepted, in no order.
pub(super) fn more_is_looser<T: PartialEq>(old: &[T], new: &[T]) -> Order {
    covering(covers(old, new), covers(new, old))
}

/// A list of what is asked for, in no order.
pub(super) fn more_is_tighter<T: PartialEq>(old: &[T], new: &[T]) -> Order {
    more_is_looser(new, old)
}

/// A list of what is accepted, where `*` is everything.
pub(super) fn more_is_looser_with_any(old: &[String], new: &[String]) -> Order {
    let any = |names: &[String]| names.iter().any(|name| name == "*");
    covering(any(old) || covers(old, new), any(new) || covers(new, old))
}

/// A value that has no order.
pub(super) fn exchanged<T: PartialEq>(old: &T, new: &T) -> Order {
    if old == new { Order::Same } else { Order::Incomparable }
}

/// Of two sets of what is let through, whether the old one holds all of the new one, and the other way round.
pub(super) fn covering(old_holds_new: bool, new_holds_old: bool) -> Order {
    match (old_holds_new, new_holds_old) {
        (true, true) => Order::Same,
        (true, false) => Order::Tighter,
        (false, true) => Order::Looser,
        (false, false) => Order::Incomparable,
    }
}

/// Whether everything of `some` is in `all`.
pub(super) fn covers<T: PartialEq>(all: &[T], some: &[T]) -> bool {
    some.iter().all(|one| all.contains(one))
}
