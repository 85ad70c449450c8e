//! Paths with a policy of their own: `[[app.*.route]]`.

use std::time::Duration;

use super::auth::Secret;
use super::shared::{AUTH, AuthMode, CHECK, MODE, ON_EXPIRY};
use crate::keys::nested::{group, table};
use crate::keys::patterns::LIMIT;
use crate::keys::reader::ConfigLayer;
use crate::keys::table::table;
use crate::keys::value::{
    GIB, choice, count, duration, flag, minutes, secs, size, text, text_or_texts, texts,
};
use crate::location::{Setting, Texts};
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::routes::Layer;

/// The name of a field (RFC 9110 §5.1).
const FIELD: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$";

table! {
    /// Paths with a policy of their own.
    #[derive(Debug)]
    pub(crate) struct Route at "app.*.route[]" {
        /// The requests that it applies to: METHOD /path, with `{param}` for one segment and a last `{*rest}`
        /// for all that follow; `*` is any method.
        matches: Texts = text_or_texts().called("match")
            .required("say which requests: match = \"GET /api/items/{id}\"").like(r"^\s*[A-Z*-]+ \s*/")
            .filled().in_profiles(),
        /// Its label in logs and metrics, by which its limits go on after a reload.
        name: Setting<String> = text().otherwise("its first match").in_profiles(),
        /// Whether callers have to prove who they are.
        auth: Setting<AuthMode> = AUTH.otherwise("the app's").in_profiles(),
        /// The names of the providers whose tokens or certificates are accepted; one of any of them is enough, and one of certificates
        /// stands alone.
        by: Texts = texts().otherwise("the app's").filled(),
        /// Roles of which the caller needs one.
        roles: Texts = texts().otherwise("none").filled(),
        /// Scopes of which the caller needs all.
        scopes: Texts = texts().otherwise("none").filled(),
        /// Whose the path is: a parameter of it has to be the name of the user.
        owner: Option<Owner> = table::<Owner>().otherwise("none: anybody's"),
        /// Whether the caller needs a second factor; without one: 403 `mfa_required`.
        mfa: Setting<bool> = flag().otherwise("the app's"),
        /// Limits in addition to those of the app.
        limit: RouteLimit = group::<RouteLimit>(),
        /// The name of a bucket: routes with the same bucket share its limits.
        bucket: Setting<String> = text().otherwise("none: its limits are its own")
            .accepts("letters, digits, `-` and `_`, at most 64").like(r"^[A-Za-z0-9_-]{1,64}$"),
        /// How large request bodies may be.
        body: RouteBody = group::<RouteBody>().in_profiles(),
        /// Whether WebSockets are allowed, under the same policy.
        websocket: Setting<bool> = flag().otherwise("the app's").in_profiles(),
        /// Whether `%2F` is allowed in paths.
        encoded_slash: Setting<bool> = flag().otherwise("the app's").in_profiles()
            .mind("an app that decodes it reads another path than the one that was matched"),
        /// Lets preflights of this route reach the app under `cors = "app"`, without credential, query or
        /// body; of its answer only the CORS headers are passed on.
        preflight: Setting<()> = choice!("app" => ())
            .otherwise("the app's, unless the route has roles, scopes, an owner, mfa or a signature")
            .mind("an app that ignores the method does for anybody what the request itself would do"),
        /// The same-origin rule of this route.
        origin: RouteOrigin = group::<RouteOrigin>(),
        /// Requests have to be signed with a secret that their sender shares with the gateway, besides what `auth` asks for: for webhooks
        /// and services.
        signature: Option<Signature> = table::<Signature>().otherwise("none"),
        /// The WebSockets and event streams of this route.
        streams: RouteStreams = group::<RouteStreams>(),
        mode: Setting<()> = MODE,
    }
    beside |reader| {
        layer: Layer = match reader.layer {
            ConfigLayer::Operator => Layer::App,
            ConfigLayer::Profile => Layer::Profile,
        },
    }
    not yet {
        "inspect": "Signs of injection.",
        "query": "Rules of the query.",
        "upload": "Rules of uploaded files.",
        "login": "The app's own login.",
        "until": "The last day of shadow mode.",
    }
}

table! {
    /// The same-origin rule of one route.
    #[derive(Debug, Default)]
    pub(crate) struct RouteOrigin at "app.*.route[].origin" {
        check: Setting<OriginPolicy> = CHECK.otherwise("the app's"),
    }
}

table! {
    /// The WebSockets and event streams of one route.
    #[derive(Debug, Default)]
    pub(crate) struct RouteStreams at "app.*.route[].streams" {
        /// How many a caller may have open here, besides those in other routes; more get 429.
        per_user: Setting<u64> = count(1, 1_000_000).otherwise("the app's, together with its other routes").by_server(),
        on_expiry: Setting<String> = ON_EXPIRY.otherwise("the app's"),
    }
}

table! {
    /// The path has to be the caller's own.
    #[derive(Debug)]
    pub(crate) struct Owner at "app.*.route[].owner" {
        /// The parameter of the path that has to be the name of the user.
        param: Setting<String> = text()
            .required_beside("created_by", "name the parameter: owner = { param = \"user\" }"),
        /// A role whose holders may also use the paths of others.
        or_role: Setting<String> = text().otherwise("none")
            .mind("its holders see what belongs to everybody"),
    }
    not yet {
        "created_by": "The request that made the thing.",
        "id": "Where its answer names the thing.",
    }
}

table! {
    /// Signed requests: HMAC-SHA-256 (RFC 2104) over the method, the target, the time and the SHA-256 of the body in lower-case
    /// hexadecimal, joined by line feeds. Bodies have at most 1 MiB; other fields are not signed.
    #[derive(Debug)]
    pub(crate) struct Signature at "app.*.route[].signature" {
        /// The secret that sender and gateway share.
        secret: Option<Secret> = table::<Secret>()
            .required("name its file: secret = { file = \"data/webhook_secret\", generate = true }"),
        /// A secret that is accepted besides, while senders change to the new one.
        previous: Option<Secret> = table::<Secret>().otherwise("none"),
        /// The field with the signature, in hexadecimal; `sha256=` may stand before it.
        header: Setting<String> = text().default("x-signature").like(FIELD),
        /// The field with the time of the signature: seconds since 1970, with an optional fraction.
        timestamp: Setting<String> = text().default("x-timestamp").like(FIELD),
        /// How old a signature may be. Each is accepted once, and remembered that long: 65,536 of them, 218 a second at `5m`.
        within: Setting<Duration> = duration(secs(1), minutes(60)).default("5m")
            .mind("who can stop a request on its way can send it that much later"),
    }
}

table! {
    /// Limits in addition to those of the app.
    #[derive(Debug, Default)]
    pub(crate) struct RouteLimit at "app.*.route[].limit" {
        /// How much each address may ask here.
        ip: Texts = text_or_texts().default_texts(&[]).like(LIMIT).at_most(4),
        /// How much each user may ask here; requests without a user count by address.
        user: Texts = text_or_texts().default_texts(&[]).like(LIMIT).at_most(4),
        /// Whether requests here also count against the limits of the app.
        app: Setting<bool> = flag().default_flag(true)
            .mind("with false, only the limits of this route apply to it"),
    }
}

table! {
    /// Request bodies.
    #[derive(Debug, Default)]
    pub(crate) struct RouteBody at "app.*.route[].body" {
        /// How large a request body may be, declared or streamed.
        max: Setting<u64> = size(0, 1_048_576 * GIB).otherwise("the app's").in_profiles(),
    }
    not yet {
        "json": "Rules of a JSON body (JSON Schema).",
        "form": "Rules of a form.",
    }
}
