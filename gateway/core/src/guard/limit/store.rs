//! The memory of one limit: a bounded table of clients, from which only a client with a full allowance is removed.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use dashmap::DashMap;

use super::client_state::ClientState;
use super::key::LimitKey;

/// Tables; a newcomer waits at most until one of them is made anew.
const TABLES: usize = 8;

/// Locks of a table, 128 bytes each: the fewest there can be.
const SHARDS: usize = 2;

/// Bytes that a table may take for each client; with the ring's 8 that makes 64.
const TABLE_BYTES: usize = 56;

/// Shared allowances. Networks whose hashes meet share one with each other too: stricter, never looser.
const AREAS: usize = 4096;

/// Clients that are looked at for each newcomer while there is room, so that the memory follows the
/// number of active clients…
const IDLE_PROBES: usize = 2;

/// …and when there is none.
const FULL_PROBES: usize = 8;

/// A bounded table of clients.
///
/// Every remembered client owns exactly one place of the ring. A newcomer moves the hand over a few
/// places and takes that of a client whose allowance is whole, or a new place while there are some.
/// Order of the locks: the ring, then one entry or one shared allowance. A thread that holds one of these takes no other
/// lock.
pub(super) struct ClientStore<S> {
    tables: [ClientTable<S>; TABLES],
    ring: Mutex<Ring>,
    /// Made when the first newcomer finds no room.
    areas: OnceLock<Box<[Mutex<Option<S>>]>>,
    overflows: AtomicU64,
}

/// What one policy says of the memory, which may be another's too.
#[derive(Debug)]
pub(super) struct Bounds<S: ClientState> {
    pub(super) params: S::Params,
    /// The most clients to be stored. If there are more, none is removed early and none is added.
    pub(super) keys: usize,
}

type ClientTable<S> = DashMap<u64, S, BuildHasherDefault<Hashed>>;

/// The keys of all clients, in no order.
#[derive(Default)]
struct Ring {
    places: Vec<u64>,
    hand: usize,
}

impl<S: ClientState> ClientStore<S> {
    pub(super) fn new() -> Self {
        Self {
            tables: std::array::from_fn(|_| {
                DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), SHARDS)
            }),
            ring: Mutex::default(),
            areas: OnceLock::new(),
            overflows: AtomicU64::new(0),
        }
    }

    /// Calls `act` with the state of one client, under a lock. A new client without a free place uses the shared state of
    /// its network.
    pub(super) fn visit<T>(
        &self,
        key: &LimitKey,
        bounds: &Bounds<S>,
        now: u64,
        act: impl FnOnce(&mut S) -> T,
    ) -> T {
        let table = self.table(key.key);
        if let Some(mut known) = table.get_mut(&key.key) {
            return act(&mut known);
        }
        let mut ring = lock(&self.ring);
        // Only who holds the ring adds clients: another thread may have been quicker.
        if let Some(mut known) = table.get_mut(&key.key) {
            return act(&mut known);
        }
        if self.make_room(&mut ring, key.key, bounds.keys, |state| state.is_whole(&bounds.params, now)) {
            let mut state = self.newcomer(key.area, &bounds.params, now);
            let outcome = act(&mut state);
            table.insert(key.key, state);
            drop(ring);
            tidy(table);
            return outcome;
        }
        drop(ring);
        self.overflows.fetch_add(1, Ordering::Relaxed);
        self.share(key.area, act)
    }

    /// Stores a client of another store, even beyond the bound: a reload removes no client.
    pub(super) fn adopt(&self, key: u64, state: S) {
        let mut ring = lock(&self.ring);
        if self.table(key).insert(key, state).is_none() {
            ring.places.push(key);
        }
    }

    /// Makes a store of another rule with what each client, and each network, has left.
    pub(super) fn convert<N: ClientState>(
        &self,
        is_whole: impl Fn(&S) -> bool,
        convert: impl Fn(&S) -> N,
    ) -> ClientStore<N> {
        let next = ClientStore::new();
        for client in self.tables.iter().flatten() {
            if !is_whole(client.value()) {
                next.adopt(*client.key(), convert(client.value()));
            }
        }
        if let Some(areas) = self.areas.get() {
            let area = |area: &Mutex<Option<S>>| {
                Mutex::new(lock(area).as_ref().filter(|state| !is_whole(state)).map(&convert))
            };
            next.areas.get_or_init(|| areas.iter().map(area).collect());
        }
        next.overflows.store(self.overflows(), Ordering::Relaxed);
        next
    }

    /// Clients remembered.
    pub(super) fn len(&self) -> usize {
        lock(&self.ring).places.len()
    }

    /// Requests that had to share.
    pub(super) fn overflows(&self) -> u64 {
        self.overflows.load(Ordering::Relaxed)
    }

    /// Gives `key` a place, if one of `keys` is free or can be freed.
    fn make_room(&self, ring: &mut Ring, key: u64, keys: usize, is_whole: impl Fn(&S) -> bool) -> bool {
        let len = ring.places.len();
        let probes = if len < keys { IDLE_PROBES } else { FULL_PROBES };
        for _ in 0..probes.min(len) {
            ring.hand = if ring.hand + 1 < ring.places.len() { ring.hand + 1 } else { 0 };
            let Some(place) = ring.places.get_mut(ring.hand) else { break };
            if self.table(*place).remove_if(place, |_, state| is_whole(state)).is_some() {
                if len <= keys {
                    *place = key;
                    return true;
                }
                // The bound was lowered by a reload: the place itself has to go.
                ring.places.swap_remove(ring.hand);
                return false;
            }
        }
        if len >= keys {
            return false;
        }
        if len == ring.places.capacity() {
            // Doubling, but never past the bound.
            ring.places.reserve_exact(len.max(64).min(keys - len));
        }
        ring.places.push(key);
        true
    }

    /// The first state of a client that gets a place of its own. It may have used up the shared allowance of its network
    /// before, so it begins with what is left of that; else it could have both.
    fn newcomer(&self, area: u64, params: &S::Params, now: u64) -> S {
        let shared = self.areas.get().and_then(|areas| areas.get(slot(area)));
        shared
            .and_then(|shared| Some(S::resume(&lock(shared).as_ref()?.usage(params, now), params, now)))
            .unwrap_or_else(S::fresh)
    }

    fn table(&self, key: u64) -> &ClientTable<S> {
        // The bits that neither the locks nor the tables look at.
        let [first, ..] = &self.tables;
        self.tables.get((key >> 40) as usize % TABLES).unwrap_or(first)
    }

    fn areas(&self) -> &[Mutex<Option<S>>] {
        self.areas.get_or_init(|| (0..AREAS).map(|_| Mutex::new(None)).collect())
    }

    fn share<T>(&self, area: u64, act: impl FnOnce(&mut S) -> T) -> T {
        match self.areas().get(slot(area)) {
            Some(slot) => act(lock(slot).get_or_insert_with(S::fresh)),
            None => act(&mut S::fresh()),
        }
    }
}

impl<S> fmt::Debug for ClientStore<S> {
    /// Without the keys, which stand for clients.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStore").field("clients", &lock(&self.ring).places.len()).finish_non_exhaustive()
    }
}

/// Where a network's shared allowance is.
pub(super) fn slot(area: u64) -> usize {
    usize::try_from(area % AREAS as u64).unwrap_or_default()
}

/// Brings a table back to size: one whose clients come and go would double on account of the gaps they
/// leave, though it is not full. That takes as many newcomers as there are clients, so each pays for a
/// few entries.
fn tidy<S>(table: &ClientTable<S>) {
    let buckets = table.capacity() / 7 * 8;
    if buckets > 256 && buckets * (size_of::<(u64, S)>() + 1) > table.len() * TABLE_BYTES {
        table.shrink_to_fit();
    }
}

/// A panic elsewhere leaves a memory that is still a memory.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys are hashes already.
#[derive(Clone, Copy, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests;
