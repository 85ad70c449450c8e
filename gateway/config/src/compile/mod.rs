//! Compiles the tables that were read into a policy: [`raw`] → [`Policy`].
//!
//! Every raw struct is destructured field by field, so that a key that is read and not compiled breaks the build. A
//! part that is wrong is reported and replaced by the value that refuses most; one report is enough for no policy to
//! come out.

mod app;
mod app_providers;
mod auth;
mod authorities;
mod context;
mod cors;
mod environment;
mod expects;
mod fetched_keys;
mod forwarded;
mod headers;
mod identity;
mod limits;
mod lines;
mod listen;
mod methods;
mod networks;
mod route;
mod second_factor;
mod secrets;
mod server;
mod service;
mod signature;
mod streams;
mod tls;
mod upstream;
mod upstream_tls;

use std::cell::RefCell;
use std::sync::Arc;

use context::Context;
pub(super) use environment::{name_variables, variable_for, variable_over};

use super::certificate::Certificate;
use super::location::{Location, Spanned};
use super::materials::Materials;
use super::problem::Report;
use super::raw;
use super::source::{self, SourceFile};
use stagedoor_core::clock::Now;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::TokenCache;
use stagedoor_core::guard::target::{HostFault, HostTable};
use stagedoor_core::policy::{AdminPolicy, App, LogPolicy, Policy, ServerPolicy, Started, TlsPolicy};

/// Compiles the files; `None` if some part could not even stand in for itself. What counts is whether
/// `report` is clean.
pub(super) fn policy(
    file: &raw::File,
    files: &[SourceFile],
    materials: &dyn Materials,
    previous: Option<&Policy>,
    now: Now,
    report: &Report,
) -> Option<(Policy, source::Source, Vec<Certificate>)> {
    let raw::File { main, include: _, server, admin, state, log, providers, apps, expects } = file;
    let server = &environment::over(server, main, materials, report);
    let admin = &environment::over_admin(admin, materials, report);
    let server_policy = server::server(server, state, main, report);
    let limit_keys = server_policy.limits.limit_keys;
    let (main_place, named) = (Location::whole(main), RefCell::default());
    let cx = Context { materials, previous, now, report, limit_keys, main: main_place, files: named };
    let (tls, certificates) = tls::tls(server.tls.as_ref(), main, &cx);
    let client = forwarded::client(server, report);
    let providers = auth::providers(providers, &cx);
    if apps.is_empty() {
        let hint = "protect something: [app.media] with hosts, upstream and auth";
        report.missing(&cx.main, "no app in the configuration", hint);
    }
    let usual_authority = tls::usual_client_authority(server.tls.as_ref(), &cx);
    let around = app::Around { providers: &providers, tls: &tls, usual_authority: &usual_authority };
    let compiled: Vec<Option<App>> =
        apps.iter().enumerate().map(|(index, app)| app::app(app, index, &around, &cx)).collect();
    app_providers::refuse_two_authorities(apps, &compiled, report);
    let hosts = hosts(apps, report);
    if let Some(hosts) = &hosts {
        environment::warn_of_unserved_hosts(hosts, apps, materials, report);
    }
    for app in apps {
        upstream::refuse_loop(app, [&*server_policy.listen, tls.listen()], report);
    }
    let admin = server::admin(admin, &server_policy, &cx, state);
    tls::refuse_conflicts(server.tls.as_ref(), (&tls, &server_policy, &admin), report);
    tls::warn_of_hsts(server.tls.as_ref(), &tls, &compiled, report);
    if let Some(hosts) = &hosts {
        tls::warn_of_names(server.tls.as_ref(), &certificates, (&compiled, hosts), &cx);
    }
    let of_providers = providers.of_tokens().flat_map(|provider| provider.sources.iter());
    let of_apps = compiled.iter().flatten().flat_map(App::sources);
    let carriers = of_providers.chain(of_apps).cloned().collect();
    let log = server::log(log, main, carriers, report);
    let expects = expects::expects(expects, apps, report);
    let providers = providers.into_policies();
    let tokens = tokens(&providers, &server_policy, &cx);
    let lines = apps.iter().map(lines::lines).collect();
    let source =
        source::Source { files: files.into(), named_files: cx.files.into_inner(), expects, apps: lines };
    let apps = compiled.into_iter().map(|app| app.map(Arc::new)).collect::<Option<Vec<_>>>()?;
    let signatures = signature::memory(&apps, previous, now);
    let started = match previous {
        Some(before) => Arc::clone(&before.started),
        None => Arc::new(starts(&server_policy, &tls, &admin, &log)),
    };
    let server = server_policy;
    let policy = Policy {
        server,
        tls,
        hosts: hosts?,
        client,
        apps,
        providers,
        tokens,
        signatures,
        admin,
        log,
        started,
    };
    Some((policy, source, certificates))
}

/// The settings that a process keeps from its start.
fn starts(server: &ServerPolicy, tls: &TlsPolicy, admin: &AdminPolicy, log: &LogPolicy) -> Started {
    Started {
        listen: server.listen.clone(),
        h2c: server.h2c.clone(),
        unix_mode: server.unix_mode,
        tls_listen: tls.listen().to_vec(),
        threads: server.threads,
        state_dir: server.state_dir.clone(),
        drain: server.drain,
        confine: server.confine,
        admin: admin.listen,
        format: log.format,
        access: log.access.clone(),
    }
}

/// Keys that differ from what the process started with and that a running process cannot change.
pub(super) fn restart(policy: &Policy) -> Vec<String> {
    let Started {
        listen,
        h2c,
        tls_listen,
        unix_mode,
        threads,
        state_dir,
        drain,
        confine,
        admin,
        format,
        access,
    } = &*policy.started;
    let wanted = starts(&policy.server, &policy.tls, &policy.admin, &policy.log);
    let differ = [
        ("server.listen", wanted.listen != *listen),
        ("server.h2c", wanted.h2c != *h2c),
        ("server.tls.listen", wanted.tls_listen != *tls_listen),
        ("server.unix_mode", wanted.unix_mode != *unix_mode),
        ("server.threads", wanted.threads != *threads),
        ("server.drain", wanted.drain != *drain),
        ("server.confine", wanted.confine != *confine),
        ("state.dir", wanted.state_dir != *state_dir),
        ("admin.listen", wanted.admin != *admin),
        ("log.format", wanted.format != *format),
        ("log.access", wanted.access != *access),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned()).collect()
}

fn hosts(apps: &[raw::App], report: &Report) -> Option<HostTable> {
    let named: Vec<(&Spanned<String>, usize)> = apps
        .iter()
        .enumerate()
        .flat_map(|(index, app)| app.hosts.iter().flat_map(|list| &list.value).map(move |host| (host, index)))
        .collect();
    let entries: Vec<(String, usize)> = named.iter().map(|(host, app)| (host.value.clone(), *app)).collect();
    let faults = match HostTable::build(&entries) {
        Ok(table) => return Some(table),
        Err(faults) => faults,
    };
    for (position, fault) in faults {
        let Some((host, _)) = named.get(position) else { continue };
        match fault {
            HostFault::Malformed(why) => report.problem(
                &host.at,
                format!("not a host ({why}): `{}`", host.value),
                "a name or an address without scheme, port and path: \"media.example.com\", \"*.example.com\"",
            ),
            HostFault::Taken(other) => {
                let place = named.get(other).map(|(other, _)| other.at.to_string()).unwrap_or_default();
                report.problem(
                    &host.at,
                    format!("host `{}` stands at `{place}` already", host.value),
                    "a host belongs to one app, once",
                );
            }
        }
    }
    None
}

/// The cache of before while nothing changed that decides whether a token is genuine, else an empty one. What was revoked stays so.
fn tokens(providers: &[Provider], server: &ServerPolicy, cx: &Context<'_>) -> Arc<TokenCache> {
    let prints = |all: &[Provider]| -> Vec<(Arc<str>, [u8; 32])> {
        all.iter()
            .filter_map(Provider::jwt)
            .map(|provider| (Arc::clone(&provider.name), provider.fingerprint()))
            .collect()
    };
    let same = |before: &&Policy| {
        before.server.limits.token_cache == server.limits.token_cache
            && prints(&before.providers) == prints(providers)
    };
    match cx.previous.filter(same) {
        Some(before) => Arc::clone(&before.tokens),
        None => {
            let revocations = cx.previous.map(|before| Arc::clone(before.tokens.revocations()));
            let (cap, key) = (server.limits.token_cache, cx.materials.random());
            Arc::new(TokenCache::under(cap, key, revocations.unwrap_or_default()))
        }
    }
}
