//! The operator's listener: liveness, readiness, metrics, reload, refusals.
//!
//! It reads heads with the same strict parser and answers with the same writer as the public door,
//! one request a connection. `/live`, `/ready` and `/metrics` are open on loopback; `/api/v1/*`
//! always wants the token. A `Host` that is a public name is refused (DNS rebinding).

mod answer;
mod ends;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stagedoor_core::denial::{Denial, TokenFault};
use stagedoor_core::guard::gateway_pages;
use stagedoor_core::head::HeadLimits;
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::policy::AdminPolicy;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Framing, Head};
use stagedoor_core::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use self::answer::{Answer, refusal};
use self::ends::Ends;
use crate::config_file_state::ConfigFileState;
use crate::edge::adapt;
use crate::edge::line::{Heard, Line};
use crate::edge::request_id;
use crate::enter_links::{self, EnterLinkError};
use crate::gateway::Gateway;
use crate::recent_refusals::RequestId;
use crate::reload::{Reloader, Trigger};
use crate::stage::Stage;
use crate::{status, why};

const LIMITS: HeadLimits = HeadLimits { bytes: 16 * 1024, count: 64, uri: 2 * 1024 };
/// For the first byte of a head.
const SILENCE: Duration = Duration::from_secs(2);
/// For the rest of it, and for a document.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a document that is sent here.
const DOCUMENT_MAX: u64 = 16 * 1024;
/// Connections at once that have no answer yet. One more takes the place of the oldest that has not brought a head; where
/// all have, it waits: for those who have the token alone, since others are answered at once.
const CONNECTIONS: usize = 64;
/// Questions why that are answered at once, each a compilation: more wait for their turn.
const QUESTIONS: usize = 1;

/// The listener's own state.
pub(crate) struct Admin {
    gateway: Arc<Gateway>,
    reloader: Arc<Reloader>,
    /// It listens on an address that only this machine reaches.
    loopback: bool,
    /// Never leaves the serving stage: the listener answers until the process ends.
    open: watch::Sender<Stage>,
    questions: Arc<Semaphore>,
    ends: Ends,
}

/// Accepts until the process ends.
pub(crate) async fn accept(listener: TcpListener, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // From the oldest to the newest; each is closed once its head is there.
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
            admin.serve(Line::new(tcp), place, told_to_leave).await;
        });
    }
}

impl Admin {
    pub(crate) fn new(gateway: Arc<Gateway>, reloader: Arc<Reloader>, loopback: bool) -> Self {
        let (open, questions) = (watch::Sender::new(Stage::Serving), Arc::new(Semaphore::new(QUESTIONS)));
        Self { gateway, reloader, loopback, open, questions, ends: Ends::default() }
    }

    async fn serve(&self, mut line: Line, place: OwnedSemaphorePermit, told_to_leave: oneshot::Receiver<()>) {
        let mut open = self.open.subscribe();
        let heard = tokio::select! {
            biased;
            heard = line.hear(&LIMITS, SILENCE, PATIENCE, &mut open) => heard,
            Ok(()) = told_to_leave => return,
        };
        let request_id = request_id::fresh(self.gateway.now().unix());
        let bytes = match heard {
            Heard::Silence => return,
            Heard::Fault(denial) => self.bytes(refusal(&denial, &request_id), false),
            Heard::Head => self.answer(&mut line, &request_id).await,
        };
        let end = self.ends.enter();
        drop(place);
        end.see_off(line, &bytes, &mut open).await;
    }

    async fn answer(&self, line: &mut Line, request_id: &str) -> Vec<u8> {
        // The head is read where it lies, while what follows it is still to come.
        let buffer = std::mem::take(&mut line.buffer);
        let head = match head::parse(&buffer, &LIMITS) {
            Ok(Parsed::Complete(head)) => head,
            Ok(Parsed::Partial) => {
                return self.bytes(refusal(&Denial::BadRequest("unreadable head"), request_id), false);
            }
            Err(denial) => return self.bytes(refusal(&denial, request_id), false),
        };
        let early = buffer.get(head.length()..).unwrap_or_default();
        let reply = match self.decide(&head, early, line, request_id).await {
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
        head: &Head<'_>,
        early: &[u8],
        line: &mut Line,
        request_id: &str,
    ) -> Result<Answer, Denial> {
        let live = self.gateway.live();
        let policy = &live.policy.admin;
        if !is_private_name(head.host(), &policy.hosts) {
            return Err(Denial::UnknownHost);
        }
        let path = std::str::from_utf8(head.raw_path()).map_err(|_| Denial::NotFound)?;
        match path {
            "/live" => readable(head).map(|()| Answer::text(StatusCode::OK, "live\n")),
            "/ready" => {
                readable(head)?;
                Ok(match self.gateway.stage() {
                    Stage::Serving => Answer::text(StatusCode::OK, &ready(&self.gateway.files())),
                    Stage::Draining | Stage::Closing => {
                        Answer::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
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
                Ok(Answer { status: StatusCode::OK, kind, body, retry_after: None })
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
                let document = document(head, early, line).await?;
                self.enter(&document, request_id)
            }
            "/api/v1/status" => {
                authorised(head, policy)?;
                readable(head)?;
                Ok(Answer::json(StatusCode::OK, &status::of(&self.gateway)))
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

    async fn reload(&self) -> Answer {
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
        Answer::json(status, &body)
    }

    /// One refusal, or the newest. A proposal is compiled before it is told: not on the threads that serve.
    async fn why(&self, id: Option<RequestId>, request_id: &str) -> Result<Answer, Denial> {
        let (gateway, reloader) = (Arc::clone(&self.gateway), Arc::clone(&self.reloader));
        let unmade = Denial::Internal("the answer cannot be made");
        let turn = Arc::clone(&self.questions).acquire_owned().await.map_err(|_| unmade.clone())?;
        let told = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match id {
                Some(id) => why::one(&gateway, &reloader, id).map(serde_json::to_value),
                None => Some(serde_json::to_value(why::newest(&gateway))),
            }
        });
        match told.await {
            Ok(Some(Ok(body))) => Ok(Answer::json(StatusCode::OK, &body)),
            Ok(None) => Ok(Answer::unknown_request(request_id)),
            Ok(Some(Err(_))) | Err(_) => Err(unmade),
        }
    }

    /// Makes an enter link.
    fn enter(&self, document: &Secret<Vec<u8>>, request_id: &str) -> Result<Answer, Denial> {
        let wish: Wish = serde_json::from_slice(document.expose())
            .map_err(|_| Denial::BadRequest("not a JSON object with a `token`, and perhaps an `app`"))?;
        let token = Secret::new(wish.token.into_bytes());
        let live = self.gateway.live();
        let made = self.gateway.links.make(&live.policy, wish.app.as_deref(), token, self.gateway.now());
        Ok(match made {
            Ok(link) => {
                let listen: Vec<String> = self.gateway.listening().iter().map(ToString::to_string).collect();
                let body = serde_json::json!({
                    "code": link.code.expose(),
                    "path": gateway_pages::ENTER,
                    "expires_in": enter_links::LIFE.as_secs(),
                    "app": &*link.app.name,
                    "hosts": link.app.hosts,
                    "listen": listen,
                    "needs_https": link.needs_https,
                });
                Answer::json(StatusCode::CREATED, &body)
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
                Answer { retry_after, ..Answer::problem(status, code, &error.to_string(), request_id) }
            }
        })
    }
}

/// What `/api/v1/enter` is asked.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    app: Option<String>,
    token: String,
}

/// The JSON document of a request, whole. `early`: what of it came with the head.
async fn document(head: &Head<'_>, early: &[u8], line: &mut Line) -> Result<Secret<Vec<u8>>, Denial> {
    let length = match head.framing() {
        Framing::Length(length @ ..=DOCUMENT_MAX) => usize::try_from(length).unwrap_or(0),
        Framing::Length(_) => return Err(Denial::BodyTooLarge { max: DOCUMENT_MAX }),
        Framing::None | Framing::Chunked => {
            return Err(Denial::BadRequest("a body with a declared length is expected"));
        }
    };
    let kind = head.sole_text("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(Denial::MediaType);
    }
    let early = early.get(..length).unwrap_or(early);
    if head.expects_continue() && early.is_empty() && !line.go_on().await {
        return Err(Denial::BadRequest("the body ends in the middle"));
    }
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(early);
    let read = line.take_body(&mut body, length - early.len(), PATIENCE).await;
    let body = Secret::new(body);
    read.map(|()| body)
}

/// The `id` of the query; `None` where there is no query at all.
fn asked_id(head: &Head<'_>) -> Result<Option<RequestId>, Denial> {
    let Some(query) = head.raw_query().filter(|query| !query.is_empty()) else { return Ok(None) };
    let id = query.strip_prefix(b"id=").and_then(|id| RequestId::parse(std::str::from_utf8(id).ok()?));
    id.map(Some).ok_or(Denial::BadRequest("the query is not `id=` and a request id"))
}

/// Ready, whatever the files say: the policy in force decides. This is open to whoever reaches the listener, so it tells
/// no more than how many changes wait.
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

/// Addresses, `localhost` and single labels cannot be rebound by a public DNS name.
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
