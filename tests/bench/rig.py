"""What the benchmarks stand on: processes on cores of their own and what they use, and tokens.

Standard library only. Everything listens on loopback and ends with the benchmark.
"""

import base64
import ctypes
import hashlib
import hmac
import json
import os
import re
import resource
import secrets
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

from tools import HERE, VENV, built

TICK = os.sysconf("SC_CLK_TCK")
ORIGIN = "https://app.example.com"
KIB, MIB, GIB = 1024, 1024 ** 2, 1024 ** 3

# The proxy has a core of its own; upstream and load share the others.
CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, OTHER_CORES = CORES[:1], CORES[1:] or CORES


class Failed(Exception):
    """The benchmark proves nothing: a proxy does not do what its row says, or is not there."""


def workplace():
    return tempfile.TemporaryDirectory(prefix="stagedoor-bench-")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_file_limit():
    """As many open files as this process, and so its children, may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- tokens -----------------------------------------------------------------------------------------


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """Claims that every full policy here takes, unless `changes` spoil them."""
    now = int(time.time())
    taken = {"iss": "bench", "aud": "media", "sub": "alice", "roles": ["user"], "iat": now, "exp": now + 7200}
    return taken | changes


class Hs256:
    """Signs with a shared secret."""

    alg = "HS256"

    def __init__(self, folder):
        self.secret = secrets.token_hex(32)
        self.file = Path(folder) / f"hs256-{self.secret[:8]}"
        self.file.touch(0o600)
        self.file.write_text(self.secret)
        self.jwk = {"kty": "oct", "alg": "HS256", "k": base64url(self.secret.encode())}

    def sign(self, several):
        return [self.one(each) for each in several]

    def one(self, each):
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "HS256", "typ": "JWT"}, each)]
        signed = ".".join(base64url(part) for part in parts)
        return f"{signed}.{base64url(hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).digest())}"


class Es256:
    """Signs with a private key on the curve P-256; the proxies have the public one, in `file`."""

    alg = "ES256"

    def __init__(self, folder):
        self.private = Path(folder) / f"es256-{secrets.token_hex(4)}"
        self.file = Path(f"{self.private}.pub")
        self.jwk = json.loads(self.run("key"))

    def run(self, what, text=""):
        command = [VENV / "bin" / "python", HERE / "es256.py", what, self.private]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    def sign(self, several):
        lines = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in several)
        return self.run("sign", lines).split()


class Tokens:
    """One good token, and one of each kind that a full policy has to refuse."""

    def __init__(self, key, folder):
        self.key = key
        past = int(time.time()) - 7200
        spoiled = [claims(), claims(exp=past + 3600, iat=past), claims(iss="other"), claims(aud="other")]
        self.good, self.expired, self.issuer, self.audience = key.sign(spoiled)
        (self.forged,) = type(key)(folder).sign([claims()])


# --- processes --------------------------------------------------------------------------------------


def placed(cores, nice=-10):
    """For Popen: puts the child (and its children) on these cores, before other programs if we may, and ends it with us."""
    libc = ctypes.CDLL(None)

    def place():
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, cores)
        try:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        except PermissionError:
            pass

    return place


class Process:
    """A child process on given cores, with its own log file."""

    def __init__(self, command, cores, folder, name):
        self.log = Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                preexec_fn=placed(cores),
            )

    def pids(self):
        found, todo = [], [self.child.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    todo += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
            except OSError:
                pass
        return found

    def cpu(self):
        """User and system seconds of the process and its children, so far."""
        user = system = 0
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            user, system = user + int(fields[11]), system + int(fields[12])
        return user / TICK, system / TICK

    def memory(self, key="VmRSS"):
        """MiB, of the process and its children: what `/proc/PID/status` calls so."""
        return self.summed("status", key)

    def share_of_memory(self):
        """MiB, of the process and its children; a page that several processes have counts once (Pss). Else resident memory."""
        return self.summed("smaps_rollup", "Pss") or self.memory()

    def summed(self, file, key):
        total = 0
        for pid in self.pids():
            try:
                total += int(re.search(rf"(?m)^{key}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text()).group(1))
            except (OSError, AttributeError):
                continue
        return total / 1024

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        if self.alive():
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def wait_for(port, process, name, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not process.alive():
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"{name} does not listen; its last lines:\n{process.tail()}")


def upstream(folder):
    """Starts the app behind the proxies: the process and its port."""
    port = free_port()
    process = Process([built("upstream.rs"), port], OTHER_CORES, folder, "upstream")
    wait_for(port, process, "upstream")
    return process, port


# --- ports behind which more is spoken than HTTP/1.1 ------------------------------------------------


class TlsPort(int):
    """A port where TLS is spoken, and HTTP/1.1 in it. The clients here verify its certificate."""

    def __new__(cls, number, authority):
        port = super().__new__(cls, number)
        port.authority = authority
        port.context = ssl.create_default_context(cafile=authority)
        port.context.set_alpn_protocols(["http/1.1"])
        return port


class Http2Port(TlsPort):
    """The same port, where HTTP/2 is chosen (ALPN)."""

    def __new__(cls, number, authority):
        port = super().__new__(cls, number, authority)
        port.context.set_alpn_protocols(["h2"])
        return port


class Certificate:
    """An authority of our own, and a certificate for 127.0.0.1 on the curve P-256."""

    def __init__(self, folder):
        self.authority, self.chain, self.key, self.both = (
            Path(folder) / name for name in ("authority.pem", "chain.pem", "chain.key", "both.pem")
        )
        subprocess.run([VENV / "bin" / "python", HERE / "certificate.py", folder], check=True)


# --- one request by hand ----------------------------------------------------------------------------


def head(port, request, bearer=None, fields=()):
    lines = [f"{request} HTTP/1.1", f"Host: 127.0.0.1:{int(port)}"]
    lines += [f"Authorization: Bearer {bearer}"] if bearer else []
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Answer:
    """Status, header fields and body of an answer."""

    def __init__(self, line):
        came = receive(line, b"", lambda came: b"\r\n\r\n" in came)
        top, self.body = came.split(b"\r\n\r\n", 1)
        status, *rest = top.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1])
        pairs = (one.split(":", 1) for one in rest)
        self.fields = {name.lower(): value.strip() for name, value in pairs}

    def rest(self, line):
        """The whole body, where its length is said."""
        length = int(self.fields.get("content-length", 0))
        self.body = receive(line, self.body, lambda came: len(came) >= length)
        return self


def receive(line, came, enough):
    while not enough(came):
        part = line.recv(65536)
        if not part:
            raise Failed("the connection ended without an answer")
        came += part
    return came


def connect(port, seconds=5, source=None):
    line = socket.create_connection(("127.0.0.1", int(port)), seconds, source_address=source and (source, 0))
    line.settimeout(seconds)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if isinstance(port, TlsPort):
        return port.context.wrap_socket(line, server_hostname="127.0.0.1")
    return line


def ask(port, request, bearer=None, fields=(), source=None):
    """One request on a connection of its own."""
    if isinstance(port, Http2Port):
        return ask_by_curl(port, request, bearer, fields)
    with connect(port, source=source) as line:
        line.sendall(head(port, request, bearer, [("Connection", "close"), *fields]))
        return Answer(line).rest(line)


class CurlAnswer:
    """The same of an answer over HTTP/2."""

    def __init__(self, output):
        top, self.body = output.split(b"\r\n\r\n", 1)
        status, *rest = top.decode("latin-1").split("\r\n")
        if not status.startswith("HTTP/2 "):
            raise Failed(f"not an answer over HTTP/2: {status}")
        self.status = int(status.split()[1])
        pairs = (one.split(":", 1) for one in rest)
        self.fields = {name.lower(): value.strip() for name, value in pairs}


def ask_by_curl(port, request, bearer=None, fields=()):
    method, path = request.split()
    command = curl(port, path, "--include", "--request", method, "--max-time", 10)
    command += ["--header", f"Authorization: Bearer {bearer}"] if bearer else []
    with tempfile.NamedTemporaryFile() as body:
        for name, value in fields:
            if name == "Content-Length":
                # A request that says a length and has no body is malformed in HTTP/2.
                body.truncate(int(value))
                command += ["--data-binary", f"@{body.name}", "--header", "Expect:", "--header", "Content-Type:"]
            else:
                command += ["--header", f"{name}: {value}"]
        done = subprocess.run([str(word) for word in command], capture_output=True, preexec_fn=placed(OTHER_CORES))
    if done.returncode == STREAM_RESET and not done.stdout:
        raise StreamReset
    if not done.stdout:
        raise Failed(f"curl: {done.stderr.decode().strip()}")
    return CurlAnswer(done.stdout)


STREAM_RESET = 92  # what curl says of a stream that ended without an answer


class StreamReset(Exception):
    """The proxy has reset the stream of a request before its answer could be read."""


def curl(port, path, *options):
    """The beginning of a command that asks over HTTP/2."""
    return [
        "curl", "--silent", "--show-error", "--http2", "--cacert", port.authority, *options,
        f"https://127.0.0.1:{int(port)}{path}",
    ]
