//! The cookie in which an app accepts a token.

use std::sync::Arc;
use std::time::Duration;

use super::cookie::{COOKIE_MAX, is_cookie_octet};
use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::caller::AcceptedProvider;
use crate::guard::credential::TokenSource;
use crate::guard::jwt::TokenCache;
use crate::policy::App;

/// The cookie for a token, and what the token says.
#[derive(Debug)]
pub struct TokenCookie<'a> {
    /// The name of the cookie.
    pub cookie: &'a str,
    /// The user that the token names.
    pub user: Arc<str>,
    /// When the token expires, since the epoch.
    pub expires: Duration,
}

/// Why an app accepts a token in no cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoTokenCookie {
    /// No route of the app reads a token.
    NotRequired,
    /// No cookie is a source of the app's tokens.
    NoCookieSource {
        /// The table that says where its tokens are read.
        table: String,
        /// The sources that it names.
        sources: Arc<[TokenSource]>,
    },
    /// The app would refuse the token.
    Refused(Denial),
    /// A browser would not store a cookie of that size.
    TooLarge {
        /// Bytes of its name and value.
        bytes: usize,
    },
}

/// Finds the cookie in which `app` accepts `token`, by authenticating with it as a browser would.
///
/// # Errors
/// The app accepts it in no cookie.
pub fn token_cookie<'a>(
    app: &'a App,
    token: &[u8],
    now: Now,
    tokens: &TokenCache,
) -> Result<TokenCookie<'a>, NoTokenCookie> {
    let asking = || {
        app.routes
            .all()
            .map(|route| &route.auth)
            .filter_map(|auth| Some((auth, auth.token_providers().first()?)))
    };
    let Some((_, accepted_provider)) = asking().next() else { return Err(NoTokenCookie::NotRequired) };
    // Such a value makes no cookie or another one: an empty value counts as none, spaces are cut off.
    if token.is_empty() || !token.iter().all(|byte| is_cookie_octet(*byte)) {
        return Err(NoTokenCookie::Refused(Denial::TokenInvalid(TokenFault::Malformed)));
    }
    let mut refusal = None;
    for cookie in app.carriers.cookies() {
        for (auth, _) in asking() {
            match auth.authenticate_cookie(cookie, token, now, tokens) {
                Ok(caller) => {
                    // The route reads no token there, and needs none.
                    let Some((user, expires)) = caller.user().cloned().zip(caller.expires()) else {
                        continue;
                    };
                    let bytes = cookie.len() + token.len();
                    if bytes > COOKIE_MAX {
                        return Err(NoTokenCookie::TooLarge { bytes });
                    }
                    return Ok(TokenCookie { cookie, user, expires });
                }
                // The route reads other cookies.
                Err(Denial::TokenMissing) => {}
                Err(denial) => refusal = refusal.or(Some(denial)),
            }
        }
    }
    Err(refusal.map_or_else(|| no_cookie(app, accepted_provider), NoTokenCookie::Refused))
}

fn no_cookie(app: &App, accepted_provider: &AcceptedProvider) -> NoTokenCookie {
    // Where the app or its profile says nothing, it shares the list of its provider.
    let table = if Arc::ptr_eq(&accepted_provider.sources, &accepted_provider.provider.sources) {
        format!("auth.{}", accepted_provider.provider.name)
    } else {
        format!("app.{}", app.name)
    };
    NoTokenCookie::NoCookieSource { table, sources: Arc::clone(&accepted_provider.sources) }
}

impl std::fmt::Display for NoTokenCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRequired => f.write_str("the app asks nobody who they are: it needs no link"),
            Self::NoCookieSource { table, sources } => {
                f.write_str("no cookie carries the app's tokens; hint: write `sources = [")?;
                sources.iter().try_for_each(|source| write!(f, "\"{source}\", "))?;
                write!(f, "\"cookie:stagedoor\"]` in [{table}]")
            }
            Self::Refused(denial) => write!(f, "the app would refuse this token: {denial}"),
            Self::TooLarge { bytes } => write!(
                f,
                "a browser keeps no cookie over {COOKIE_MAX} bytes; hint: fewer roles and scopes; with this token: `{bytes}`"
            ),
        }
    }
}
