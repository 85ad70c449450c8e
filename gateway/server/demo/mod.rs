//! The sample media app of `stagedoor demo`, without any defence, and the configuration of the gateway in front of it.
//!
//! It is part of the production binary, because `stagedoor demo` is the first thing that the image and `deploy/quickstart`
//! show, and one binary shows what one installs. The price: axum, with hyper and tungstenite, is there for the demo alone, 23
//! of 248 crates and 0.9 MB of 17.5 MB (profile `quick`, stripped). None of that code runs without `stagedoor demo`, which
//! listens on loopback and is confined like the gateway. A server of its own making would be more to maintain than that.

use axum::serve::ListenerExt as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

mod api;
mod clip;
mod film;

/// The app, listening on a free port of loopback.
#[derive(Debug)]
pub struct SampleApp {
    listener: tokio::net::TcpListener,
    runtime: tokio::runtime::Runtime,
    /// Where it listens.
    pub address: SocketAddr,
}

impl SampleApp {
    /// Binds a port. The app does not answer yet.
    ///
    /// # Errors
    /// No port can be bound, or the runtime cannot be started.
    pub fn bind() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, runtime, address })
    }

    /// Serves on a thread of its own, until the process ends.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(self) -> io::Result<()> {
        let Self { listener, runtime, address: _ } = self;
        std::thread::Builder::new().name("demo-app".into()).spawn(move || {
            if let Err(error) = runtime.block_on(async {
                axum::serve(
                    listener.tap_io(|tcp| {
                        let _ = tcp.set_nodelay(true);
                    }),
                    api::router(),
                )
                .await
            }) {
                tracing::error!(%error, "the sample app stopped");
            }
        })?;
        Ok(())
    }
}

/// The configuration of the gateway in front of the app at `upstream`, listening on `listen`. Its paths are relative to a
/// folder that only the demo uses.
#[must_use]
pub fn config_text(upstream: SocketAddr, listen: SocketAddr) -> String {
    format!(
        r#"version = 1

[server]
listen = ["{listen}"]

[admin]
listen = "127.0.0.1:0"

[state]
dir = "state"

[log]
level  = "warn"
format = "text"

[auth.house]
kind     = "jwt"
keys     = [{{ secret = {{ file = "state/jwt_secret", generate = true }} }}]
issuer   = "stagedoor"
audience = ["demo"]
sources  = ["bearer", "cookie:stagedoor"]

[app.demo]
hosts    = ["localhost", "127.0.0.1"]
upstream = {{ urls = ["http://{upstream}"] }}
auth     = "required"
limit.ip = ["200/s burst 2000"]
body.max = "1MiB"

[app.demo.headers]
csp = {{ mode = "enforce", policy = {{ default-src = ["'self'"] }} }}

[[app.demo.route]]
match = ["GET /", "GET /app.js", "GET /app.css", "GET /icon.svg", "GET /api/health"]
name  = "page"
auth  = "public"

[[app.demo.route]]
match      = "POST /api/downloads"
limit.user = ["3/min"]
body.max   = "16KiB"

[[app.demo.route]]
match    = "POST /api/upload"
body.max = "64MiB"

[[app.demo.route]]
match = "* /api/admin/{{*rest}}"
roles = ["admin"]
"#
    )
}

/// The text that is printed once the gateway listens: a link for the browser, and four lines to paste.
#[must_use]
pub fn lines(upstream: SocketAddr, listen: SocketAddr, token: &str, link: &str) -> String {
    let curl = "curl -si";
    let bearer = format!("-H 'Authorization: Bearer {token}'");
    let start =
        format!(r#"{bearer} -H 'Content-Type: application/json' -d '{{"url":"http://localhost/film"}}'"#);
    let downloads = format!("http://{listen}/api/downloads");
    format!(
        "
An app without any defence listens on http://{upstream}, and Stagedoor in front of it on http://{listen}

In a browser, for the next hour; open it within ten minutes, it works once:
{link}

Without a token it is refused, 401:
{curl} {downloads}

With one it is allowed, 200:
{curl} {bearer} {downloads}

The fourth download within a minute is one too many, 429:
curl -s -o /dev/null {start} '{downloads}?try=[1-3]' --next -si {start} {downloads}

A body over the cap of its route is too large, 413:
{curl} {bearer} -d \"$(printf '%020000d' 0)\" {downloads}

"
    )
}

#[cfg(test)]
mod tests;
