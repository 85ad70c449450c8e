//! What a row of the table of refusals says.

use http::StatusCode;

use super::fault::{PathRemedy, UpstreamFault};
use super::guard::Guard;
use super::limit::LimitExceeded;

/// What every refusal of one kind has in common.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The stable name, as in logs, metrics and bodies. Several kinds may share one.
    pub code: &'static str,
    /// The status of the answer.
    pub status: StatusCode,
    /// The first guard that refuses so; where several do, [`crate::pipeline::Trail::reached`] says which one did.
    pub guard: Guard,
    /// The connection cannot go on: where the next request would begin is not known, or the gateway wants it to end.
    pub closes: bool,
    /// What `WWW-Authenticate` says.
    pub challenge: Option<Challenge>,
    /// The reason in the reference, where the reason of one refusal says more than is true of all of its kind.
    pub listed: Option<&'static str>,
    /// What a page says to a person.
    pub page: PageText,
}

/// The `error` of a Bearer challenge (RFC 6750 §3, RFC 9470 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// The request has no credential, so there is no error to name.
    NoError,
    /// `invalid_token`
    InvalidToken,
    /// `insufficient_scope`
    InsufficientScope,
    /// `insufficient_user_authentication`
    InsufficientUserAuthentication,
}

/// What a page says of a refusal.
#[derive(Clone, Copy, Debug)]
pub struct PageText {
    /// What happened.
    pub headline: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// What to do where the app takes the codes of enter links.
    pub advice_with_codes: &'static str,
    /// What the page offers.
    pub action: PageAction,
}

/// What a page offers, where the app and the request allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageAction {
    /// Nothing.
    Nothing,
    /// To ask for the same address again.
    TryAgain,
    /// To enter a code.
    EnterCode,
    /// To see who is signed in.
    ShowUser,
    /// To take the tokens out of the browser.
    SignOut,
}

/// What may let a refused request pass: a change of the configuration, a command, or something else to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemedyKind<'a> {
    /// No line and no command: what to do instead.
    Advice(&'static str),
    /// Add the host to `hosts`.
    Host,
    /// List the method and the path.
    Route {
        /// What that opens besides, to be added to a sentence; may be empty.
        caution: &'static str,
    },
    /// Let the address in by `access`.
    Address,
    /// Change the key that decides about such a path.
    Path(PathRemedy),
    /// Raise `server.limits.uri_bytes`.
    UriBytes,
    /// Raise `server.limits.header_bytes` or `header_count`.
    HeaderBytes,
    /// Send a token, or make the route public.
    Token,
    /// Send another token.
    FreshToken,
    /// Make another enter link.
    FreshLink,
    /// Nothing: no key changes the gateway's own pages.
    GatewayPage,
    /// Add a role of the caller to `roles`.
    Role,
    /// Send a token that has the scopes.
    Scope,
    /// Let a role of the caller stand in for the owner.
    Owner,
    /// Send a token that says that a second factor was used.
    SecondFactor,
    /// Add the origin to `cors.origins`.
    Origin,
    /// Allow WebSockets.
    Websocket,
    /// Allow bodies of GET and HEAD.
    BodyOfGet,
    /// Raise `body.max`.
    BodySize {
        /// The cap in bytes.
        max: u64,
    },
    /// Raise this limit.
    Limit(&'a LimitExceeded),
    /// Look after the app.
    App(UpstreamFault),
}

impl PageText {
    /// A page that offers nothing.
    pub(super) const fn new(headline: &'static str, advice: &'static str) -> Self {
        Self { headline, advice, advice_with_codes: advice, action: PageAction::Nothing }
    }

    /// The page with another advice where the app takes codes.
    pub(super) const fn or_with_codes(self, advice_with_codes: &'static str) -> Self {
        Self { advice_with_codes, ..self }
    }

    /// The page with something that it offers.
    pub(super) const fn offering(self, action: PageAction) -> Self {
        Self { action, ..self }
    }
}
