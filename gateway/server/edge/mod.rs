//! The edge: client connections and connections to the app. It decides nothing.
//!
//! `accept` opens a connection. `front` reads its requests: it asks the core about each head, and either answers itself or lets
//! `forward` run the exchange with the app.

pub(crate) mod accept;

mod preface;
mod proxy_protocol;

pub(crate) mod front;

pub(crate) mod forward;

pub(crate) mod client;
pub(crate) mod client_socket;

pub(crate) mod tls;
mod tls_stream;

pub(crate) mod pool;

pub(crate) mod app_tls;
mod app_transport;
mod connector;

pub(crate) mod names;

pub(crate) mod upstream_fault;

pub(crate) mod login;

mod revocation_watch;
pub(crate) mod stage_watch;
pub(crate) mod timer;

pub(crate) mod preflight;

pub(crate) mod adapt;

pub(crate) mod buffers;

pub(crate) mod date;

pub(crate) mod fault_point;

pub(crate) mod request_id;
