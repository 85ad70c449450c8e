//! `[app.*]` and its routes.

use std::time::Duration;

use super::reader::{ConfigLayer, Reader};
use super::{base, profile};
use crate::location::{Location, Setting, Spanned};
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::routes::{Layer, Unlisted};
use stagedoor_core::guard::target::{Backslash, Slashes};
use stagedoor_core::policy::ErrorShape;
use stagedoor_core::response_out::Preset;

pub(super) type Texts = Setting<Vec<Spanned<String>>>;
pub(super) type Table<T> = Vec<(Spanned<String>, Spanned<T>)>;

/// `auth` of an app or a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMode {
    Required,
    Optional,
    Public,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) name: Spanned<String>,
    pub(crate) at: Location,
    /// `use`; what the profile says has been laid beneath the rest.
    pub(crate) uses: Setting<String>,
    /// The paths below which the routes of the profile are.
    pub(crate) base: Texts,
    /// How many requests an hour one page of the app makes by itself; said by its profile alone.
    pub(crate) polls: Setting<u64>,
    pub(crate) hosts: Texts,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) auth: Setting<AuthMode>,
    pub(crate) by: Texts,
    pub(crate) sources: Texts,
    pub(crate) unlisted: Setting<Unlisted>,
    pub(crate) errors: Setting<ErrorShape>,
    pub(crate) identity: Option<Identity>,
    pub(crate) websocket: Setting<bool>,
    pub(crate) limit: Limits,
    pub(crate) body: Body,
    pub(crate) exact_case: Setting<bool>,
    pub(crate) slashes: Setting<Slashes>,
    pub(crate) backslash: Setting<Backslash>,
    pub(crate) encoded_slash: Setting<bool>,
    pub(crate) access: Option<Access>,
    pub(crate) cors: Option<Cors>,
    pub(crate) headers: Option<Headers>,
    pub(crate) origin: Setting<OriginPolicy>,
    /// `log.redact_query`
    pub(crate) redact_query: Texts,
    pub(crate) routes: Vec<Route>,
}

#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) at: Location,
    pub(crate) urls: Texts,
    /// `host = "upstream"`.
    pub(crate) own_host: Setting<bool>,
    pub(crate) connect: Setting<Duration>,
    pub(crate) read: Setting<Duration>,
    pub(crate) retries: Setting<u64>,
}

#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) at: Location,
    pub(crate) user: Setting<String>,
    pub(crate) roles: Setting<String>,
    /// `token = "keep"`.
    pub(crate) keep: Setting<bool>,
    pub(crate) pass: Texts,
    pub(crate) strip: Texts,
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) ip: Texts,
    pub(crate) user: Texts,
    pub(crate) app: Setting<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) max: Setting<u64>,
    /// `get = "allow"`; an app's alone.
    pub(crate) get: Setting<bool>,
}

#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) at: Location,
    pub(crate) allow: Texts,
    pub(crate) deny: Texts,
}

#[derive(Debug)]
pub(crate) enum Cors {
    /// `cors = "app"`.
    App(Location),
    Table(Box<CorsTable>),
}

#[derive(Debug)]
pub(crate) struct CorsTable {
    pub(crate) at: Location,
    pub(crate) origins: Texts,
    pub(crate) methods: Texts,
    pub(crate) headers: Texts,
    pub(crate) expose: Texts,
    pub(crate) credentials: Setting<bool>,
    pub(crate) max_age: Setting<Duration>,
}

#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) at: Location,
    pub(crate) preset: Setting<Preset>,
    pub(crate) hsts: Option<HstsTable>,
    pub(crate) csp: Option<Csp>,
    pub(crate) frame: Texts,
    pub(crate) set: Table<String>,
    pub(crate) remove: Texts,
}

#[derive(Debug)]
pub(crate) struct HstsTable {
    pub(crate) max_age: Setting<Duration>,
    pub(crate) include_subdomains: Setting<bool>,
    pub(crate) preload: Setting<bool>,
}

#[derive(Debug)]
pub(crate) struct Csp {
    pub(crate) at: Location,
    pub(crate) enforce: Setting<bool>,
    pub(crate) policy: Option<Table<Vec<Spanned<String>>>>,
    pub(crate) replace: Setting<bool>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) at: Location,
    pub(crate) layer: Layer,
    pub(crate) matches: Texts,
    pub(crate) name: Setting<String>,
    pub(crate) auth: Setting<AuthMode>,
    pub(crate) by: Texts,
    pub(crate) roles: Texts,
    pub(crate) scopes: Texts,
    pub(crate) owner: Option<Owner>,
    pub(crate) limit: Limits,
    pub(crate) bucket: Setting<String>,
    pub(crate) body: Body,
    pub(crate) websocket: Setting<bool>,
    pub(crate) encoded_slash: Setting<bool>,
    pub(crate) origin: Setting<OriginPolicy>,
    /// `preflight = "app"`
    pub(crate) preflight: Setting<()>,
}

#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) at: Location,
    pub(crate) param: Setting<String>,
    pub(crate) or_role: Setting<String>,
}

pub(super) fn read(root: &Reader<'_>) -> Vec<App> {
    root.named("app", "app.*").into_iter().map(|(name, table)| app(name, &table)).collect()
}

fn app(name: Spanned<String>, table: &Reader<'_>) -> App {
    table.require("hosts", "say which hosts are its own: hosts = [\"media.example.com\"]");
    table.require("upstream", "say where it is: upstream = \"http://127.0.0.1:3000\"");
    table.require("auth", "decide: auth = \"required\", \"optional\" or \"public\"");
    mode(table);
    let own = settings(name, table);
    let profile = own.uses.as_ref().and_then(|uses| profile::beneath(uses, table.report()));
    if let (None, Some(base)) = (&own.uses, &own.base) {
        let hint = "name a profile with `use`, or write the path into each `match`";
        table.report().problem(&base.at, "no profile whose routes could be there: `base`", hint);
    }
    let app = match profile {
        Some(mut profile) => {
            let base = own.base.as_ref().or(profile.base.as_ref());
            base::lay(&mut profile.routes, base, table.report());
            own.over(profile)
        }
        None => own,
    };
    if let Some(csp) = app.headers.as_ref().and_then(|headers| headers.csp.as_ref())
        && csp.policy.is_none()
    {
        let hint = "list its directives: policy = { default-src = [\"'self'\"] }";
        table.report().absent(&csp.at, "policy", hint);
    }
    app
}

/// What the table of an app says, or the `[app]` of a profile.
pub(super) fn settings(name: Spanned<String>, table: &Reader<'_>) -> App {
    App {
        name,
        at: table.at.clone(),
        uses: table.text("use"),
        base: table.text_or_texts("base"),
        polls: None,
        hosts: table.texts("hosts"),
        upstream: upstream(table),
        auth: table.choice("auth", ASK),
        by: table.texts("by"),
        sources: table.texts("sources"),
        unlisted: table.choice("unlisted", &[("inherit", Unlisted::Inherit), ("deny", Unlisted::Deny)]),
        errors: table.choice(
            "errors",
            &[
                ("problem", ErrorShape::Problem),
                ("fastapi", ErrorShape::Fastapi),
                ("error", ErrorShape::Error),
            ],
        ),
        identity: table.child("identity", "app.*.identity").map(|t| identity(&t)),
        websocket: table.flag("websocket"),
        limit: table.child("limit", "app.*.limit").map(|t| limits(&t)).unwrap_or_default(),
        body: table.child("body", "app.*.body").map(|t| body(&t)).unwrap_or_default(),
        exact_case: table.choice("case", &[("fold", false), ("exact", true)]),
        slashes: table.choice("slashes", &[("keep", Slashes::Keep), ("merge", Slashes::Merge)]),
        backslash: table.choice("backslash", &[("refuse", Backslash::Refuse), ("name", Backslash::Name)]),
        encoded_slash: table.flag("encoded_slash"),
        access: table.child("access", "app.*.access").map(|t| Access {
            at: t.at.clone(),
            allow: t.texts("allow"),
            deny: t.texts("deny"),
        }),
        cors: cors(table),
        headers: table.child("headers", "app.*.headers").map(|t| headers(&t)),
        origin: table.child("origin", "app.*.origin").and_then(|t| t.choice("check", ORIGIN)),
        redact_query: table.child("log", "app.*.log").and_then(|t| t.texts("redact_query")),
        routes: table.children("route", "app.*.route[]").iter().map(route).collect(),
    }
}

const ASK: &[(&str, AuthMode)] =
    &[("required", AuthMode::Required), ("optional", AuthMode::Optional), ("public", AuthMode::Public)];

const ORIGIN: &[(&str, OriginPolicy)] = &[
    ("cookies", OriginPolicy::Cookies),
    ("strict", OriginPolicy::Strict),
    ("always", OriginPolicy::Always),
    ("off", OriginPolicy::Off),
];

/// Shadow mode is not built: a rule that only notes would be a rule that lets pass.
fn mode(table: &Reader<'_>) {
    if let Some(Spanned { value: false, at }) = table.choice("mode", &[("enforce", true), ("shadow", false)])
    {
        table.report().problem(&at, "not yet supported: `shadow`", "leave `mode` out: rules are enforced");
    }
}

fn upstream(table: &Reader<'_>) -> Option<Upstream> {
    match table.text_or_child("upstream", "app.*.upstream")? {
        Ok(url) if table.voice == ConfigLayer::Profile => {
            table.not_for_profiles(&url.at, "upstream");
            None
        }
        Ok(url) => Some(Upstream {
            at: url.at.clone(),
            urls: Some(Spanned { at: url.at.clone(), value: vec![url] }),
            own_host: None,
            connect: None,
            read: None,
            retries: None,
        }),
        Err(t) => {
            if table.voice == ConfigLayer::Operator {
                t.require("urls", "say where the app is: urls = [\"http://127.0.0.1:3000\"]");
            }
            Some(Upstream {
                at: t.at.clone(),
                urls: t.texts("urls"),
                own_host: t.choice("host", &[("keep", false), ("upstream", true)]),
                connect: t.duration("connect", Duration::from_millis(10)..=Duration::from_secs(300)),
                read: t.duration("read", Duration::from_millis(10)..=Duration::from_secs(86_400)),
                retries: t.count("retries", 0..=1),
            })
        }
    }
}

fn identity(table: &Reader<'_>) -> Identity {
    Identity {
        at: table.at.clone(),
        user: table.text("user"),
        roles: table.text("roles"),
        keep: table.choice("token", &[("drop", false), ("keep", true)]),
        pass: table.texts("pass"),
        strip: table.texts("strip"),
    }
}

fn limits(table: &Reader<'_>) -> Limits {
    Limits { ip: table.text_or_texts("ip"), user: table.text_or_texts("user"), app: table.flag("app") }
}

fn body(table: &Reader<'_>) -> Body {
    Body {
        max: table.size("max", 0..=1 << 50),
        get: table.choice("get", &[("allow", true), ("deny", false)]),
    }
}

fn cors(table: &Reader<'_>) -> Option<Cors> {
    match table.text_or_child("cors", "app.*.cors")? {
        Ok(_) => table.choice("cors", &[("app", ())]).map(|given| Cors::App(given.at)),
        Err(t) => {
            t.require("origins", "list the origins: origins = [\"https://example.com\"]");
            Some(Cors::Table(Box::new(CorsTable {
                at: t.at.clone(),
                origins: t.texts("origins"),
                methods: t.texts("methods"),
                headers: t.texts("headers"),
                expose: t.texts("expose"),
                credentials: t.flag("credentials"),
                max_age: t.duration("max_age", Duration::ZERO..=Duration::from_secs(7 * 86_400)),
            })))
        }
    }
}

fn headers(table: &Reader<'_>) -> Headers {
    Headers {
        at: table.at.clone(),
        preset: table.choice("preset", &[("web", Preset::Web), ("api", Preset::Api), ("off", Preset::Off)]),
        hsts: table.child("hsts", "app.*.headers.hsts").map(|t| HstsTable {
            max_age: t.duration("max_age", Duration::ZERO..=Duration::from_secs(3650 * 86_400)),
            include_subdomains: t.flag("include_subdomains"),
            preload: t.flag("preload"),
        }),
        csp: table.child("csp", "app.*.headers.csp").map(|t| Csp {
            at: t.at.clone(),
            enforce: t.choice("mode", &[("report", false), ("enforce", true)]),
            policy: t.map("policy", |t, key| t.text_or_texts(key)),
            replace: t.choice("app", &[("keep", false), ("replace", true)]),
        }),
        frame: table.text_or_texts("frame"),
        set: table.map("set", |t, key| t.text(key)).unwrap_or_default(),
        remove: table.texts("remove"),
    }
}

fn route(table: &Reader<'_>) -> Route {
    table.require("match", "say which requests: match = \"GET /api/items/{id}\"");
    mode(table);
    Route {
        at: table.at.clone(),
        layer: match table.voice {
            ConfigLayer::Operator => Layer::App,
            ConfigLayer::Profile => Layer::Profile,
        },
        matches: table.text_or_texts("match"),
        name: table.text("name"),
        auth: table.choice("auth", ASK),
        by: table.texts("by"),
        roles: table.texts("roles"),
        scopes: table.texts("scopes"),
        owner: table.child("owner", "app.*.route[].owner").map(|t| {
            if !t.has("created_by") {
                t.require("param", "name the parameter: owner = { param = \"user\" }");
            }
            Owner { at: t.at.clone(), param: t.text("param"), or_role: t.text("or_role") }
        }),
        limit: table.child("limit", "app.*.route[].limit").map(|t| limits(&t)).unwrap_or_default(),
        bucket: table.text("bucket"),
        body: table.child("body", "app.*.route[].body").map(|t| body(&t)).unwrap_or_default(),
        websocket: table.flag("websocket"),
        encoded_slash: table.flag("encoded_slash"),
        origin: table.child("origin", "app.*.route[].origin").and_then(|t| t.choice("check", ORIGIN)),
        preflight: table.choice("preflight", &[("app", ())]),
    }
}

impl Cors {
    pub(crate) fn at(&self) -> &Location {
        match self {
            Self::App(at) => at,
            Self::Table(table) => &table.at,
        }
    }
}
