//! An app made of a table of endpoints.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

/// A row of the table; what else stands there is not the app's concern.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Endpoint {
    /// Segments, `{parameters}`, and a last `{*rest}`.
    path: String,
    /// `*` is any, `WEBSOCKET` a handshake.
    methods: Vec<String>,
}

/// A request that came to its end, one way or the other.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// Its method.
    pub(crate) method: String,
    /// Its path, as it came.
    pub(crate) path: String,
    /// How it was answered; 400 where its body broke off.
    pub(crate) status: u16,
    /// Bytes of its body.
    pub(crate) bytes: usize,
}

/// Is told of every request.
pub(crate) type Told = Arc<dyn Fn(Served) + Send + Sync>;

/// Reads a table.
pub(crate) fn read(text: &str) -> serde_json::Result<Vec<Endpoint>> {
    serde_json::from_str(text)
}

/// Answers the listed endpoints with 200 and what was seen of the request, everything else with 404.
pub(crate) fn router(endpoints: Vec<Endpoint>, told: Told) -> Router {
    Router::new().fallback(serve).with_state(Arc::new(App { endpoints, told }))
}

struct App {
    endpoints: Vec<Endpoint>,
    told: Told,
}

async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let seen = seen(&parts.headers);
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.ok();
    let asked = if upgrade.is_some() { "WEBSOCKET" } else { method.as_str() };
    let listed = app.endpoints.iter().any(|endpoint| endpoint.answers(asked, &path));
    let (complete, bytes) = count(body).await;
    let mut response = match (upgrade, listed, complete) {
        (_, _, false) => StatusCode::BAD_REQUEST.into_response(),
        (_, false, true) => (StatusCode::NOT_FOUND, Json(json!({ "path": path }))).into_response(),
        (Some(upgrade), true, true) => upgrade.on_upgrade(echo),
        (None, true, true) => Json(json!({
            "method": method, "path": path, "query": parts.uri.query(), "headers": seen, "body": bytes,
        }))
        .into_response(),
    };
    (app.told)(Served { method, path, status: response.status().as_u16(), bytes });
    // What the real ones say of themselves, and to whom they let browsers show it.
    let fields = response.headers_mut();
    fields.insert(header::SERVER, HeaderValue::from_static("stand-in/1.0"));
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

impl Endpoint {
    fn answers(&self, method: &str, path: &str) -> bool {
        let head = method == Method::HEAD.as_str();
        let listed = |one: &String| one == method || one == "*" || (head && one == Method::GET.as_str());
        self.methods.iter().any(listed) && self.covers(path)
    }

    fn covers(&self, path: &str) -> bool {
        let mut given = path.split('/');
        for wanted in self.path.split('/') {
            if wanted.starts_with("{*") {
                return given.next().is_some();
            }
            let matches = match given.next() {
                Some(segment) if wanted.starts_with('{') => !segment.is_empty(),
                segment => segment == Some(wanted),
            };
            if !matches {
                return false;
            }
        }
        given.next().is_none()
    }
}

/// Credentials, and what a proxy says of the client and the caller.
fn seen(fields: &HeaderMap) -> Map<String, Value> {
    let told = |name: &str| name.starts_with("x-") || matches!(name, "authorization" | "cookie" | "host");
    fields
        .iter()
        .filter(|(name, _)| told(name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect()
}

/// Reads a body; whether it came to its end, and its bytes.
async fn count(body: Body) -> (bool, usize) {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return (false, bytes) };
        bytes += chunk.len();
    }
    (true, bytes)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
