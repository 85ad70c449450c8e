//! Requests as text.

use super::HOST;

/// A well-formed request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    target: String,
    host: String,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: HOST.to_owned(),
            fields: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Gives it a body, of a declared length.
    pub(crate) fn body(self, body: impl AsRef<[u8]>) -> Self {
        Self { body: Some(body.as_ref().to_vec()), ..self }
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub(crate) fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("Authorization", format!("Bearer {token}"))
    }

    /// The head of the request as HTTP/2 has it, and its body.
    pub(crate) fn http2(&self, scheme: &str) -> (http::Request<()>, Option<Vec<u8>>) {
        let uri = format!("{scheme}://{}{}", self.host, self.target);
        let mut request = http::Request::builder().method(&*self.method).uri(uri);
        for (name, value) in &self.fields {
            request = request.header(&*name.to_ascii_lowercase(), value);
        }
        if let Some(body) = &self.body {
            request = request.header("content-length", body.len());
        }
        (request.body(()).unwrap(), self.body.clone())
    }

    /// The request as bytes; a body has a declared length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            out.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        out.extend(self.body.as_deref().unwrap_or_default());
        out
    }
}
