//! The rows of all tables.

mod app;
mod auth;
mod expect;
mod profile;
mod response;
mod root;
mod route;
mod server;
mod shared;
mod tls;

pub(crate) use app::{Access, App, AppBody, AppLimit, AppLog, AppOrigin, AppStreams, Identity, Upstream};
pub(crate) use auth::{
    A_KEY, ALGORITHMS, CLIENT_CERTIFICATE, Claims, Jwks, JwtKey, JwtProvider, Mfa, PROVIDER, Provider,
    ProviderKeys, PublicKey, Secret,
};
pub(crate) use expect::{Expect, ExpectedCaller};
pub(crate) use profile::{ProfileFile, ProfileHeader};
pub(crate) use response::{Cors, CorsTable, Csp, Headers, HstsTable};
pub(crate) use root::Root;
pub(crate) use route::{Owner, Route, RouteBody, RouteLimit, RouteOrigin, RouteStreams, Signature};
pub(crate) use server::{
    AccessFile, AccessLog, Admin, Log, REDACTED, Server, ServerLimits, StateTable, Timeouts,
};
pub(crate) use shared::AuthMode;
pub(crate) use tls::{CertificateTable, Tls};

use super::key::Table;
use super::nested::ConfigTable;

/// Every table of a configuration file, in the order of the reference.
pub(crate) const LANGUAGE: &[&Table] = &[
    Root::TABLE,
    Server::TABLE,
    Timeouts::TABLE,
    ServerLimits::TABLE,
    Tls::TABLE,
    CertificateTable::TABLE,
    Admin::TABLE,
    StateTable::TABLE,
    Log::TABLE,
    AccessFile::TABLE,
    JwtProvider::TABLE,
    JwtKey::TABLE,
    PublicKey::TABLE,
    Jwks::TABLE,
    Claims::TABLE,
    Mfa::TABLE,
    Secret::TABLE,
    App::TABLE,
    Upstream::TABLE,
    Identity::TABLE,
    AppLimit::TABLE,
    AppBody::TABLE,
    Access::TABLE,
    CorsTable::TABLE,
    Headers::TABLE,
    HstsTable::TABLE,
    Csp::TABLE,
    AppOrigin::TABLE,
    AppStreams::TABLE,
    AppLog::TABLE,
    Route::TABLE,
    RouteOrigin::TABLE,
    RouteStreams::TABLE,
    Owner::TABLE,
    RouteLimit::TABLE,
    RouteBody::TABLE,
    Signature::TABLE,
    Expect::TABLE,
    ExpectedCaller::TABLE,
];
