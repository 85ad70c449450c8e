//! The table of refusals: one row each, with all its properties.
//!
//! A row is the variant of [`Denial`] with what it carries, then:
//!
//! * `code`, `status`, `guard`, `closes`, `challenge`, `page`: as in [`Description`];
//! * `retry_after`: the value of `Retry-After` in seconds; on 429 and 503 alone (RFC 9110 §10.2.3, RFC 6585 §4);
//! * `allow`: the value of `Allow`, on 405 (RFC 9110 §15.5.6);
//! * `upstream_fault`: what was wrong with the app;
//! * `detail`: what the client may read, never anything of the app or the policy behind;
//! * `reason`: what the operator reads in the log: the fault, and the key to change where there is one;
//! * `listed`: the reason in the reference, where `reason` holds what differs from case to case;
//! * `keys`: the keys that can have refused, nearest first: of the route and the app, or of `server`;
//! * `remedy`: what may let the request pass;
//! * `example`: one refusal of a kind that carries something.
//!
//! `challenge`, `retry_after`, `allow`, `upstream_fault` and `listed` are left out where there is none.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::description::{Challenge, Description, PageAction, PageText, RemedyKind};
use super::fault::{PathFault, SubjectFault, TokenFault, UpstreamFault};
use super::guard::Guard;
use super::limit::{LimitExceeded, Size};

/// Makes [`Denial`] and the functions that read its rows.
macro_rules! denials {
    // A field of a row that may be left out, before what then stands in its place.
    (@first $first:expr $(, $default:expr)?) => { $first };
    ($(
        $(#[$meta:meta])+
        $name:ident
        $(($payload:ident: $payload_type:ty))?
        $({ $(#[$field_meta:meta])+ $field:ident: $field_type:ty })?
        => {
            code: $code:literal,
            status: $status:ident,
            guard: $guard:ident,
            closes: $closes:literal,
            $(challenge: $challenge:ident,)?
            $(retry_after: $retry_after:expr,)?
            $(allow: $allow:expr,)?
            $(upstream_fault: $upstream_fault:expr,)?
            detail: $detail:expr,
            reason: $reason:expr,
            $(listed: $listed:literal,)?
            page: $page:expr,
            keys: $keys:expr,
            remedy: $remedy:expr,
            $(example: $example:expr,)?
        }
    )+) => {
        /// A refusal. Closed, comparable, and carrying only what its answer and its log line need.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Denial {
            $(
                $(#[$meta])+
                $name $(($payload_type))? $({ $(#[$field_meta])+ $field: $field_type })?,
            )+
        }

        impl Denial {
            /// The code of each kind, in the order of the table; one that several kinds share stands there several times.
            pub const CODES: [&str; [$($code),+].len()] = [$($code),+];

            /// One refusal of each kind, in the order of the table, with stand-ins for what differs from case to case.
            #[must_use]
            pub fn examples() -> Vec<Self> {
                vec![$(denials!(@first $($example,)? Self::$name)),+]
            }

            /// What every refusal of its kind has in common.
            #[must_use]
            pub const fn description(&self) -> &'static Description {
                match self {
                    $(Self::$name { .. } => const {
                        &Description {
                            code: $code,
                            status: StatusCode::$status,
                            guard: Guard::$guard,
                            closes: $closes,
                            challenge: denials!(@first $(Some(Challenge::$challenge),)? None),
                            listed: denials!(@first $(Some($listed),)? None),
                            page: $page,
                        }
                    },)+
                }
            }
        }

        #[allow(unused_variables, reason = "few texts say what the refusal carries")]
        impl Denial {
            /// `Retry-After` in whole seconds, for the statuses that carry one (429 and 503).
            #[must_use]
            pub fn retry_after(&self) -> Option<u64> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => denials!(@first $(Some($retry_after),)? None),)+
                }
            }

            /// `Allow`, for the status that carries one (405); may be empty.
            #[must_use]
            pub fn allow(&self) -> Option<&str> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => denials!(@first $(Some($allow),)? None),)+
                }
            }

            /// What was wrong with the app, where it was the app.
            #[must_use]
            pub fn upstream_fault(&self) -> Option<UpstreamFault> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => denials!(@first $(Some($upstream_fault),)? None),)+
                }
            }

            /// The `detail` of the row.
            pub(super) fn own_detail(&self) -> Cow<'static, str> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => Cow::from($detail),)+
                }
            }

            /// What the operator reads in the log: the fault, and the key to change where there is one.
            #[must_use]
            pub fn reason(&self) -> Cow<'static, str> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => Cow::from($reason),)+
                }
            }

            /// The keys that can have refused, nearest first: of the route and the app, or of `server`.
            #[must_use]
            pub fn keys(&self) -> &'static [&'static str] {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => $keys,)+
                }
            }

            /// What may let the request pass.
            #[must_use]
            pub fn remedy(&self) -> RemedyKind<'_> {
                match self {
                    $(Self::$name $(($payload))? $({ $field })? => $remedy,)+
                }
            }
        }
    };
}

denials! {
    /// The message is not HTTP as we accept it. The text names the fault.
    BadRequest(fault: &'static str) => {
        code: "bad_request",
        status: BAD_REQUEST,
        guard: Framing,
        closes: true,
        detail: format!("Malformed request: {fault}"),
        reason: format!("malformed request: {fault}"),
        page: BAD_ADDRESS,
        keys: &[],
        remedy: RemedyKind::Advice("no key lets it pass: the client has to send another request"),
        example: Self::BadRequest("FAULT"),
    }
    /// The head did not arrive in time.
    HeadTimeout => {
        code: "head_timeout",
        status: REQUEST_TIMEOUT,
        guard: Framing,
        closes: true,
        detail: "The request did not arrive in time",
        reason: "request head took longer than `server.timeouts.header`",
        page: SLOW_CLIENT,
        keys: &["server.timeouts.header"],
        remedy: RemedyKind::Advice(
            "see whether the client or its network is slow; `server.timeouts.header` is the deadline"
        ),
    }
    /// The request target is longer than `server.limits.uri_bytes`.
    UriTooLong => {
        code: "uri_too_long",
        status: URI_TOO_LONG,
        guard: Framing,
        closes: true,
        detail: "The address of the request is too long",
        reason: "request target is longer than `server.limits.uri_bytes`",
        page: LARGE_HEAD,
        keys: &["server.limits.uri_bytes"],
        remedy: RemedyKind::UriBytes,
    }
    /// More header bytes or fields than allowed.
    HeadersTooLarge => {
        code: "headers_too_large",
        status: REQUEST_HEADER_FIELDS_TOO_LARGE,
        guard: Framing,
        closes: true,
        detail: "The header fields of the request are too large",
        reason: "request head is larger than `server.limits.header_bytes`, or has more fields than `server.limits.header_count`",
        page: LARGE_HEAD,
        keys: &["server.limits.header_bytes", "server.limits.header_count"],
        remedy: RemedyKind::HeaderBytes,
    }
    /// The body did not arrive in time (idle, or slower than `min_rate`).
    BodyTimeout => {
        code: "body_timeout",
        status: REQUEST_TIMEOUT,
        guard: Body,
        closes: true,
        detail: "The body of the request did not arrive in time",
        reason: "request body stopped for `server.timeouts.body_idle`, or came slower than `server.timeouts.min_rate`",
        page: SLOW_CLIENT,
        keys: &["server.timeouts.body_idle"],
        remedy: RemedyKind::Advice(
            "see whether the client or its network is slow; `server.timeouts.body_idle` and `min_rate` are the bounds"
        ),
    }
    /// Gateway and app could read this path differently.
    AmbiguousPath(fault: PathFault) => {
        code: "ambiguous_path",
        status: BAD_REQUEST,
        guard: Target,
        closes: true,
        detail: format!("Ambiguous path or host: {}", fault.text()),
        reason: format!("path or host can be read in two ways: {}", fault.text()),
        listed: "path or host can be read in two ways: FAULT",
        page: BAD_ADDRESS,
        keys: fault.keys(),
        remedy: RemedyKind::Path(fault.remedy()),
        example: Self::AmbiguousPath(PathFault::DotSegment),
    }
    /// Gateway and app could read this host differently. The text names the fault.
    AmbiguousHost(fault: &'static str) => {
        code: "ambiguous_path",
        status: BAD_REQUEST,
        guard: Target,
        closes: true,
        detail: format!("Ambiguous path or host: {fault}"),
        reason: format!("path or host can be read in two ways: {fault}"),
        page: BAD_ADDRESS,
        keys: &[],
        remedy: RemedyKind::Advice("the client has to send another host"),
        example: Self::AmbiguousHost("FAULT"),
    }
    /// No app serves this host.
    UnknownHost => {
        code: "unknown_host",
        status: MISDIRECTED_REQUEST,
        guard: Target,
        closes: false,
        detail: "Nothing is served under this host name",
        reason: "no app serves this host; add it to the app's `hosts`",
        page: PageText::new(
            "Nothing is served here",
            "Check the address you opened. If you run this server, its log says what to add."
        ),
        keys: &["hosts"],
        remedy: RemedyKind::Host,
    }
    /// The TLS connection was made for another host, and its certificate is not for this one.
    Misdirected => {
        code: "misdirected",
        status: MISDIRECTED_REQUEST,
        guard: ServerName,
        closes: false,
        detail: "This connection was made for another host name",
        reason: "the request came over a TLS connection for another server name, whose certificate is not for its host",
        page: PageText::new(
            "This connection was made for another address",
            "Open the address again, in a new window."
        ),
        keys: &["server.tls.certificates"],
        remedy: RemedyKind::Advice(
            "the client has to connect under the name of the host; a certificate for both hosts lets it use one connection"
        ),
    }
    /// Plain HTTP serves no app, and the method is not one that is redirected.
    HttpsRequired => {
        code: "https_required",
        status: FORBIDDEN,
        guard: Https,
        closes: true,
        detail: "Plain HTTP is not served here: use https",
        reason: "plain HTTP serves no app (`server.tls.redirect_http`), and only GET and HEAD are redirected",
        page: PageText::new(
            "This address is served over https alone",
            "Open it with https:// in front, and send the form again."
        ),
        keys: &["server.tls.redirect_http"],
        remedy: RemedyKind::Advice("the client has to use https"),
    }
    /// The connection has not proven what the app's `client_ca` asks for.
    ClientCertificate => {
        code: "client_certificate",
        status: MISDIRECTED_REQUEST,
        guard: ClientCertificate,
        closes: true,
        detail: "This connection was made without the certificate that this host asks of its clients",
        reason: "no certificate of the app's `client_ca` was shown on this connection: it is plain HTTP, names no server, was made for \
            another host or before a change of `client_ca`, or the certificate has ended",
        page: PageText::new(
            "This address asks for a certificate of your device",
            "Open it again, in a new window. If that does not help, ask for a new certificate."
        ),
        keys: &["client_ca", "server.tls.client_ca"],
        remedy: RemedyKind::Advice(
            "the client has to connect over https under the name of the host, with a certificate that has not ended"
        ),
    }
    /// The path is not listed and the app says `unlisted = "deny"`.
    NotFound => {
        code: "not_found",
        status: NOT_FOUND,
        guard: Route,
        closes: false,
        detail: "Not found",
        reason: "no route lists the path, and `unlisted = \"deny\"`",
        page: PageText::new(
            "There is nothing here",
            "Check the address you opened, or start again from the front page."
        ),
        keys: &["unlisted"],
        remedy: RemedyKind::Route { caution: "" },
    }
    /// The path is listed for other methods.
    MethodNotAllowed {
        /// The value of `Allow`, sorted, comma-separated.
        allow: Arc<str>
    } => {
        code: "method_not_allowed",
        status: METHOD_NOT_ALLOWED,
        guard: Route,
        closes: false,
        allow: allow,
        detail: "Method not allowed",
        reason: format!("the path takes other methods only: `{allow}`"),
        page: NOT_HERE,
        keys: &["unlisted"],
        remedy: RemedyKind::Route {
            caution: ": without the roles, scopes or owner that other methods of the path may ask for"
        },
        example: Self::MethodNotAllowed { allow: Arc::from("METHODS") },
    }
    /// The method is CONNECT, TRACE or TRACK, which no configuration allows. It is met while the head is read.
    MethodNeverAllowed => {
        code: "method_not_allowed",
        status: METHOD_NOT_ALLOWED,
        guard: Route,
        closes: true,
        allow: "",
        detail: "Method not allowed",
        reason: "the method is CONNECT, TRACE or TRACK, which is never allowed",
        page: NOT_HERE,
        keys: &[],
        remedy: RemedyKind::Advice("no key lets this method pass"),
    }
    /// The code of an enter link is unknown, used or expired.
    LinkInvalid => {
        code: "link_invalid",
        status: FORBIDDEN,
        guard: Own,
        closes: false,
        detail: "This link was used already, or has expired",
        reason: "code of an enter link is unknown, used or expired; `stagedoor token --link` makes another",
        page: PageText::new(
            "This link no longer works",
            "It was used already, or is older than ten minutes. Ask the person who gave it to you for a new one."
        )
        .offering(PageAction::EnterCode),
        keys: &[],
        remedy: RemedyKind::FreshLink,
    }
    /// The body is of a type that is not read here.
    MediaType => {
        code: "media_type",
        status: UNSUPPORTED_MEDIA_TYPE,
        guard: Own,
        closes: false,
        detail: "A body of this type is not accepted here",
        reason: "the gateway's own pages and API do not read a body of this `Content-Type`",
        page: PageText::new("This cannot be read", "Go back and try another way."),
        keys: &[],
        remedy: RemedyKind::GatewayPage,
    }
    /// The client's address is not one the app admits.
    AddressRefused => {
        code: "address_refused",
        status: FORBIDDEN,
        guard: Access,
        closes: false,
        detail: "Your address has no access",
        reason: "address is in `access.deny`, or not in `access.allow`",
        page: PageText::new(
            "You have no access from here",
            "If you should have access from where you are, ask the person who runs this server."
        ),
        keys: &["access"],
        remedy: RemedyKind::Address,
    }
    /// Two credentials that differ.
    AmbiguousCredentials => {
        code: "ambiguous_credentials",
        status: BAD_REQUEST,
        guard: Identity,
        closes: true,
        detail: "The request carries two different credentials",
        reason: "request has two different credentials; `sources` says where credentials are read",
        page: PageText::new("You are signed in twice", "Clear this site's cookies, then try again.")
            .or_with_codes("This browser sends two different tokens. Sign out, then open your link again.")
            .offering(PageAction::SignOut),
        keys: &["auth", "by"],
        remedy: RemedyKind::Advice(
            "send one credential: the gateway does not choose between two; `sources` of the provider says where it is read"
        ),
    }
    /// A credential is required and none was presented.
    TokenMissing => {
        code: "token_missing",
        status: UNAUTHORIZED,
        guard: Identity,
        closes: false,
        challenge: NoError,
        detail: "Not authenticated",
        reason: "request has no credential in any of the `sources` of the app or its provider",
        page: sign_in("You are not signed in"),
        keys: &["auth", "by"],
        remedy: RemedyKind::Token,
    }
    /// The credential is not genuine or not for us.
    TokenInvalid(fault: TokenFault) => {
        code: "token_invalid",
        status: UNAUTHORIZED,
        guard: Identity,
        closes: false,
        challenge: InvalidToken,
        detail: "The credential is not valid",
        reason: fault.reason(),
        listed: "token is not genuine, or is meant for another service; the access log says what is wrong with it",
        page: sign_in("You are not signed in any more"),
        keys: &["auth", "by"],
        remedy: RemedyKind::FreshToken,
        example: Self::TokenInvalid(TokenFault::Signature),
    }
    /// The credential was genuine and has expired.
    TokenExpired => {
        code: "token_expired",
        status: UNAUTHORIZED,
        guard: Identity,
        closes: false,
        challenge: InvalidToken,
        detail: "The credential has expired",
        reason: "token has expired, `leeway` included",
        page: sign_in("Your sign-in has expired"),
        keys: &["auth", "by"],
        remedy: RemedyKind::FreshToken,
    }
    /// The credential was genuine, and an operator has revoked it.
    TokenRevoked => {
        code: "token_revoked",
        status: UNAUTHORIZED,
        guard: Identity,
        closes: false,
        challenge: InvalidToken,
        detail: "The credential has been revoked",
        reason: "credential was revoked: by its id, or with all that its user or provider had at that time",
        page: sign_in("You have been signed out"),
        keys: &["auth", "by"],
        remedy: RemedyKind::FreshToken,
    }
    /// The certificate of the client names no user.
    ClientSubject(fault: SubjectFault) => {
        code: "client_subject",
        status: FORBIDDEN,
        guard: Identity,
        closes: false,
        detail: "The certificate of this client names no user",
        reason: format!("certificate of the client names no user: {}", fault.reason()),
        listed: "certificate of the client names no user",
        page: PageText::new(
            "The certificate of your device names no user",
            "Ask for a certificate with your name in it."
        ),
        keys: &["auth", "by"],
        remedy: RemedyKind::Advice("the client needs a certificate whose subject has one common name"),
        example: Self::ClientSubject(SubjectFault::Nameless),
    }
    /// The identity service gave no answer.
    IdentityUnavailable => {
        code: "identity_unavailable",
        status: SERVICE_UNAVAILABLE,
        guard: Identity,
        closes: false,
        retry_after: 5,
        detail: "Your credential cannot be checked at the moment",
        reason: "the keys of the identity provider (`jwks`) are not known: they could not be fetched yet, or not for longer than `jwks.stale` allows",
        page: BUSY,
        keys: &["auth", "by"],
        remedy: RemedyKind::Advice("see in the log of the gateway why the identity provider does not answer"),
    }
    /// None of the roles the route asks for.
    RoleMissing => {
        code: "forbidden",
        status: FORBIDDEN,
        guard: Permission,
        closes: false,
        detail: "Your account may not do this",
        reason: "caller has none of the route's `roles`",
        page: NOT_YOURS,
        keys: &["roles"],
        remedy: RemedyKind::Role,
    }
    /// A scope that the route asks for is missing.
    ScopeMissing => {
        code: "forbidden",
        status: FORBIDDEN,
        guard: Permission,
        closes: false,
        challenge: InsufficientScope,
        detail: "Your credential does not cover this",
        reason: "caller lacks one of the route's `scopes`",
        page: NOT_YOURS,
        keys: &["scopes"],
        remedy: RemedyKind::Scope,
    }
    /// The request has to be signed, and has no signature.
    SignatureMissing => {
        code: "signature_missing",
        status: FORBIDDEN,
        guard: Signature,
        closes: false,
        detail: "This request has to be signed",
        reason: "request lacks a field of the route's `signature`, its `header` or its `timestamp`",
        page: NOT_YOURS,
        keys: &["signature"],
        remedy: RemedyKind::Advice("send both fields: the README shows how a request is signed"),
    }
    /// The signature is not genuine.
    SignatureInvalid => {
        code: "signature_invalid",
        status: FORBIDDEN,
        guard: Signature,
        closes: false,
        detail: "The signature is not valid",
        reason: "signature is not that of method, target, time and body, or its fields cannot be read",
        page: NOT_YOURS,
        keys: &["signature"],
        remedy: RemedyKind::Advice(
            "compare the secret, and what is signed: METHOD, target as sent, time and the SHA-256 of the body, joined by line feeds"
        ),
    }
    /// The signature is not of this time.
    SignatureExpired => {
        code: "signature_expired",
        status: FORBIDDEN,
        guard: Signature,
        closes: false,
        detail: "The signature is too old, or its time is ahead",
        reason: "time of the signature is older than `within`, before the start of the gateway, or more than 5 s ahead",
        page: NOT_YOURS,
        keys: &["signature.within"],
        remedy: RemedyKind::Advice("sign each request when it is sent, and set the clock of its sender"),
    }
    /// The signature was used before.
    SignatureReplayed => {
        code: "signature_replayed",
        status: FORBIDDEN,
        guard: Signature,
        closes: false,
        detail: "The signature was used before",
        reason: "signature was accepted before, and each counts once",
        page: NOT_YOURS,
        keys: &["signature"],
        remedy: RemedyKind::Advice("sign each request anew; two within a second need a time with a fraction"),
    }
    /// No further signature can be remembered.
    SignaturesFull => {
        code: "signatures_full",
        status: SERVICE_UNAVAILABLE,
        guard: Signature,
        closes: false,
        retry_after: 30,
        detail: "Too many signed requests at the moment",
        reason: "as many signatures are remembered, or as many bytes of bodies wait to be judged (of this address or in all), as can be",
        page: BUSY,
        keys: &["signature.within"],
        remedy: RemedyKind::Advice("fewer or smaller signed requests at once; a shorter `within` remembers fewer signatures"),
    }
    /// The path belongs to another user.
    NotOwner => {
        code: "not_owner",
        status: FORBIDDEN,
        guard: Permission,
        closes: false,
        detail: "This belongs to another user",
        reason: "path belongs to another user; `owner.or_role` names a role that has access too",
        page: NOT_YOURS,
        keys: &["owner"],
        remedy: RemedyKind::Owner,
    }
    /// The token does not say that its user used a second factor. It carries the `acr_values` of the challenge.
    MfaRequired(acr_values: Arc<str>) => {
        code: "mfa_required",
        status: FORBIDDEN,
        guard: Permission,
        closes: false,
        challenge: InsufficientUserAuthentication,
        detail: "This needs a sign-in with a second factor",
        reason: "token does not say that its user used a second factor, and `mfa` asks for one; `mfa` of the provider says which `amr` or `acr` tells of it",
        page: PageText::new(
            "This needs a second factor",
            "Sign in again with a second factor, such as a code from your phone or a security key."
        )
        .offering(PageAction::ShowUser),
        keys: &["mfa"],
        remedy: RemedyKind::SecondFactor,
        example: Self::MfaRequired(Arc::from("ACR")),
    }
    /// The path in `Destination` is refused to this caller.
    ///
    /// Where another credential could change that, [`DestinationDenial::asks_for_credential`], its answer has the code,
    /// the status and the text of the refusal that it carries, and always the challenge of that one.
    Destination(refused: Box<DestinationDenial>) => {
        code: "forbidden",
        status: FORBIDDEN,
        guard: Permission,
        closes: false,
        detail: "You may not do this at the destination of the request",
        reason: format!("a request for the path in `Destination` would be refused: `{}`", refused.denial.code()),
        page: NOT_YOURS,
        keys: &[],
        remedy: RemedyKind::Advice(
            "COPY and MOVE need permission for both paths: `stagedoor explain` with the same method and the path in \
             `Destination` says what that path asks for"
        ),
        example: Self::Destination(Box::new(DestinationDenial { denial: Self::NotOwner, route: None })),
    }
    /// A cookie-borne request from another origin.
    CrossOrigin => {
        code: "cross_origin",
        status: FORBIDDEN,
        guard: Origin,
        closes: false,
        detail: "The request comes from another site",
        reason: "request comes from another origin, or from a page that hides its origin; `cors.origins` lists the origins that are allowed, `origin.check` says which requests are checked",
        page: PageText::new("This request came from another site", "Open this site directly and try again from there."),
        keys: &["origin.check"],
        remedy: RemedyKind::Origin,
    }
    /// An upgrade that is not one `websocket`, or not allowed here.
    UpgradeRefused => {
        code: "upgrade_refused",
        status: FORBIDDEN,
        guard: Upgrade,
        closes: false,
        detail: "The connection cannot be upgraded here",
        reason: "upgrade is to another protocol than `websocket`, or `websocket = false`",
        page: PageText::new("This is not a page", "Open this address as an ordinary page."),
        keys: &["websocket"],
        remedy: RemedyKind::Websocket,
    }
    /// A GET or HEAD with a body, for an app that would not read it.
    UnexpectedBody => {
        code: "unexpected_body",
        status: BAD_REQUEST,
        guard: Size,
        closes: true,
        detail: "A GET or HEAD must not have a body here",
        reason: "request is a GET or HEAD with a body, and `body.get = \"deny\"`",
        page: NOT_HERE,
        keys: &["body.get"],
        remedy: RemedyKind::BodyOfGet,
    }
    /// The body, declared or streamed, is larger than allowed.
    BodyTooLarge {
        /// The cap in bytes.
        max: u64
    } => {
        code: "body_too_large",
        status: PAYLOAD_TOO_LARGE,
        guard: Size,
        closes: true,
        detail: format!("The body is larger than the {} allowed here", Size(*max)),
        reason: format!("body is larger than `body.max` of the route or the app, `{}`", Size(*max)),
        listed: "body is larger than `body.max` of the route or the app",
        page: PageText::new("This is too large", "Send something smaller."),
        keys: &["body.max"],
        remedy: RemedyKind::BodySize { max: *max },
        example: Self::BodyTooLarge { max: 1 << 20 },
    }
    /// A rate or a quota is used up.
    RateLimited(exceeded: LimitExceeded) => {
        code: "rate_limited",
        status: TOO_MANY_REQUESTS,
        guard: AppLimit,
        closes: false,
        retry_after: exceeded.retry_seconds(),
        detail: match exceeded.retry_seconds() {
            1 => Cow::from("Too many requests; try again in 1 second"),
            seconds => Cow::from(format!("Too many requests; try again in {seconds} seconds")),
        },
        reason: format!("the limit `{}` is used up", exceeded.limit),
        page: PageText::new(
            "Too many requests",
            "This address or account has sent more requests than this server allows in a short time."
        )
        .offering(PageAction::TryAgain),
        keys: &["limit.ip", "bucket"],
        remedy: RemedyKind::Limit(exceeded),
        example: Self::RateLimited(LimitExceeded {
            limit: Arc::from("NAME"),
            retry_after: Duration::from_secs(1),
        }),
    }
    /// Too many connections or requests for this gateway now.
    Overloaded => {
        code: "overloaded",
        status: SERVICE_UNAVAILABLE,
        guard: Connection,
        closes: true,
        retry_after: 2,
        detail: "Too many requests are being served at the moment",
        reason: "there are more connections than `server.limits.connections` or `server.limits.connections_per_ip`",
        page: BUSY,
        keys: &[],
        remedy: RemedyKind::Advice(
            "see which clients hold the connections; `server.limits.connections` and `connections_per_ip` are the bounds"
        ),
    }
    /// The app has as many requests in flight as it may have.
    AppBusy => {
        code: "overloaded",
        status: SERVICE_UNAVAILABLE,
        guard: Upstream,
        closes: false,
        retry_after: 2,
        detail: "Too many requests are being served at the moment",
        reason: "as many requests of the app are being served as its `limit.in_flight` allows",
        page: BUSY,
        keys: &["limit.in_flight", "limit"],
        remedy: RemedyKind::Advice("see why the app is slow, or raise `limit.in_flight` of the app"),
    }
    /// The caller has as many WebSockets and event streams open as it may have.
    TooManyStreams => {
        code: "too_many_streams",
        status: TOO_MANY_REQUESTS,
        guard: Streams,
        closes: false,
        retry_after: 10,
        detail: "Too many streams are open already",
        reason: "caller has as many WebSockets and event streams open as `streams.per_user` of the route or the app allows",
        page: PageText::new("This is open too often already", "Close other windows of this app, then try again.")
            .offering(PageAction::TryAgain),
        keys: &["streams.per_user"],
        remedy: RemedyKind::Advice(
            "see whether the caller has so many windows open, or a program that does not close its streams; \
             `streams.per_user` is the cap"
        ),
    }
    /// The gateway is shutting down.
    Draining => {
        code: "draining",
        status: SERVICE_UNAVAILABLE,
        guard: Connection,
        closes: true,
        retry_after: 5,
        detail: "The service is restarting",
        reason: "gateway is shutting down; open requests have `server.drain` to end",
        page: BUSY,
        keys: &[],
        remedy: RemedyKind::Advice("send it again: the gateway was stopping or starting"),
    }
    /// The app cannot be reached, or gave no answer that may be passed on.
    UpstreamUnreachable(fault: UpstreamFault) => {
        code: "upstream_unreachable",
        status: BAD_GATEWAY,
        guard: Upstream,
        closes: true,
        upstream_fault: *fault,
        detail: "The app cannot be reached",
        reason: fault.reason(),
        listed: "app cannot be reached, or gave no answer; the access log says why",
        page: NO_ANSWER,
        keys: &["upstream"],
        remedy: RemedyKind::App(*fault),
        example: Self::UpstreamUnreachable(UpstreamFault::BadAnswer),
    }
    /// The app did not answer in time.
    UpstreamTimeout => {
        code: "upstream_timeout",
        status: GATEWAY_TIMEOUT,
        guard: Upstream,
        closes: true,
        upstream_fault: UpstreamFault::Timeout,
        detail: "The app did not answer in time",
        reason: UpstreamFault::Timeout.reason(),
        page: NO_ANSWER,
        keys: &["upstream"],
        remedy: RemedyKind::App(UpstreamFault::Timeout),
    }
    /// A fault of the gateway itself. The request goes nowhere.
    Internal(fault: &'static str) => {
        code: "internal",
        status: INTERNAL_SERVER_ERROR,
        guard: Upstream,
        closes: true,
        detail: "The request could not be handled",
        reason: format!("the gateway itself failed: {fault}"),
        page: PageText::new(
            "Something went wrong here",
            "Try again. If it lasts, tell the person who runs this server and name the request below."
        )
        .offering(PageAction::TryAgain),
        keys: &[],
        remedy: RemedyKind::Advice("see the log of the gateway at that time: the gateway itself failed"),
        example: Self::Internal("FAULT"),
    }
}

/// Why a request for the path in `Destination` would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationDenial {
    /// Its refusal.
    pub denial: Denial,
    /// The index of the route that it meets, if it meets one.
    pub route: Option<usize>,
}

/// Page texts that several refusals share.
const BAD_ADDRESS: PageText = PageText::new(
    "This address cannot be opened",
    "Check the address you opened, or start again from the front page.",
);
const LARGE_HEAD: PageText = PageText::new(
    "The request is too large",
    "Start again from the front page. Clearing this site's cookies may help.",
);
const SLOW_CLIENT: PageText =
    PageText::new("The request did not arrive", "Check your connection and try again.")
        .offering(PageAction::TryAgain);
const NOT_HERE: PageText = PageText::new("This cannot be done here", "Go back and try another way.");
const NOT_YOURS: PageText = PageText::new(
    "This is not open to you",
    "If you should have access, ask the person who runs this server and name the request below.",
)
.offering(PageAction::ShowUser);
const BUSY: PageText = PageText::new("Not available at the moment", "This server is busy or restarting.")
    .offering(PageAction::TryAgain);
const NO_ANSWER: PageText = PageText::new(
    "The app does not answer",
    "Try again in a minute. If it lasts, tell the person who runs this server.",
)
.offering(PageAction::TryAgain);

/// The page of a refusal that a token or a code would have prevented.
const fn sign_in(headline: &'static str) -> PageText {
    PageText::new(
        headline,
        "This app cannot be signed in to from a browser or by a link: programs send it a token. Ask the person who runs \
         this server for one.",
    )
    .or_with_codes(
        "Enter the code or the enter link you were given. If you have none, ask the person who runs this server for one.",
    )
    .offering(PageAction::EnterCode)
}
