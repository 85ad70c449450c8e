//! A wire between the gateway and an app that remembers what the app is told.

use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A running relay; it ends with the value.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    book: Arc<Book>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Book {
    heard: Mutex<Vec<u8>>,
    sockets: Mutex<Vec<TcpStream>>,
    closing: AtomicBool,
}

impl Relay {
    /// A relay to the app at `app`. It has the same port on another address of this machine, because some apps
    /// compare the port of `Host` with their own.
    pub(super) fn before(app: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), app.port())).unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book::default());
        let accepting = std::thread::spawn({
            let book = Arc::clone(&book);
            move || accept(&listener, app, &book)
        });
        Self { address, book, accepting: Some(accepting) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that the app was ever sent.
    pub(super) fn heard(&self) -> String {
        String::from_utf8_lossy(&lock(&self.book.heard)).into_owned()
    }

    /// Runs `ask`, of which the app must not hear a byte.
    pub(super) fn hears_nothing_of<T>(&self, ask: impl FnOnce() -> T) -> T {
        let before = lock(&self.book.heard).len();
        let answer = ask();
        let heard = lock(&self.book.heard).split_off(before);
        assert!(heard.is_empty(), "the app heard: {}", String::from_utf8_lossy(&heard));
        answer
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.book.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for socket in lock(&self.book.sockets).drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, app: SocketAddr, book: &Arc<Book>) {
    while let Ok((gateway, _)) = listener.accept() {
        if book.closing.load(Ordering::SeqCst) {
            return;
        }
        let Ok(app) = TcpStream::connect(app) else { continue };
        lock(&book.sockets).extend([gateway.try_clone().unwrap(), app.try_clone().unwrap()]);
        let (told, heard) = ((gateway.try_clone().unwrap(), app.try_clone().unwrap()), Arc::clone(book));
        std::thread::spawn(move || {
            carry(told.0, told.1, |part| lock(&heard.heard).extend_from_slice(part));
        });
        std::thread::spawn(move || carry(app, gateway, |_| {}));
    }
}

/// Copies until either side ends, and tells the other of the end.
fn carry(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&[u8])) {
    let mut part = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut part) {
        note(&part[..length]);
        if to.write_all(&part[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
