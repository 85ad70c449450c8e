//! Enter links: one-time codes that sign a user in to an app in a browser.
//!
//! A code stands for a token. When the code is used, the browser gets the token as a cookie. Codes are in the memory of this
//! process: they survive a reload, not a restart. Only the SHA-256 of a code is kept; the token is a [`Secret`]. Bounds:
//! [`CAP`] open links, each for [`LIFE`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_core::clock::Now;
use stagedoor_core::guard::gateway_pages;
use stagedoor_core::policy::{App, Policy};
use stagedoor_core::request::Scheme;
use stagedoor_core::secret::Secret;
use stagedoor_core::sign_in::{self, NoTokenCookie};

use crate::materials::random;

/// How long a code is valid.
pub(crate) const LIFE: Duration = Duration::from_secs(10 * 60);
/// The most links that are open at once.
const CAP: usize = 1_000;

/// The open links.
#[derive(Debug, Default)]
pub(crate) struct EnterLinks(Mutex<HashMap<CodeHash, OpenLink>>);

type CodeHash = [u8; 32];

/// A link that has not been used.
#[derive(Debug)]
struct OpenLink {
    app: Arc<str>,
    token: Secret<Vec<u8>>,
    /// Its end, as time since the process started.
    until: Duration,
}

/// A link that was made.
#[derive(Debug)]
pub(crate) struct EnterLink {
    pub(crate) code: Secret<String>,
    pub(crate) app: Arc<App>,
    /// Browsers accept its cookie over https only.
    pub(crate) needs_https: bool,
}

/// Why no link is made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EnterLinkError {
    /// No app has this name.
    NoSuchApp(Vec<String>),
    /// There are several apps, and none is named.
    WhichApp(Vec<String>),
    /// The app does not accept the token from a browser.
    Misfit(NoTokenCookie),
    /// Too many are open.
    Full {
        /// Time until the next one expires.
        until_next: Duration,
    },
}

impl EnterLinks {
    /// A new code for `token` at the app of this name.
    fn issue(
        &self,
        app: &Arc<str>,
        token: Secret<Vec<u8>>,
        now: Now,
    ) -> Result<Secret<String>, EnterLinkError> {
        let bytes = Secret::new(random::<32>());
        let code = Secret::new(URL_SAFE_NO_PAD.encode(bytes.expose()));
        let mut open = self.lock();
        open.retain(|_, link| link.until > now.mono());
        if open.len() >= CAP {
            let next = open.values().map(|link| link.until).min().unwrap_or_default();
            return Err(EnterLinkError::Full { until_next: next.saturating_sub(now.mono()) });
        }
        let until = now.mono().saturating_add(LIFE);
        open.insert(hashed(code.expose().as_bytes()), OpenLink { app: Arc::clone(app), token, until });
        Ok(code)
    }

    /// Creates a link for `token` to the app of this name, or to the only app.
    pub(crate) fn make(
        &self,
        policy: &Policy,
        app: Option<&str>,
        token: Secret<Vec<u8>>,
        now: Now,
    ) -> Result<EnterLink, EnterLinkError> {
        let app = choose(policy, app)?;
        let fit = sign_in::token_cookie(app, token.expose(), now, &policy.tokens)
            .map_err(EnterLinkError::Misfit)?;
        let needs_https = sign_in::cookie_needs_https(fit.cookie);
        let code = self.issue(&app.name, token, now)?;
        tracing::info!(app = %app.name, user = %fit.user, "an enter link was made");
        Ok(EnterLink { code, app: Arc::clone(app), needs_https })
    }

    /// The token of a code, which stays valid.
    pub(crate) fn look(&self, app: &str, code: &[u8], now: Now) -> Option<Secret<Vec<u8>>> {
        let open = self.lock();
        let link = open.get(&hashed(code)).filter(|link| &*link.app == app && link.until > now.mono())?;
        Some(Secret::new(link.token.expose().clone()))
    }

    /// The token of a code, which is used up. Both happen under one lock: of two requests with one code, one gets the token.
    pub(crate) fn redeem(&self, app: &str, code: &[u8], now: Now) -> Option<Secret<Vec<u8>>> {
        let digest = hashed(code);
        let mut open = self.lock();
        // A code of another app stays valid there.
        if &*open.get(&digest)?.app != app {
            return None;
        }
        let link = open.remove(&digest)?;
        (link.until > now.mono()).then_some(link.token)
    }

    /// A poisoned lock is used all the same: no code that holds it panics.
    fn lock(&self) -> MutexGuard<'_, HashMap<CodeHash, OpenLink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn choose<'p>(policy: &'p Policy, named: Option<&str>) -> Result<&'p Arc<App>, EnterLinkError> {
    let names = || policy.apps.iter().map(|app| app.name.to_string()).collect();
    match (named, &*policy.apps) {
        (Some(name), apps) => {
            apps.iter().find(|app| &*app.name == name).ok_or_else(|| EnterLinkError::NoSuchApp(names()))
        }
        (None, [app]) => Ok(app),
        (None, _) => Err(EnterLinkError::WhichApp(names())),
    }
}

fn hashed(code: &[u8]) -> CodeHash {
    let mut out = CodeHash::default();
    out.copy_from_slice(digest(&SHA256, code).as_ref());
    out
}

impl EnterLinkError {
    /// `Retry-After`, where waiting helps.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Full { until_next } => Some(until_next.as_secs().saturating_add(1)),
            Self::NoSuchApp(_) | Self::WhichApp(_) | Self::Misfit(_) => None,
        }
    }
}

impl std::fmt::Display for EnterLinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchApp(names) => write!(f, "no app has this name; there are: `{}`", names.join("`, `")),
            Self::WhichApp(names) => {
                write!(f, "there are several apps; hint: `--app` and one of: `{}`", names.join("`, `"))
            }
            Self::Misfit(misfit) => write!(f, "{misfit}"),
            Self::Full { .. } => write!(
                f,
                "too many links are open; hint: wait until some are used, or {} seconds; open: `{CAP}`",
                self.retry_after().unwrap_or_default()
            ),
        }
    }
}

/// The address of a link, as `base/.stagedoor/enter#CODE`.
#[must_use]
pub(crate) fn address(base: &str, code: &str) -> Secret<String> {
    Secret::new(format!("{base}{}#{code}", gateway_pages::ENTER))
}

/// The base address at which a browser on this machine reaches an app with these `hosts` by this scheme and port; `None` if all
/// hosts are wildcards.
#[must_use]
pub(crate) fn base(hosts: &[String], scheme: Scheme, port: u16) -> Option<String> {
    let host = hosts.iter().find(|host| !host.contains('*'))?;
    let bare = host.parse::<std::net::Ipv6Addr>().is_ok();
    let host = if bare { format!("[{host}]") } else { host.clone() };
    let port = if port == scheme.default_port() { String::new() } else { format!(":{port}") };
    Some(format!("{}://{host}{port}", scheme.as_str()))
}

#[cfg(test)]
mod tests;
