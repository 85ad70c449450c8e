//! The API of the sample app. It has the holes of the apps that this gateway protects: no authentication, every origin may
//! read everything, headers name the software, errors name its paths.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Json, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};

use super::{clip, film};

/// The routes of the app.
pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(|| page("text/html; charset=utf-8", include_str!("index.html"))))
        .route("/app.js", get(|| page("text/javascript; charset=utf-8", include_str!("app.js"))))
        .route("/app.css", get(|| page("text/css; charset=utf-8", include_str!("app.css"))))
        .route("/icon.svg", get(|| page("image/svg+xml", ICON)))
        .route("/api/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/api/downloads", get(downloads).post(download))
        .route("/api/upload", post(upload))
        .route("/api/gallery", get(gallery))
        .route("/api/gallery/{file}", get(picture))
        .route("/api/events", get(events))
        .route("/api/ws", get(websocket))
        .route("/api/admin/settings", get(async || Json(json!({ "library": "/srv/media", "debug": true }))))
        .route("/api/error", get(error))
        .route("/media/film.bin", get(async |fields: HeaderMap| film::REEL.serve(&fields)))
        .route("/media/clip.webm", get(async |fields: HeaderMap| clip::REEL.serve(&fields)))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::map_response(leak))
        .with_state(Jobs::default())
}

/// The downloads that were asked for. Nothing is downloaded.
#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<JobList>>);

#[derive(Default)]
struct JobList {
    jobs: Vec<Job>,
    made: u64,
}

struct Job {
    id: u64,
    url: String,
    begun: Instant,
}

#[derive(serde::Deserialize)]
struct DownloadRequest {
    url: String,
}

impl Jobs {
    fn begin(&self, url: String) -> Value {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.made += 1;
        let job = Job { id: list.made, url: url.chars().take(200).collect(), begun: Instant::now() };
        let document = job.json();
        if list.jobs.len() == JOBS_MAX {
            list.jobs.remove(0);
        }
        list.jobs.push(job);
        document
    }

    fn json(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).jobs.iter().map(Job::json).collect()
    }
}

impl Job {
    /// Ten per cent a second.
    fn json(&self) -> Value {
        let progress = (self.begun.elapsed().as_millis() / 100).min(100) as u64;
        json!({ "id": self.id, "url": self.url, "progress": progress })
    }
}

async fn page(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn downloads(State(jobs): State<Jobs>) -> Json<Value> {
    Json(jobs.json())
}

async fn download(
    State(jobs): State<Jobs>,
    Json(request): Json<DownloadRequest>,
) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(jobs.begin(request.url)))
}

/// Counts the bytes of a body, raw or multipart, and keeps none.
async fn upload(body: Body) -> Result<Json<Value>, StatusCode> {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        bytes += chunk.map_err(|_| StatusCode::BAD_REQUEST)?.len();
    }
    Ok(Json(json!({ "bytes": bytes })))
}

async fn gallery() -> Json<Value> {
    let posters = POSTERS.iter().zip(1..);
    let document = |(poster, n): (&Poster, u32)| json!({ "id": n, "title": poster.title, "url": format!("/api/gallery/{n}.svg") });
    Json(posters.map(document).collect())
}

async fn picture(Path(file): Path<String>) -> Result<Response, StatusCode> {
    let id: usize = file.strip_suffix(".svg").and_then(|id| id.parse().ok()).ok_or(StatusCode::NOT_FOUND)?;
    let poster = id.checked_sub(1).and_then(|place| POSTERS.get(place)).ok_or(StatusCode::NOT_FOUND)?;
    let Poster { title, year, hue, shape } = poster;
    let far = (hue + 40) % 360;
    let svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300"><defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="hsl({hue} 55% 22%)"/><stop offset="1" stop-color="hsl({far} 60% 48%)"/></linearGradient></defs><rect width="200" height="300" fill="url(#sky)"/><g fill="none" stroke="hsl({far} 90% 88%)" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" opacity=".9">{shape}</g><text x="16" y="262" fill="#fff" font-family="system-ui,sans-serif" font-size="22" font-weight="700">{title}</text><text x="16" y="283" fill="#fff" opacity=".8" font-family="system-ui,sans-serif" font-size="13">{year}</text></svg>"##
    );
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

/// The poster of an invented film.
struct Poster {
    title: &'static str,
    year: u16,
    hue: u16,
    shape: &'static str,
}

const fn poster(title: &'static str, year: u16, hue: u16, shape: &'static str) -> Poster {
    Poster { title, year, hue, shape }
}

const POSTERS: [Poster; 6] = [
    poster(
        "Low Tide",
        1962,
        205,
        r#"<circle cx="140" cy="70" r="28"/><path d="M0 150q25-14 50 0t50 0 50 0 50 0M0 180q25-14 50 0t50 0 50 0 50 0M0 210q25-14 50 0t50 0 50 0 50 0"/>"#,
    ),
    poster(
        "Night Bus",
        1987,
        255,
        r#"<rect x="40" y="110" width="120" height="80" rx="12"/><path d="M40 150h120M70 110v40M100 110v40M130 110v40"/><circle cx="70" cy="198" r="12"/><circle cx="130" cy="198" r="12"/>"#,
    ),
    poster(
        "The Orchard",
        1974,
        95,
        r#"<path d="M100 220v-70"/><circle cx="100" cy="105" r="50"/><circle cx="82" cy="95" r="6"/><circle cx="115" cy="85" r="6"/><circle cx="108" cy="122" r="6"/>"#,
    ),
    poster(
        "Red Line",
        2003,
        350,
        r#"<path d="M20 220L70 120l40 50 30-80 40 60"/><circle cx="70" cy="120" r="7"/><circle cx="110" cy="170" r="7"/><circle cx="140" cy="90" r="7"/>"#,
    ),
    poster(
        "Paper Moon",
        1996,
        25,
        r#"<path d="M125 55a62 62 0 1 0 30 105a50 50 0 1 1-30-105z"/><path d="M50 60l4 10 10 4-10 4-4 10-4-10-10-4 10-4z"/>"#,
    ),
    poster(
        "Signal",
        2019,
        160,
        r#"<path d="M100 220v-90M80 220h40M70 130a42 42 0 0 1 60 0M52 110a68 68 0 0 1 96 0M35 90a94 94 0 0 1 130 0"/><circle cx="100" cy="130" r="6"/>"#,
    ),
];

async fn events(State(jobs): State<Jobs>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let progress = stream::unfold((jobs, true), async |(jobs, first)| {
        if !first {
            tokio::time::sleep(TICK).await;
        }
        let event = Event::default().event("progress").data(jobs.json().to_string());
        Some((Ok(event), (jobs, false)))
    });
    Sse::new(progress).keep_alive(KeepAlive::default())
}

async fn websocket(State(jobs): State<Jobs>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| talk(socket, jobs))
}

/// Echoes messages, and sends the progress of the downloads.
async fn talk(mut socket: WebSocket, jobs: Jobs) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let answer = tokio::select! {
            _ = ticks.tick() => Message::text(jobs.json().to_string()),
            message = socket.recv() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}

async fn error() -> (StatusCode, Json<Value>) {
    let detail =
        "FileNotFoundError: [Errno 2] No such file or directory: '/srv/media/library/.state/jobs.db'";
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "detail": detail, "line": 217 })))
}

async fn leak(mut response: Response) -> Response {
    let fields = response.headers_mut();
    fields.insert(header::SERVER, HeaderValue::from_static("uvicorn/0.23.1"));
    fields.insert("x-powered-by", HeaderValue::from_static("Express"));
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#a8481c"/><path d="M6 4v8l6-4z" fill="#fff"/></svg>"##;
const JOBS_MAX: usize = 100;
const TICK: Duration = Duration::from_secs(1);
