//! The root of a file.

use super::app::App;
use super::auth::Provider;
use super::expect::Expect;
use super::server::{Admin, Log, Server, StateTable};
use crate::keys::nested::{group, named, tables};
use crate::keys::table::table;
use crate::keys::value::{count, texts};
use crate::location::{Setting, Texts};

table! {
    /// The root of the file.
    #[derive(Debug)]
    pub(crate) struct Root at "" {
        /// The version of this language.
        version: Setting<u64> = count(1, 1).default_count(1),
        /// Further files with apps, providers and promises: patterns such as `apps/*.toml`, relative to the
        /// main file.
        include: Texts = texts().default_texts(&[]).main_file_only()
            .mind("a file there can protect or open any app"),
        /// Where the gateway listens, and how much it takes.
        server: Server = group::<Server>().main_file_only(),
        /// The operator's listener: health, metrics and API.
        admin: Admin = group::<Admin>().main_file_only(),
        /// What survives a restart.
        state: StateTable = group::<StateTable>().main_file_only(),
        /// Log lines and access events.
        log: Log = group::<Log>().main_file_only(),
        /// Providers of identities: how callers prove who they are.
        auth: Vec<Provider> = named::<Provider>(),
        /// The apps that are protected, one table each.
        app: Vec<App> = named::<App>(),
        /// Promises: requests that have to be let through or refused, checked on every load.
        expect: Vec<Expect> = tables::<Expect>(),
    }
    not yet {
        "audit": "Who did what, hash-chained.",
        "lockout": "Failed logins.",
        "ban": "Addresses that were refused too often.",
        "clamav": "The virus scanner.",
        "security_txt": "Whom to tell of a hole (RFC 9116).",
        "vault": "A store of secrets.",
        "otel": "Traces.",
    }
}
