//! What an app says itself, over what its profile says.
//!
//! A value that the app writes takes the place of the profile's, a list as a whole; but lists of what is held back
//! from the app or kept out of the log (`identity.strip`, `log.redact_query`) add up. Tables are joined key by key, at
//! every depth. Routes are not joined: each keeps its layer, and the app's are asked first. Where the app says
//! itself what a route would say, a route of the profile does not say it: what the app shuts is shut.

use super::app::{
    App, Body, Cors, CorsTable, Csp, Headers, HstsTable, Identity, Limits, Route, Table, Texts, Upstream,
};

impl App {
    /// This app, with what `profile` says wherever it says nothing itself.
    pub(super) fn over(self, profile: Self) -> Self {
        let Self {
            name,
            at,
            uses,
            base,
            polls: _,
            hosts,
            upstream,
            auth,
            by,
            sources,
            unlisted,
            errors,
            identity,
            websocket,
            limit,
            body,
            exact_case,
            slashes,
            backslash,
            encoded_slash,
            access,
            cors,
            headers,
            origin,
            redact_query,
            mut routes,
        } = self;
        let said = Said {
            websocket: websocket.is_some(),
            encoded_slash: encoded_slash.is_some(),
            body_max: body.max.is_some(),
            origin: origin.is_some(),
        };
        routes.extend(profile.routes.into_iter().map(|route| said.over(route)));
        Self {
            name,
            at,
            uses,
            base: base.or(profile.base),
            polls: profile.polls,
            hosts: hosts.or(profile.hosts),
            upstream: joined(upstream, profile.upstream, Upstream::over),
            auth: auth.or(profile.auth),
            by: by.or(profile.by),
            sources: sources.or(profile.sources),
            unlisted: unlisted.or(profile.unlisted),
            errors: errors.or(profile.errors),
            identity: joined(identity, profile.identity, Identity::over),
            websocket: websocket.or(profile.websocket),
            limit: limit.over(profile.limit),
            body: body.over(profile.body),
            exact_case: exact_case.or(profile.exact_case),
            slashes: slashes.or(profile.slashes),
            backslash: backslash.or(profile.backslash),
            encoded_slash: encoded_slash.or(profile.encoded_slash),
            access: access.or(profile.access),
            cors: joined(cors, profile.cors, Cors::over),
            headers: joined(headers, profile.headers, Headers::over),
            origin: origin.or(profile.origin),
            redact_query: both(redact_query, profile.redact_query),
            routes,
        }
    }
}

/// What an app says of all its routes, and so of those of its profile.
struct Said {
    websocket: bool,
    encoded_slash: bool,
    body_max: bool,
    origin: bool,
}

impl Said {
    /// A route of the profile, without what the app says in its place.
    fn over(&self, mut route: Route) -> Route {
        if self.websocket {
            route.websocket = None;
        }
        if self.encoded_slash {
            route.encoded_slash = None;
        }
        if self.body_max {
            route.body.max = None;
        }
        if self.origin {
            route.origin = None;
        }
        route
    }
}

fn joined<T>(own: Option<T>, below: Option<T>, over: impl FnOnce(T, T) -> T) -> Option<T> {
    match (own, below) {
        (Some(own), Some(below)) => Some(over(own, below)),
        (own, below) => own.or(below),
    }
}

impl Upstream {
    fn over(self, below: Self) -> Self {
        let Self { at, urls, own_host, connect, read, retries } = self;
        Self {
            at,
            urls: urls.or(below.urls),
            own_host: own_host.or(below.own_host),
            connect: connect.or(below.connect),
            read: read.or(below.read),
            retries: retries.or(below.retries),
        }
    }
}

impl Identity {
    fn over(self, below: Self) -> Self {
        let Self { at, user, roles, keep, pass, strip } = self;
        Self {
            at,
            user: user.or(below.user),
            roles: roles.or(below.roles),
            keep: keep.or(below.keep),
            pass: pass.or(below.pass),
            strip: both(strip, below.strip),
        }
    }
}

impl Limits {
    fn over(self, below: Self) -> Self {
        let Self { ip, user, app } = self;
        Self { ip: ip.or(below.ip), user: user.or(below.user), app: app.or(below.app) }
    }
}

impl Body {
    fn over(self, below: Self) -> Self {
        let Self { max, get } = self;
        Self { max: max.or(below.max), get: get.or(below.get) }
    }
}

impl Cors {
    fn over(self, below: Self) -> Self {
        match (self, below) {
            (Self::Table(own), Self::Table(below)) => Self::Table(Box::new(own.over(*below))),
            (own, _) => own,
        }
    }
}

impl CorsTable {
    fn over(self, below: Self) -> Self {
        let Self { at, origins, methods, headers, expose, credentials, max_age } = self;
        Self {
            at,
            origins: origins.or(below.origins),
            methods: methods.or(below.methods),
            headers: headers.or(below.headers),
            expose: expose.or(below.expose),
            credentials: credentials.or(below.credentials),
            max_age: max_age.or(below.max_age),
        }
    }
}

impl Headers {
    fn over(self, below: Self) -> Self {
        let Self { at, preset, hsts, csp, frame, set, remove } = self;
        Self {
            at,
            preset: preset.or(below.preset),
            hsts: joined(hsts, below.hsts, HstsTable::over),
            csp: joined(csp, below.csp, Csp::over),
            frame: frame.or(below.frame),
            set: entries(set, below.set),
            remove: remove.or(below.remove),
        }
    }
}

impl HstsTable {
    fn over(self, below: Self) -> Self {
        let Self { max_age, include_subdomains, preload } = self;
        Self {
            max_age: max_age.or(below.max_age),
            include_subdomains: include_subdomains.or(below.include_subdomains),
            preload: preload.or(below.preload),
        }
    }
}

impl Csp {
    fn over(self, below: Self) -> Self {
        let Self { at, enforce, policy, replace } = self;
        Self {
            at,
            enforce: enforce.or(below.enforce),
            policy: joined(policy, below.policy, entries),
            replace: replace.or(below.replace),
        }
    }
}

/// Both lists: what a profile holds back or keeps out of the log, an app adds to.
fn both(own: Texts, below: Texts) -> Texts {
    joined(own, below, |mut own, below| {
        for given in below.value {
            if !own.value.iter().any(|known| known.value.eq_ignore_ascii_case(&given.value)) {
                own.value.push(given);
            }
        }
        own
    })
}

/// Both, less those of `below` that `own` names too. Headers and directives have no case.
fn entries<T>(mut own: Table<T>, below: Table<T>) -> Table<T> {
    for (name, value) in below {
        if !own.iter().any(|(known, _)| known.value.eq_ignore_ascii_case(&name.value)) {
            own.push((name, value));
        }
    }
    own
}

#[cfg(test)]
mod tests;
