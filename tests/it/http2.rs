//! Clients that speak HTTP/2, over TLS, and over plain connections with prior knowledge: what they are answered, and what they may try.

use crate::harness::{Gateway, Upstream};

pub(crate) mod attacks;
pub(crate) mod exchanges;
mod malformed;
mod proxies;
mod rules;
mod tls;
mod websockets;

const CONFIG: &str = r#"
[server]
h2c = ["127.0.0.1:0"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// A gateway before `app` that takes HTTP/2, with these further lines of `[server]` and of the app.
fn gateway(app: &Upstream, server: &str, of_app: &str) -> Gateway {
    let config = CONFIG.replace("[server]\n", &format!("[server]\n{server}"));
    Gateway::before(app, &format!("{config}{of_app}"))
}
