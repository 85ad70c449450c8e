//! The user of a request: the one that its token names, and when the token expires.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::denial::Denial;
use crate::guard::caller::{Accepted, AuthPolicy};
use crate::guard::jwt::TokenCache;
use crate::policy::App;
use crate::request::Head;
use crate::tls::ClientCertificate;

/// The most cookies of one request that are verified.
const COOKIES_MAX: usize = 8;

/// Whether a user is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInState {
    /// A user is signed in.
    SignedIn {
        /// The user that the token names.
        user: Arc<str>,
        /// When the token expires, since the epoch.
        expires: Duration,
    },
    /// No user is signed in, for this reason.
    SignedOut(Denial),
    /// No route of the app asks who its callers are.
    NotRequired,
}

/// The user of a request, or of the certificate that was `shown` on its connection, by the authentication of the app's routes: one try for each list of providers.
#[must_use]
pub fn sign_in_state(
    app: &App,
    head: &Head<'_>,
    shown: Option<&ClientCertificate>,
    now: Now,
    tokens: &TokenCache,
) -> SignInState {
    let mut refusal: Option<Denial> = None;
    for auth in distinct(app) {
        match auth.authenticate(head, shown, now, tokens) {
            Ok(caller) => {
                if let Some((user, expires)) = caller.user().cloned().zip(caller.expires()) {
                    return SignInState::SignedIn { user, expires };
                }
                refusal.get_or_insert(Denial::TokenMissing);
            }
            // A missing token is the least informative reason.
            Err(denial) if refusal.as_ref().is_none_or(|known| *known == Denial::TokenMissing) => {
                refusal = Some(denial);
            }
            Err(_) => {}
        }
    }
    refusal.map_or(SignInState::NotRequired, SignInState::SignedOut)
}

/// Whether a code can sign a browser in: a cookie is a source of the app's tokens.
#[must_use]
pub fn accepts_codes(app: &App) -> bool {
    app.carriers.cookies().next().is_some()
}

/// Whether a cookie of the request names a user of the app.
///
/// Each cookie that may carry a token is verified alone, because a link can add any other credential to a request. At most
/// [`COOKIES_MAX`] cookies are verified, once for each list of providers; a request with more counts as one that names a user.
#[must_use]
pub fn is_signed_in_by_cookie(app: &App, head: &Head<'_>, now: Now, tokens: &TokenCache) -> bool {
    let mut found = app.carriers.in_cookies(head);
    let named =
        found.by_ref().take(COOKIES_MAX).any(|(cookie, token)| names_user(app, cookie, token, now, tokens));
    named || found.next().is_some()
}

fn names_user(app: &App, cookie: &str, token: &[u8], now: Now, tokens: &TokenCache) -> bool {
    let names = |auth: &&AuthPolicy| {
        auth.authenticate_cookie(cookie, token, now, tokens).is_ok_and(|caller| caller.user().is_some())
    };
    distinct(app).iter().any(names)
}

/// The `auth` of the app's routes that ask who the caller is, one for each list of providers.
fn distinct(app: &App) -> Vec<&AuthPolicy> {
    let mut found: Vec<&AuthPolicy> = Vec::new();
    for route in app.routes.all() {
        let Some(asked) = route.auth.accepted() else { continue };
        let is_known =
            || found.iter().filter_map(|other| other.accepted()).any(|other| are_same(other, asked));
        if asked.names().next().is_some() && !is_known() {
            found.push(&route.auth);
        }
    }
    found
}

fn are_same(one: &Accepted, other: &Accepted) -> bool {
    let (tokens, others) = (&one.tokens, &other.tokens);
    one.certificates == other.certificates
        && tokens.len() == others.len()
        && tokens.iter().zip(others.iter()).all(|(a, b)| Arc::ptr_eq(&a.provider, &b.provider))
}
