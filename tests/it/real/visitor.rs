//! Who comes to the gateway: a browser's share of HTTP, or that of a program with fields of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::harness::{Client, Request, Response};

/// Keeps cookies, and says where its requests come from.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    gateway: SocketAddr,
    /// Host and port as they stand in the address bar.
    pub(super) authority: String,
    cookies: BTreeMap<String, String>,
    fields: Vec<(String, String)>,
}

impl Visitor {
    /// Somebody without anything who visits `host` at `gateway`.
    pub(super) fn new(host: &str, gateway: SocketAddr) -> Self {
        let authority = format!("{host}:{}", gateway.port());
        Self { gateway, authority, cookies: BTreeMap::new(), fields: Vec::new() }
    }

    /// The same with a field that stands in every request from now on.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The `Cookie` field of the next request.
    pub(super) fn cookie(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(super) fn get(&mut self, target: &str) -> Response {
        self.send(Request::get(target))
    }

    /// A POST of the page itself, as a script or a form makes it.
    pub(super) fn post(&mut self, target: &str, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        let origin = format!("http://{}", self.authority);
        self.send(
            Request::post(target, body)
                .field("Origin", origin)
                .field("Sec-Fetch-Site", "same-origin")
                .field("Content-Type", content_type),
        )
    }

    pub(super) fn post_json(&mut self, target: &str, body: &serde_json::Value) -> Response {
        self.post(target, "application/json", body.to_string())
    }

    /// Sends `request` with everything that it carries, and keeps the cookies of the answer.
    pub(super) fn send(&mut self, request: Request) -> Response {
        let answer = Client::connect(self.gateway).ask(&self.dress(request));
        for line in answer.fields.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// A request with host, cookies and fields of this visitor.
    pub(super) fn dress(&self, mut request: Request) -> Request {
        request = request.host(&self.authority);
        if !self.cookies.is_empty() {
            request = request.field("Cookie", self.cookie());
        }
        self.fields.iter().fold(request, |request, (name, value)| request.field(name, value))
    }
}

/// A body of `multipart/form-data` with plain fields and one file, and its content type.
pub(super) fn form(
    plain: &[(&str, &str)],
    (name, file, kind): (&str, &str, &str),
    content: &[u8],
) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "the-end-of-a-part";
    let mut body = String::new();
    for (name, value) in plain {
        body +=
            &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\
         Content-Type: {kind}\r\n\r\n"
    );
    let mut body = body.into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// What stands in `text` between `before` and `after`.
pub(super) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .map_or_else(|| panic!("no `{before}…{after}` in {text}"), |(found, _)| found)
}
