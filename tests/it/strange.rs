//! Apps are strange: each here behaves as a real one does, and goes on doing so behind the gateway.

mod answers;
mod credentials;
mod dav;
mod forwarding;
mod media;
mod names;
