//! Other ways to an app than its own TCP address: each leads the connections of a gateway to it, byte for byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// A Unix socket that leads to an app; it is gone with the value.
pub(crate) struct UnixCarrier {
    path: PathBuf,
    folder: Option<TempDir>,
    open: Arc<Mutex<Vec<UnixStream>>>,
    closing: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl UnixCarrier {
    /// A socket in a folder of its own that leads to `app`.
    pub(crate) fn to(app: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut carrier = Self::at(&folder.path().join("app.sock"), app);
        carrier.folder = Some(folder);
        carrier
    }

    /// A socket at `path` that leads to `app`.
    pub(crate) fn at(path: &Path, app: SocketAddr) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (open, closing): (Arc<Mutex<Vec<UnixStream>>>, Arc<AtomicBool>) = Default::default();
        let accepting = std::thread::spawn({
            let (open, closing) = (Arc::clone(&open), Arc::clone(&closing));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if closing.load(Ordering::SeqCst) {
                        return;
                    }
                    lock(&open).push(stream.try_clone().unwrap());
                    std::thread::spawn(move || carry(&stream, app));
                }
            }
        });
        Self { path: path.to_owned(), folder: None, open, closing, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

impl Drop for UnixCarrier {
    fn drop(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.closing.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.path);
        let _ = accepting.join();
        for stream in lock(&self.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = std::fs::remove_file(&self.path);
        drop(self.folder.take());
    }
}

fn lock(open: &Mutex<Vec<UnixStream>>) -> MutexGuard<'_, Vec<UnixStream>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both directions, each to its end.
fn carry(stream: &UnixStream, app: SocketAddr) {
    let Ok(app) = TcpStream::connect(app) else { return };
    let _ = app.set_nodelay(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = pass(&mut { stream }, &mut { &app });
            let _ = app.shutdown(Shutdown::Write);
        });
        let _ = pass(&mut { &app }, &mut { stream });
        let _ = stream.shutdown(Shutdown::Write);
    });
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    io::copy(from, to).map(|_| ())
}
