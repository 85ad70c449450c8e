//! The app behind the gateway: reads strictly, remembers every byte, answers as it is told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::message::{self, Fields, Reader};
use super::poll_until;

/// One request as the app saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, each byte as one character.
    pub(crate) target: String,
    pub(crate) fields: Fields,
    pub(crate) head: Vec<u8>,
    /// The body as far as it came and at most a megabyte of it.
    pub(crate) body: Vec<u8>,
    pub(crate) body_length: u64,
    /// The framing of the body came to its end.
    pub(crate) complete: bool,
    /// The connection ended before the request did.
    pub(crate) broken: bool,
}

type Handler = dyn Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync;

#[derive(Default)]
struct Book {
    seen: Mutex<Vec<Seen>>,
    violations: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// The open connections, by the address of their other end.
    sockets: Mutex<Vec<(SocketAddr, TcpStream)>>,
    closing: AtomicBool,
}

/// A running app; it ends with the value.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    book: Arc<Book>,
    accepting: Option<std::thread::JoinHandle<()>>,
}

/// One request being answered.
pub(crate) struct Exchange<'a> {
    reader: &'a mut Reader<TcpStream>,
    book: &'a Book,
    at: usize,
    /// How many requests came on this connection before.
    pub(crate) before: usize,
    body_read: bool,
    keep: bool,
}

impl Upstream {
    /// An app that answers every request with 200 and the line it saw.
    pub(crate) fn start() -> Self {
        Self::with(default_answer)
    }

    /// An app of the test's own.
    pub(crate) fn with(
        handler: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), handler)
    }

    /// An app at an address where another may have been before.
    pub(crate) fn on(
        address: SocketAddr,
        handler: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = poll_until("the app's address", || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let accepting = std::thread::spawn({
            let book = Arc::clone(&book);
            move || accept(&listener, &book, &handler)
        });
        Self { address, book, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, whole or not. Panics if the gateway ever sent something malformed.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let violations = lock(&self.book.violations).clone();
        assert!(violations.is_empty(), "the app was sent malformed requests: {violations:?}");
        lock(&self.book.seen).clone()
    }

    /// The one request of the test.
    pub(crate) fn sole(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "the app saw: {seen:#?}");
        seen.into_iter().next().unwrap()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("the app saw a request")
    }

    /// Forgets what it saw.
    pub(crate) fn forget(&self) {
        lock(&self.book.seen).clear();
    }

    pub(crate) fn connections(&self) -> usize {
        self.book.connections.load(Ordering::SeqCst)
    }

    /// The connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.book.sockets).len()
    }

    /// Ends every connection and stops listening, as a crash would.
    pub(crate) fn kill(mut self) -> SocketAddr {
        self.end();
        self.address
    }

    /// Ends every connection; an app that knows nothing of them takes its place, and answers as one of [`Self::start`].
    pub(crate) fn start_anew(&mut self) {
        self.end();
        *self = Self::on(self.address, default_answer);
    }

    fn end(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.book.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        let _ = accepting.join();
        for (_, socket) in lock(&self.book.sockets).drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Book {
    /// Closes the second handle of a connection; `true` if there was one.
    fn forget_socket(&self, peer: SocketAddr) -> bool {
        let mut sockets = lock(&self.sockets);
        let before = sockets.len();
        sockets.retain(|(other, _)| *other != peer);
        sockets.len() < before
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.end();
    }
}

fn accept(listener: &TcpListener, book: &Arc<Book>, handler: &Arc<Handler>) {
    loop {
        let Ok((stream, peer)) = listener.accept() else { return };
        if book.closing.load(Ordering::SeqCst) {
            return;
        }
        stream.set_nodelay(true).unwrap();
        book.connections.fetch_add(1, Ordering::SeqCst);
        lock(&book.sockets).push((peer, stream.try_clone().unwrap()));
        let (book, handler) = (Arc::clone(book), Arc::clone(handler));
        std::thread::spawn(move || {
            let mut reader = Reader::new(stream);
            let mut before = 0;
            while serve(&mut reader, &book, &handler, before) {
                before += 1;
            }
            // One that was to be reset is closed without a word.
            if book.forget_socket(peer) {
                let _ = reader.stream.shutdown(Shutdown::Both);
            }
        });
    }
}

/// One request; `true` if the connection can go on.
fn serve(reader: &mut Reader<TcpStream>, book: &Book, handler: &Arc<Handler>, before: usize) -> bool {
    let head = match reader.head() {
        Ok(Some(head)) => head,
        Ok(None) => return false,
        Err(error) => {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                lock(&book.violations).push(format!("a head that ends: {:?}", text(&reader.buffer)));
            }
            return false;
        }
    };
    let at = match judge(&head) {
        Ok(seen) => {
            let mut all = lock(&book.seen);
            all.push(seen);
            all.len() - 1
        }
        Err(fault) => {
            lock(&book.violations).push(format!("{fault} in {:?}", text(&head)));
            let _ = reader.stream.write_all(b"HTTP/1.1 599 Violation\r\nContent-Length: 0\r\n\r\n");
            return false;
        }
    };
    let mut exchange = Exchange { reader, book, at, before, body_read: false, keep: true };
    let result = handler(&mut exchange);
    let keep = exchange.keep && result.is_ok();
    if keep && !exchange.body_read {
        return exchange.body().is_ok() && exchange.seen().complete;
    }
    keep
}

/// Reads a head as strictly as RFC 9112 allows.
fn judge(head: &[u8]) -> Result<Seen, String> {
    let (line, fields) = message::split_head(head)?;
    let parts: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let [method, target, version] = parts.as_slice() else { return Err("a request line".to_owned()) };
    if method.is_empty() || !method.iter().all(|b| message::is_token(*b)) {
        return Err("a method".to_owned());
    }
    if *version != b"HTTP/1.1" {
        return Err("a version".to_owned());
    }
    if target.is_empty() || target.iter().any(|b| *b <= b' ' || *b == 0x7F) {
        return Err("a target".to_owned());
    }
    if fields.all("host").count() != 1 {
        return Err("not one Host".to_owned());
    }
    let lengths: Vec<&str> = fields.all("content-length").collect();
    let codings: Vec<&str> = fields.all("transfer-encoding").collect();
    match (lengths.as_slice(), codings.as_slice()) {
        ([], [] | ["chunked"]) => {}
        ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) && !length.is_empty() => {}
        other => return Err(format!("a framing {other:?}")),
    }
    Ok(Seen { method: text(method), target: text(target), fields, head: head.to_vec(), ..Seen::default() })
}

impl Exchange<'_> {
    /// The request as far as it is known.
    pub(crate) fn seen(&self) -> Seen {
        lock(&self.book.seen).get(self.at).cloned().unwrap_or_default()
    }

    /// Where the app listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.reader.stream.local_addr().unwrap()
    }

    /// The other end of the connection, which tells one from another.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.reader.stream.peer_addr().unwrap()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> String {
        self.seen().target
    }

    /// Path without query.
    pub(crate) fn path(&self) -> String {
        self.target().split('?').next().unwrap_or_default().to_owned()
    }

    /// Reads the body to its end.
    pub(crate) fn body(&mut self) -> io::Result<Vec<u8>> {
        self.body_read = true;
        let seen = self.seen();
        let (book, at) = (self.book, self.at);
        let mut take = |part: &[u8]| {
            if let Some(seen) = lock(&book.seen).get_mut(at) {
                let room = (1usize << 20).saturating_sub(seen.body.len());
                seen.body.extend_from_slice(&part[..part.len().min(room)]);
                seen.body_length += part.len() as u64;
            }
        };
        let outcome = match seen.fields.sole("content-length").map(str::parse) {
            Some(length) => self.reader.exactly(length.unwrap_or(0), &mut take),
            None if seen.fields.has("transfer-encoding") => self.reader.chunked(&mut take),
            None => Ok(true),
        };
        if let Err(error) = &outcome
            && error.kind() == io::ErrorKind::InvalidData
        {
            lock(&book.violations).push(format!("{error} in a body of {}", seen.target));
        }
        let complete = matches!(outcome, Ok(true));
        if let Some(seen) = lock(&book.seen).get_mut(at) {
            seen.complete = complete;
            seen.broken = !complete;
        }
        if !complete {
            self.keep = false;
            return Err(outcome.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(self.seen().body)
    }

    /// Bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.stream.write_all(bytes.as_ref())
    }

    /// A whole answer with a declared length; `lines` are further header lines without line ends.
    pub(crate) fn reply(&mut self, status: &str, lines: &[&str], body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let mut out = format!("HTTP/1.1 {status}\r\n");
        for line in lines {
            out.push_str(line);
            out.push_str("\r\n");
        }
        let bodiless = self.seen().method == "HEAD";
        out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut out = out.into_bytes();
        if !bodiless {
            out.extend_from_slice(body);
        }
        self.write(out)
    }

    /// After this the connection ends.
    pub(crate) fn hang_up(&mut self) {
        self.keep = false;
    }

    /// Ends the connection with a reset, once the handler has returned and holds no handle of it.
    pub(crate) fn reset(&mut self) {
        self.keep = false;
        self.body_read = true;
        let peer = self.peer();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        self.reader.stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(self.reader.stream.try_clone().unwrap()).unwrap();
        stream.set_zero_linger().unwrap();
        self.book.forget_socket(peer);
    }

    /// The connection itself; it ends once the handler has returned.
    pub(crate) fn stream(&mut self) -> TcpStream {
        self.keep = false;
        self.body_read = true;
        self.reader.stream.try_clone().unwrap()
    }

    /// Bytes that came behind the head (a WebSocket's first frames).
    pub(crate) fn early(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.reader.buffer)
    }

    /// Waits until the other side is gone.
    pub(crate) fn wait_for_the_end(&mut self) {
        self.keep = false;
        self.body_read = true;
        let mut waste = [0u8; 4096];
        while matches!(self.reader.stream.read(&mut waste), Ok(1..)) {}
    }
}

/// Reads the body and answers 200 with the request line; `/echo` gives the body back.
pub(crate) fn default_answer(exchange: &mut Exchange<'_>) -> io::Result<()> {
    let body = exchange.body()?;
    let seen = exchange.seen();
    if exchange.path() == "/echo" {
        return exchange.reply("200 OK", &["Content-Type: application/octet-stream"], body);
    }
    exchange.reply("200 OK", &["Content-Type: text/plain"], format!("{} {}\n", seen.method, seen.target))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every byte as one character, so that nothing is lost.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}
