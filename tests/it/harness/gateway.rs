//! The real process.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, DEADLINE, Request, Response, SECRET, Upstream, poll_for, poll_until};

/// What stands in the file `admin_token` of every gateway here.
const ADMIN_TOKEN: &str = "Zt8W0kqN3bYv5RfXc7MpLd1sJhGaUe2iTo9nQwErKxB";

/// A folder with a configuration, which may outlive a gateway.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: TempDir,
}

/// A running gateway; it is killed with the value.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// All public addresses.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The public addresses of https listeners.
    https: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
    pub(crate) folder: Folder,
    lines: Lines,
    stdout: Lines,
}

/// What a command of the binary printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

type Lines = Arc<Mutex<Vec<String>>>;

/// A run of the binary that ends by itself.
#[derive(Debug)]
pub(crate) struct Command(std::process::Command);

impl Folder {
    /// A folder with the secrets and `config` as its `stagedoor.toml`, addresses of its own added.
    pub(crate) fn new(config: &str) -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap() };
        folder.write_private("secret", SECRET);
        folder.write_private("admin_token", ADMIN_TOKEN);
        folder.configure(config);
        folder
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path().join("stagedoor.toml")
    }

    /// Writes another configuration in one step, as an editor would.
    pub(crate) fn configure(&self, config: &str) {
        let next = self.path().join("next");
        fs::write(&next, with_addresses(config)).unwrap();
        fs::rename(next, self.config_path()).unwrap();
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn write_private(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The permission bits of a file or folder.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path().join(name)).unwrap().permissions().mode() & 0o777
    }
}

impl Gateway {
    /// Starts in front of `app`; `UPSTREAM` in the text becomes its address.
    pub(crate) fn before(app: &Upstream, config: &str) -> Self {
        Self::start(&config.replace("UPSTREAM", &app.url()))
    }

    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(Folder::new(config))
    }

    pub(crate) fn start_in(folder: Folder) -> Self {
        Self::try_start_in(folder)
            .unwrap_or_else(|(_, output)| panic!("the gateway did not start: {output:#?}"))
    }

    /// A gateway, or what it said instead.
    pub(crate) fn try_start_in(folder: Folder) -> Result<Self, (Folder, Output)> {
        Self::try_start_with(folder, &[])
    }

    /// As [`Self::try_start_in`], with these environment variables.
    pub(crate) fn try_start_with(
        folder: Folder,
        variables: &[(&str, &str)],
    ) -> Result<Self, (Folder, Output)> {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stagedoor"));
        command
            .args(["run", "--config"])
            .arg(folder.config_path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        forget_environment(&mut command);
        command.envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let stdout = gather(child.stdout.take().unwrap());
        let lines = gather(child.stderr.take().unwrap());
        let started = poll_for("the gateway to start", DEADLINE * 2, || {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(Err(status));
            }
            let said = snapshot(&lines);
            let admin =
                said.iter().filter(|line| line.contains("admin listening")).find_map(|l| address_in(l))?;
            let public: Vec<_> = said
                .iter()
                .filter(|line| line.contains("listening") && !line.contains("admin listening"))
                .filter_map(|line| address_in(line))
                .collect();
            let https: Vec<_> = said
                .iter()
                .filter(|line| {
                    line.contains("listening") && (line.contains("\"tls\":true") || line.contains("tls=true"))
                })
                .filter_map(|line| address_in(line))
                .collect();
            Some(Ok((public, https, admin)))
        });
        match started {
            Ok((addresses, https, admin)) => {
                Ok(Self { child, address: addresses[0], addresses, https, admin, folder, lines, stdout })
            }
            Err(status) => {
                let output = poll_until("the gateway's last words", || Some(ended(status, &stdout, &lines)));
                Err((folder, output))
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of the https listener.
    pub(crate) fn https(&self) -> SocketAddr {
        *self.https.first().expect("an https listener")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Response {
        self.client().ask(request)
    }

    /// Raw bytes on a connection of their own, and the first answer.
    pub(crate) fn raw(&self, bytes: impl AsRef<[u8]>) -> Response {
        self.client().send(bytes).answer()
    }

    /// One request to the operator's listener, without the token.
    pub(crate) fn ask_admin(&self, request: Request) -> Response {
        Client::connect(self.admin).ask(&request.host("127.0.0.1").field("Connection", "close"))
    }

    pub(crate) fn ask_admin_as_operator(&self, request: Request) -> Response {
        self.ask_admin(request.bearer(ADMIN_TOKEN))
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        let answer = self.ask_admin(Request::get("/metrics"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }

    /// The sum of the series of `name` whose labels hold every one of `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.metrics()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
                    && labels.iter().all(|label| line.contains(label))
            })
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .fold(0.0, |sum, value| sum + value)
    }

    /// The access events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("access.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The access event of one answer.
    pub(crate) fn event(&self, answer: &Response) -> Value {
        let id = answer.field("x-request-id").to_owned();
        assert!(!id.is_empty(), "{answer:?}");
        self.event_where("the request id", |event| event["request_id"] == id.as_str())
    }

    pub(crate) fn event_where(&self, what: &str, mut is: impl FnMut(&Value) -> bool) -> Value {
        poll_until(&format!("an access event with {what}"), || self.events().into_iter().find(&mut is))
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        snapshot(&self.lines).join("\n")
    }

    /// Everything it ever wrote: its log, its access events, standard output.
    pub(crate) fn everything_written(&self) -> String {
        let access = fs::read_to_string(self.folder.path().join("access.jsonl")).unwrap_or_default();
        format!("{}\n{}\n{access}", self.log(), snapshot(&self.stdout).join("\n"))
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        poll_until(&format!("a log line with `{text}`"), || self.log().contains(text).then_some(()));
    }

    /// Sends a signal by name, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Reloads by SIGHUP and waits for the outcome, which is returned as its label in the metrics.
    pub(crate) fn reload(&self) -> &'static str {
        let results = ["ok", "failed"];
        let count = |result| self.metric("stagedoor_config_reload_total", &[&format!("result=\"{result}\"")]);
        let before = results.map(count);
        self.signal("HUP");
        poll_until("the reload", || {
            results.iter().zip(before).find(|(result, was)| count(result) > *was).map(|(result, _)| *result)
        })
    }

    /// Waits for the process to end by itself; how it ended, and after how long.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let from = Instant::now();
        let status = poll_until("the gateway to end", || self.child.try_wait().unwrap());
        (status, from.elapsed())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it and keeps its folder.
    pub(crate) fn stop(mut self) -> Folder {
        self.end();
        std::mem::replace(&mut self.folder, Folder::empty())
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.process_status("VmRSS").unwrap() * 1024
    }

    /// A number that the kernel tells of the process, if it knows it (`proc_pid_status(5)`).
    pub(crate) fn process_status(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let (_, value) =
            status.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name)?;
        Some(value.split_whitespace().next().unwrap().parse().unwrap())
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- the gateway said:\n{}", self.log());
        }
    }
}

impl Command {
    pub(crate) fn new(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stagedoor"));
        command.args(arguments).current_dir(folder.path());
        forget_environment(&mut command);
        Self(command)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end, which must come in time.
    pub(crate) fn run(self) -> Output {
        self.run_with("")
    }

    /// As [`Self::run`], with a short text on its standard input.
    pub(crate) fn run_with(mut self, input: &str) -> Output {
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (stdout, stderr) = (gather(child.stdout.take().unwrap()), gather(child.stderr.take().unwrap()));
        let until = Instant::now() + DEADLINE * 2;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it runs on: {:?}\n{:#?}", self.0, snapshot(&stderr));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        ended(status, &stdout, &stderr)
    }

    /// Starts it and hands over its lines; it is killed with the value.
    pub(crate) fn spawn(mut self) -> Running {
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().unwrap();
        let (stdout, stderr) = (gather(child.stdout.take().unwrap()), gather(child.stderr.take().unwrap()));
        Running { child, stdout, stderr }
    }
}

/// A command that goes on until it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal that ends it, and waits for it.
    pub(crate) fn end(&mut self, by: &str) -> ExitStatus {
        signal(by, self.pid());
        poll_until("the process to end", || self.child.try_wait().unwrap())
    }

    pub(crate) fn stdout(&self) -> String {
        snapshot(&self.stdout).join("\n")
    }

    pub(crate) fn stderr(&self) -> String {
        snapshot(&self.stderr).join("\n")
    }

    /// Waits for an answer that is found in what it printed.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        poll_for(what, DEADLINE * 2, || {
            let said = format!("{}\n{}", self.stdout(), self.stderr());
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status} before {what}: {said}");
            }
            find(&said)
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- it said:\n{}\n{}", self.stdout(), self.stderr());
        }
    }
}

fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.unwrap().success());
}

/// Whatever the tests themselves run under says nothing to the gateway.
fn forget_environment(command: &mut std::process::Command) {
    command.env_remove("RUST_LOG");
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        command.env_remove(name);
    }
    for name in ["LISTEN", "UPSTREAM", "HOSTS", "TRUSTED_PROXIES", "ADMIN_LISTEN"] {
        command.env_remove(format!("STAGEDOOR_{name}"));
    }
}

/// Fills in what a test does not care about: addresses of its own, a provider, the access log.
fn with_addresses(config: &str) -> String {
    let mut text = config.to_owned();
    if !text.contains("[auth.") {
        text.push_str("\n[auth.house]\n");
    }
    for (table, key, line) in [
        ("[auth.house]", "\naudience", r#"audience = ["media"]"#),
        ("[auth.house]", "\nissuer", r#"issuer = "stagedoor""#),
        ("[auth.house]", "\nkeys", r#"keys = [{ kid = "k1", alg = "HS256", secret = { file = "secret" } }]"#),
        ("[auth.house]", "\nkind", r#"kind = "jwt""#),
        ("[server]", "\nlisten", r#"listen = ["127.0.0.1:0"]"#),
        ("[admin]", "token ", r#"token = { file = "admin_token" }"#),
        ("[admin]", "\nlisten", r#"listen = "127.0.0.1:0""#),
        ("[log]", "access ", r#"access = { file = "access.jsonl" }"#),
    ] {
        let present = table_of(&text, table);
        match present {
            Some(body) if body.contains(key) => {}
            Some(_) => text = text.replacen(table, &format!("{table}\n{line}"), 1),
            // The configuration has providers, and this is none of them.
            None if table == "[auth.house]" => {}
            None => text.push_str(&format!("\n{table}\n{line}\n")),
        }
    }
    if text.contains("version =") { text } else { format!("version = 1\n{text}") }
}

fn table_of<'t>(text: &'t str, table: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(table)?;
    Some(rest.split_once("\n[").map_or(rest, |(body, _)| body))
}

/// Reads lines in the background for as long as the pipe is open.
fn gather(from: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let into = Arc::clone(&lines);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            into.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            line.clear();
        }
    });
    lines
}

fn snapshot(lines: &Lines) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What a process that ended left behind; the readers get a moment to see the end of the pipes.
fn ended(status: ExitStatus, stdout: &Lines, stderr: &Lines) -> Output {
    let until = Instant::now() + Duration::from_secs(2);
    while (Arc::strong_count(stdout) > 1 || Arc::strong_count(stderr) > 1) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
    Output { code: status.code(), stdout: snapshot(stdout).join("\n"), stderr: snapshot(stderr).join("\n") }
}

/// The first socket address in a line.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| !(c.is_ascii_hexdigit() || "[]:.".contains(c)))
        .filter_map(|word| word.trim_matches('.').parse::<SocketAddr>().ok())
        .find(|address| address.port() != 0)
}
