//! The listeners of a configuration: bound before the process is confined, opened once it serves.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use stagedoor_config::{self as config, SourceFile};
use stagedoor_core::policy::{ListenAddress, PASSED_PREFIX, Policy};
use tokio::net::TcpListener;

use crate::admin::{self, AdminListener};
use crate::edge::front::Front;
use crate::listeners;
use crate::listening_socket::{BoundSocket, ListenError, ListenerKind, ListeningAt, bind_tcp};
use crate::loader;
use crate::materials::DiskMaterials;
use crate::passed_sockets::PassedSockets;
use crate::reload::Reloader;

/// The listening sockets, bound but not yet accepting.
pub(crate) struct BoundListeners {
    public: Vec<BoundSocket>,
    admin: Option<std::net::TcpListener>,
}

impl BoundListeners {
    /// Binds every listener of the policy.
    ///
    /// # Errors
    /// One cannot be bound: with its place in the configuration, and a hint.
    pub(crate) fn new(
        policy: &Policy,
        sources: &[SourceFile],
        materials: &DiskMaterials,
    ) -> anyhow::Result<Self> {
        let at = |key: &[&str]| KeyPlace::of(key, sources, materials);
        let mut passed = PassedSockets::from_env().context("cannot take the sockets of the environment")?;
        let mut public = Vec::new();
        let mode = policy.server.unix_mode;
        for address in &policy.server.listen {
            let h2c = policy.server.h2c.contains(address);
            let kind = if h2c { ListenerKind::PlainH2c } else { ListenerKind::Plain };
            let bound = BoundSocket::bind(kind, address, mode, &mut passed);
            public.extend(bound.map_err(|error| at(&["server", "listen"]).describe(&error))?);
        }
        for address in policy.tls.listen() {
            let bound = BoundSocket::bind(ListenerKind::Tls, address, mode, &mut passed);
            public.extend(bound.map_err(|error| at(&["server", "tls", "listen"]).describe(&error))?);
        }
        if let Some(name) = passed.left() {
            // Nobody would accept its connections: they would wait for ever.
            anyhow::bail!(
                "a socket is passed that no listener names: `{name}`\n  --> environment variable LISTEN_FDNAMES\n  \
                 hint: listen on it: server.listen = [\"{PASSED_PREFIX}{name}\"], or do not pass it"
            );
        }
        let bind_admin = |address: SocketAddr| {
            bind_tcp(address).map_err(|source| {
                at(&["admin", "listen"])
                    .describe(&ListenError { address: ListenAddress::Tcp(address), source })
            })
        };
        let admin = policy.admin.listen.map(bind_admin).transpose()?;
        Ok(Self { public, admin })
    }

    /// The public listeners, as bound.
    pub(crate) fn public(&self) -> Vec<ListeningAt> {
        self.public.iter().map(|socket| socket.at().clone()).collect()
    }

    /// The address of the operator's listener, as bound.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Logs where the gateway listens.
    pub(crate) fn announce(&self) {
        for socket in &self.public {
            match socket.at().kind {
                ListenerKind::Plain | ListenerKind::PlainH2c => {
                    tracing::info!(address = %socket.at().address, "listening");
                }
                ListenerKind::Tls => {
                    tracing::info!(address = %socket.at().address, tls = true, "listening");
                }
            }
        }
        if let Some(address) = self.admin() {
            tracing::info!(%address, "admin listening");
        }
    }

    /// Accepts connections from here on.
    pub(crate) fn open(self, front: &Arc<Front>, reloader: &Arc<Reloader>) -> anyhow::Result<()> {
        const FAILED: &str = "cannot wait for connections";
        for socket in self.public {
            tokio::spawn(listeners::accept(socket.open().context(FAILED)?, Arc::clone(front)));
        }
        if let Some(listener) = self.admin {
            let listener = TcpListener::from_std(listener).context(FAILED)?;
            let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
            let admin = AdminListener::new(Arc::clone(&front.gateway), Arc::clone(reloader), loopback);
            tokio::spawn(admin::accept(listener, Arc::new(admin)));
        }
        Ok(())
    }
}

/// Where a listener is named in the configuration.
struct KeyPlace {
    /// The line, or the environment variable.
    place: String,
    /// What to change, for the end of a hint.
    other: String,
}

impl KeyPlace {
    fn of(key: &[&str], sources: &[SourceFile], materials: &DiskMaterials) -> Self {
        let text = key.join(".");
        let place = match config::variable_over(&text, materials) {
            Some(variable) => format!("environment variable {variable} ({text})"),
            None => loader::place_of(sources, key),
        };
        let other = config::variable_for(&text)
            .map_or(String::new(), |variable| format!(": `{text}`, or {variable} in the environment"));
        Self { place, other }
    }

    fn describe(&self, error: &ListenError) -> anyhow::Error {
        let Self { place, other } = self;
        let hint = match &error.address {
            ListenAddress::Tcp(_) => hint(error.source.kind()),
            ListenAddress::Unix(_) => hint_of_unix(error.source.kind()),
            ListenAddress::Passed(_) => {
                "start it by systemd with a .socket unit that says `FileDescriptorName=`, or name an address"
            }
        };
        anyhow::anyhow!("{error}\n  --> {place}\n  hint: {hint}{other}")
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the system's errors are an open set")]
fn hint_of_unix(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "another process listens there: end it, or choose another path",
        ErrorKind::AlreadyExists => "remove that file, or choose another path",
        ErrorKind::NotFound => "create its folder: the gateway has to be able to write to it",
        ErrorKind::PermissionDenied => {
            "let the user of the gateway write to its folder, or choose another path"
        }
        _ => "choose another path",
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the system's errors are an open set")]
fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "another process listens there: end it, or choose another port",
        ErrorKind::PermissionDenied => {
            "ports below 1024 need a capability: choose a higher one, or `fd:NAME` by systemd (deploy/README.md)"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address",
    }
}
