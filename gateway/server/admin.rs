//! The admin listener: liveness, readiness, metrics, reload, refusals, enter links, revocations.
//!
//! It uses the parser and the writer of the public listeners, and serves one request for each connection. `/live`, `/ready`
//! and `/metrics` need no token on loopback; `/api/v1/*` always needs the admin token. A `Host` that is a public name is
//! refused, against DNS rebinding.

mod answer;
mod closing;
mod revocations;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stagedoor_core::denial::{Denial, TokenFault};
use stagedoor_core::guard::gateway_pages;
use stagedoor_core::guard::https::PlainHttpPolicy;
use stagedoor_core::head::HeadLimits;
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::policy::{AdminPolicy, Policy};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Head, Http1Meta, RequestBody, Scheme};
use stagedoor_core::secret::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use self::answer::{AdminAnswer, refusal};
use self::closing::ClosingConnections;
use crate::config_file_state::ConfigFileState;
use crate::edge::adapt;
use crate::edge::client::http1::{Connection, HeadRead};
use crate::edge::request_id;
use crate::edge::stage_watch::StageWatch;
use crate::edge::timer::Timer;
use crate::enter_links::{self, EnterLinkError};
use crate::gateway::Gateway;
use crate::recent_refusals::RequestId;
use crate::reload::{Reloader, Trigger};
use crate::stage::Stage;
use crate::{certificates, status, why};

const LIMITS: HeadLimits = HeadLimits { bytes: 16 * 1024, count: 64, uri: 2 * 1024 };
/// Deadline for the first byte of a head.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Deadline for the rest of a head, and for a document.
const REST: Duration = Duration::from_secs(10);
/// The most bytes of a request document.
const DOCUMENT_MAX: u64 = 16 * 1024;
/// The most connections without an answer. One more replaces the oldest that has not sent a head. Where all have sent one, it
/// waits; then all of them have the token, because a request without it is answered at once.
const CONNECTIONS: usize = 64;
/// How many answers of `why` are made at the same time: each one compiles a configuration.
const QUESTIONS: usize = 1;

/// The state of the admin listener.
pub(crate) struct AdminListener {
    gateway: Arc<Gateway>,
    reloader: Arc<Reloader>,
    /// It listens on a loopback address.
    loopback: bool,
    /// A stage that never leaves `Serving`: the listener answers until the process ends.
    open: watch::Sender<Stage>,
    questions: Arc<Semaphore>,
    closing: ClosingConnections,
}

/// Accepts connections until the process ends.
pub(crate) async fn accept(listener: TcpListener, admin: Arc<AdminListener>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Connections that have not sent a head yet, oldest first.
    let mut unheard: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        unheard.retain(|connection| !connection.is_closed());
        if places.available_permits() == 0 {
            while unheard.pop_front().is_some_and(|oldest| oldest.send(()).is_err()) {}
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (leave, told_to_leave) = oneshot::channel();
        unheard.push_back(leave);
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            admin.serve(Connection::new(tcp), place, told_to_leave).await;
        });
    }
}

impl AdminListener {
    pub(crate) fn new(gateway: Arc<Gateway>, reloader: Arc<Reloader>, loopback: bool) -> Self {
        let (open, questions) = (watch::Sender::new(Stage::Serving), Arc::new(Semaphore::new(QUESTIONS)));
        Self { gateway, reloader, loopback, open, questions, closing: ClosingConnections::default() }
    }

    async fn serve(
        &self,
        mut connection: Connection<TcpStream>,
        place: OwnedSemaphorePermit,
        told_to_leave: oneshot::Receiver<()>,
    ) {
        let mut open = self.open.subscribe();
        let mut timer = Timer::new(self.gateway.started());
        let mut stage = StageWatch::new(open.clone());
        let read = async {
            if !connection.begin_head(FIRST_BYTE, &mut timer, &mut stage).await {
                return HeadRead::Closed;
            }
            connection.read_head(LIMITS, REST).await
        };
        let read = tokio::select! {
            biased;
            read = read => read,
            Ok(()) = told_to_leave => return,
        };
        let request_id = request_id::fresh(self.gateway.now().unix());
        let bytes = match read {
            HeadRead::Closed => return,
            HeadRead::Refused(denial) => self.bytes(refusal(&denial, &request_id), false),
            HeadRead::Complete => self.answer(&mut connection, &request_id).await,
        };
        let slot = self.closing.enter();
        drop(place);
        slot.finish(connection, &bytes, &mut open).await;
    }

    async fn answer(&self, connection: &mut Connection<TcpStream>, request_id: &str) -> Vec<u8> {
        // The head borrows the buffer while the body is still read from the connection.
        let buffer = std::mem::take(&mut connection.buffer);
        let (head, meta) = match head::parse(&buffer, &LIMITS, Scheme::Http) {
            Ok(Parsed::Complete(head, meta)) => (head, meta),
            Ok(Parsed::Partial) => {
                return self.bytes(refusal(&Denial::BadRequest("unreadable head"), request_id), false);
            }
            Err(denial) => return self.bytes(refusal(&denial, request_id), false),
        };
        let early = buffer.get(meta.length..).unwrap_or_default();
        let reply = match self.decide((&head, &meta), early, connection, request_id).await {
            Ok(answer) => answer.reply(request_id),
            Err(denial) => refusal(&denial, request_id),
        };
        self.bytes(reply, head.method() == "HEAD")
    }

    fn bytes(&self, reply: Reply, head_only: bool) -> Vec<u8> {
        adapt::to_h1(reply, self.gateway.now(), head_only, true)
    }

    async fn decide(
        &self,
        (head, meta): (&Head<'_>, &Http1Meta),
        early: &[u8],
        connection: &mut Connection<TcpStream>,
        request_id: &str,
    ) -> Result<AdminAnswer, Denial> {
        let live = self.gateway.live();
        let policy = &live.policy.admin;
        if !is_private_name(head.host(), &policy.hosts) {
            return Err(Denial::UnknownHost);
        }
        let path = std::str::from_utf8(head.raw_path()).map_err(|_| Denial::NotFound)?;
        match path {
            "/live" => readable(head).map(|()| AdminAnswer::text(StatusCode::OK, "live\n")),
            "/ready" => {
                readable(head)?;
                Ok(match self.gateway.stage() {
                    Stage::Serving => AdminAnswer::text(StatusCode::OK, &ready(&self.gateway.files())),
                    Stage::Draining | Stage::Closing => {
                        AdminAnswer::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
                    }
                })
            }
            "/metrics" => {
                readable(head)?;
                if !self.loopback && !policy.metrics_open {
                    authorised(head, policy)?;
                }
                let body = self.gateway.render_metrics(&live)?.into_bytes();
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                Ok(AdminAnswer { status: StatusCode::OK, kind, body, retry_after: None })
            }
            "/api/v1/reload" => {
                authorised(head, policy)?;
                if head.method() != "POST" {
                    return Err(Denial::MethodNotAllowed { allow: "POST".into() });
                }
                drop(live);
                Ok(self.reload().await)
            }
            "/api/v1/enter" => {
                authorised(head, policy)?;
                if head.method() != "POST" {
                    return Err(Denial::MethodNotAllowed { allow: "POST".into() });
                }
                drop(live);
                let document = document((head, meta), early, connection).await?;
                self.enter(&document, request_id)
            }
            "/api/v1/revocations" => {
                authorised(head, policy)?;
                match head.method() {
                    "GET" | "HEAD" => Ok(revocations::list(&self.gateway)),
                    "POST" => {
                        drop(live);
                        let document = document((head, meta), early, connection).await?;
                        revocations::revoke(&self.gateway, &document, request_id).await
                    }
                    _ => Err(Denial::MethodNotAllowed { allow: "GET, HEAD, POST".into() }),
                }
            }
            "/api/v1/status" => {
                authorised(head, policy)?;
                readable(head)?;
                Ok(AdminAnswer::json(StatusCode::OK, &status::of(&self.gateway)))
            }
            "/api/v1/certificates" => {
                authorised(head, policy)?;
                readable(head)?;
                let (all, faults) = (self.gateway.certificates.all(), self.gateway.certificates.faults());
                let certificates = all.iter().map(|served| &served.certificate);
                let document = certificates::listing(certificates, &faults, self.gateway.now().unix_secs());
                Ok(AdminAnswer::json(StatusCode::OK, &document))
            }
            "/api/v1/why" => {
                authorised(head, policy)?;
                readable(head)?;
                drop(live);
                self.why(asked_id(head)?, request_id).await
            }
            path if path.starts_with("/api/") => authorised(head, policy).and(Err(Denial::NotFound)),
            _ => Err(Denial::NotFound),
        }
    }

    async fn reload(&self) -> AdminAnswer {
        let (status, body) = match self.reloader.reload(Trigger::Asked).await {
            Ok(report) => (
                StatusCode::OK,
                serde_json::json!({
                    "reloaded": true,
                    "changes": report.changes,
                    "restart_needed": report.restart,
                    "warnings": report.warnings,
                }),
            ),
            Err(problems) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                serde_json::json!({ "reloaded": false, "problems": problems }),
            ),
        };
        AdminAnswer::json(status, &body)
    }

    /// Explains one refusal, or lists the newest. It compiles the change that it proposes, so it runs on a thread that may block.
    async fn why(&self, id: Option<RequestId>, request_id: &str) -> Result<AdminAnswer, Denial> {
        let (gateway, reloader) = (Arc::clone(&self.gateway), Arc::clone(&self.reloader));
        let unmade = Denial::Internal("the answer cannot be made");
        let turn = Arc::clone(&self.questions).acquire_owned().await.map_err(|_| unmade.clone())?;
        let answered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match id {
                Some(id) => why::one(&gateway, &reloader, id).map(serde_json::to_value),
                None => Some(serde_json::to_value(why::newest(&gateway))),
            }
        });
        match answered.await {
            Ok(Some(Ok(body))) => Ok(AdminAnswer::json(StatusCode::OK, &body)),
            Ok(None) => Ok(AdminAnswer::unknown_request(request_id)),
            Ok(Some(Err(_))) | Err(_) => Err(unmade),
        }
    }

    /// Creates an enter link.
    fn enter(&self, document: &Secret<Vec<u8>>, request_id: &str) -> Result<AdminAnswer, Denial> {
        let request: EnterRequest = serde_json::from_slice(document.expose())
            .map_err(|_| Denial::BadRequest("not a JSON object with a `token`, and perhaps an `app`"))?;
        let token = Secret::new(request.token.into_bytes());
        let live = self.gateway.live();
        let made = self.gateway.links.make(&live.policy, request.app.as_deref(), token, self.gateway.now());
        Ok(match made {
            Ok(link) => {
                let listen: Vec<String> =
                    self.gateway.listening().iter().map(|at| at.address.to_string()).collect();
                let body = serde_json::json!({
                    "code": link.code.expose(),
                    "path": gateway_pages::ENTER,
                    "expires_in": enter_links::LIFE.as_secs(),
                    "app": &*link.app.name,
                    "hosts": link.app.hosts,
                    "listen": listen,
                    "needs_https": link.needs_https,
                    "https_port": https_port(&live.policy),
                });
                AdminAnswer::json(StatusCode::CREATED, &body)
            }
            Err(error) => {
                let status = match error {
                    EnterLinkError::Full { .. } => StatusCode::SERVICE_UNAVAILABLE,
                    EnterLinkError::NoSuchApp(_)
                    | EnterLinkError::WhichApp(_)
                    | EnterLinkError::Misfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
                };
                let retry_after = error.retry_after();
                let code = if status.is_server_error() { "overloaded" } else { "link_refused" };
                AdminAnswer {
                    retry_after,
                    ..AdminAnswer::problem(status, code, &error.to_string(), request_id)
                }
            }
        })
    }
}

/// The port of https for browsers, where plain HTTP leads there.
fn https_port(policy: &Policy) -> Option<u16> {
    match policy.tls.plain_http() {
        PlainHttpPolicy::Serves => None,
        PlainHttpPolicy::Redirects { port } => Some(port),
    }
}

/// The request document of `/api/v1/enter`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EnterRequest {
    app: Option<String>,
    token: String,
}

/// The JSON document of a request. `early`: the bytes that came with the head.
async fn document(
    (head, meta): (&Head<'_>, &Http1Meta),
    early: &[u8],
    connection: &mut Connection<TcpStream>,
) -> Result<Secret<Vec<u8>>, Denial> {
    let length = match head.body() {
        RequestBody::Known(length @ 1..=DOCUMENT_MAX) => usize::try_from(length).unwrap_or(0),
        RequestBody::Known(1..) => return Err(Denial::BodyTooLarge { max: DOCUMENT_MAX }),
        RequestBody::None | RequestBody::Known(0) | RequestBody::Unknown => {
            return Err(Denial::BadRequest("a body with a declared length is expected"));
        }
    };
    let kind = head.sole_text("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(Denial::MediaType);
    }
    let early = early.get(..length).unwrap_or(early);
    if meta.expects_continue && early.is_empty() && !connection.send_continue().await {
        return Err(Denial::BadRequest("the body ends in the middle"));
    }
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(early);
    let read = connection.read_body(&mut body, length - early.len(), REST).await;
    let body = Secret::new(body);
    read.map(|()| body)
}

/// The `id` in the query; `None` without a query.
fn asked_id(head: &Head<'_>) -> Result<Option<RequestId>, Denial> {
    let Some(query) = head.raw_query().filter(|query| !query.is_empty()) else { return Ok(None) };
    let id = query.strip_prefix(b"id=").and_then(|id| RequestId::parse(std::str::from_utf8(id).ok()?));
    id.map(Some).ok_or(Denial::BadRequest("the query is not `id=` and a request id"))
}

/// The body of `/ready`. The gateway is ready whatever the files say, because the policy in force decides. No token is
/// needed for it, so it says only how many changes wait.
fn ready(files: &ConfigFileState) -> String {
    match files {
        ConfigFileState::InForce => "ready\n".to_owned(),
        ConfigFileState::Waiting(changes) => {
            let waiting = match changes.len() {
                1 => "1 change waits".to_owned(),
                several => format!("{several} changes wait"),
            };
            format!("ready\nconfiguration: {waiting} for `stagedoor reload`; `stagedoor status` names what\n")
        }
        ConfigFileState::Broken(_) => {
            "ready\nconfiguration: the files have mistakes, the old policy stays in force\n".to_owned()
        }
    }
}

fn readable(head: &Head<'_>) -> Result<(), Denial> {
    if matches!(head.method(), "GET" | "HEAD") {
        return Ok(());
    }
    Err(Denial::MethodNotAllowed { allow: "GET, HEAD".into() })
}

fn authorised(head: &Head<'_>, policy: &AdminPolicy) -> Result<(), Denial> {
    let Some(token) = &policy.token else { return Err(Denial::TokenMissing) };
    let value = head.sole_text("authorization").ok_or(Denial::TokenMissing)?;
    let (scheme, given) = value.split_once(' ').ok_or(Denial::TokenInvalid(TokenFault::Malformed))?;
    if scheme.eq_ignore_ascii_case("bearer") && token.matches(given.trim().as_bytes()) {
        return Ok(());
    }
    Err(Denial::TokenInvalid(TokenFault::Signature))
}

/// Whether a `Host` cannot be a public DNS name that was rebound to this machine: an address, `localhost`, a single label or
/// a listed name.
fn is_private_name(host: &str, listed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || listed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_names_are_refused_unless_listed() {
        let listed = ["gate.example.com".to_owned()];
        for (host, allowed) in [
            ("127.0.0.1:9901", true),
            ("[::1]:9901", true),
            ("localhost", true),
            ("localhost:9901", true),
            ("stagedoor:9901", true),
            ("gate.example.com:9901", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.example", false),
        ] {
            assert_eq!(is_private_name(host, &listed), allowed, "{host}");
        }
    }
}
