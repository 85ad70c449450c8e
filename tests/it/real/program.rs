//! Installed programs, started on a free port of this machine and killed with the value.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{Folder, poll_for};

/// How long a program may take until it answers, on a machine that is busy with others.
const START: Duration = Duration::from_secs(120);

/// A running program with a home of its own.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Its home, which goes with it.
    pub(crate) home: Folder,
}

impl Program {
    /// Starts `path` and waits until it answers over HTTP; `prepare` gets its home, its port and its command line.
    ///
    /// None of them can be told to take any port, so one that was free a moment ago is tried, and another if
    /// somebody was faster.
    pub(crate) fn start(path: &Path, prepare: impl Fn(&Folder, u16, &mut Command)) -> Self {
        assert!(
            path.exists(),
            "`{}` is not installed\nhint: `tests/run` installs what these tests need",
            path.display()
        );
        for _ in 0..3 {
            let home = Folder::empty();
            let address = free_address();
            let mut command = Command::new(path);
            let said = File::create(home.path().join("said")).unwrap();
            command
                .env("HOME", home.path())
                .env("TMPDIR", home.path())
                .current_dir(home.path())
                .stdin(Stdio::null())
                .stdout(said.try_clone().unwrap())
                .stderr(said);
            prepare(&home, address.port(), &mut command);
            let child = command.spawn().unwrap();
            let mut program = Self { child, address, home };
            if program.comes_up() {
                return program;
            }
            eprintln!("it did not start:\n{}", program.home.read("said"));
        }
        panic!("`{}` does not start, see above", path.display());
    }

    /// Whether it answers; `false` if it ended instead.
    fn comes_up(&mut self) -> bool {
        poll_for("the program to answer", START, || {
            if self.child.try_wait().unwrap().is_some() {
                return Some(false);
            }
            answers(self.address).then_some(true)
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the program said:\n{}", self.home.read("said"));
        }
    }
}

/// A program of the virtual environment that `tests/run` makes.
pub(crate) fn in_environment(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/apps/bin").join(name)
}

/// An address that nobody listens on. Its port is below those that the system gives to whoever asks for any: other
/// tests do so all the time, and a program may take seconds until it listens.
fn free_address() -> SocketAddr {
    loop {
        let port = 20_000 + u16::try_from(RandomState::new().build_hasher().finish() % 10_000).unwrap();
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Whether somebody answers there in HTTP.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(START)).unwrap();
    let asked = write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut start = [0; 5];
    asked.is_ok() && stream.read_exact(&mut start).is_ok() && start == *b"HTTP/"
}
