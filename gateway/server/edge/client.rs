//! Connections of clients: what is common to the protocols that a client may speak.

pub(crate) mod http1;
pub(crate) mod io;
