"""What the two benchmarks stand on: the upstream, the proxies, tokens, and CPU accounting.

Standard library only. Everything listens on loopback and ends with the benchmark.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TICK = os.sysconf("SC_CLK_TCK")
ORIGIN = "https://app.example.com"
MIB = 1024 * 1024

# The proxy has a core of its own; upstream and load share the others.
CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, OTHER_CORES = CORES[:1], CORES[1:] or CORES


class Failed(Exception):
    """The benchmark proves nothing: a proxy does not do what its row says, or is not there."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def have(program):
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return Path(found) if found else None


def pinned(cores):
    """For Popen: keeps the child (and its children) on these cores, and ends it with this process."""
    return lambda: os.sched_setaffinity(0, cores)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- tokens -----------------------------------------------------------------------------------------


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret, **changes):
    """An HS256 token that every full policy here takes, unless `changes` spoil it."""
    now = int(time.time())
    claims = {"iss": "bench", "aud": "media", "sub": "alice", "roles": ["user"], "iat": now, "exp": now + 3600}
    claims.update(changes)
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(base64url(part) for part in parts)
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64url(mac)}"


# --- processes --------------------------------------------------------------------------------------


class Process:
    """A child process on given cores, with its own log file."""

    def __init__(self, command, cores, folder, name, stdout=None):
        self.log = Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=stdout or log,
                stderr=log,
                cwd=folder,
                preexec_fn=pinned(cores),
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
        """MiB, of the process and its children."""
        total = 0
        for pid in self.pids():
            try:
                total += int(re.search(key + r":\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))
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


def wait_for(port, process, name):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not process.alive():
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-12:])
    raise Failed(f"{name} does not listen; its last lines:\n{tail}")


def upstream(folder):
    """Builds the upstream if it is not there or older than its source, and starts it."""
    source, binary = HERE / "upstream.rs", TARGET / "bench" / "upstream"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        say("building the upstream")
        binary.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["rustc", "--edition", "2024", "-O", "-o", binary, source], check=True)
    port = free_port()
    process = Process([binary, port], OTHER_CORES, folder, "upstream")
    wait_for(port, process, "upstream")
    return process, port


# --- the proxies ------------------------------------------------------------------------------------


@dataclass
class Proxy:
    """One row of the table."""

    name: str
    version: str
    full: bool
    config: str
    command: object
    pid: Process = None
    port: int = 0
    admin: int = 0
    rounds: list = field(default_factory=list)

    def start(self, folder, upstream_port, secret, body):
        """`body`: the body cap in bytes of a full policy."""
        home = Path(folder) / self.name.replace(" ", "-")
        home.mkdir()
        home.chmod(0o700)
        self.port, self.admin = free_port(), free_port()
        values = {
            "PORT": self.port,
            "ADMIN": self.admin,
            "UPSTREAM": upstream_port,
            "SECRET": secret,
            "BODY": f"{body // MIB}MiB",
            "BODY_BYTES": body,
            "HERE": HERE / "peers",
        }
        text = (HERE / "peers" / self.config).read_text()
        text = re.sub(r"@([A-Z_]+)@", lambda found: str(values[found.group(1)]), text)
        config = home / self.config
        config.write_text(text)
        key = home / "jwt_secret"
        key.touch(0o600)
        key.write_text(secret)
        self.pid = Process(self.command(config, home), PROXY_CORE, home, "output")
        wait_for(self.port, self.pid, self.name)

    def label(self):
        return f"{self.name} ({self.version})"


def first_line(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def proxies(binary, profile):
    """Every proxy that can be run here, Stagedoor first; says which cannot."""
    found = stagedoor(binary, profile)
    for rows, program, packages in (
        (haproxy, "haproxy", "haproxy"),
        (nginx, "nginx", "nginx-light, libnginx-mod-http-lua, lua-cjson"),
        (caddy, "caddy", "caddy"),
    ):
        path = have(program)
        if path:
            found += rows(path)
        else:
            say(f"skipped: {program} is not installed (Debian: {packages})")
    return found


def version_in(text):
    found = re.search(r"\d+\.\d+\.\d+[-+.\w]*", text)
    return found.group(0) if found else "?"


def stagedoor(binary, profile):
    version = f"{version_in(first_line(binary, 'version'))}, {profile}"

    def command(config, _):
        return [binary, "run", "--config", config]

    return [
        Proxy("stagedoor full", version, True, "stagedoor-full.toml", command),
        Proxy("stagedoor off", version, False, "stagedoor-off.toml", command),
    ]


def haproxy(program):
    version = version_in(first_line(program, "-v")).split("-")[0]

    def command(config, _):
        return [program, "-db", "-f", config]

    return [
        Proxy("haproxy full", version, True, "haproxy-full.cfg", command),
        Proxy("haproxy bare", version, False, "haproxy-bare.cfg", command),
    ]


def nginx(program):
    version = version_in(first_line(program, "-v"))
    folders = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
    modules = next((path for path in folders if Path(path, "ngx_http_lua_module.so").exists()), None)

    def command(config, home):
        return [program, "-p", home, "-c", config, "-e", "stderr"]

    def with_lua(config, home):
        config.write_text(config.read_text().replace("load_module modules/", f"load_module {modules}/"))
        return command(config, home)

    rows = [Proxy("nginx bare", version, False, "nginx-bare.conf", command)]
    if modules:
        return [Proxy("nginx+lua full", version, True, "nginx-full.conf", with_lua), *rows]
    say("skipped: nginx full, it has no Lua (Debian: libnginx-mod-http-lua, lua-cjson)")
    return rows


def caddy(program):
    version = version_in(first_line(program, "version"))

    def command(config, home):
        environment = ["env", f"HOME={home}", "GOMAXPROCS=1"]
        return [*environment, program, "run", "--adapter", "caddyfile", "--config", config]

    return [Proxy("caddy bare", version, False, "caddy-bare.Caddyfile", command)]


def binary_of(profile):
    """The gateway as built with `profile`; builds it if it is not there."""
    binary = TARGET / profile / "stagedoor"
    if not binary.exists():
        say(f"building stagedoor with the profile `{profile}`")
        subprocess.run(["cargo", "build", "--locked", "--profile", profile, "--bin", "stagedoor"], cwd=ROOT, check=True)
    return binary


def workplace():
    return tempfile.TemporaryDirectory(prefix="stagedoor-bench-")


def new_secret():
    return secrets.token_hex(32)


# --- one request by hand ----------------------------------------------------------------------------


def ask(port, path, bearer=None, method="GET", fields=(), body=b""):
    """One request on a connection of its own; status and header fields of the answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"Authorization: Bearer {bearer}"] if bearer else []
    lines += [f"{name}: {value}" for name, value in fields]
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.settimeout(5)
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = line.recv(65536)
            if not part:
                raise Failed(f"{method} {path}: the connection ended without an answer")
            answer += part
    status, *rest = answer.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
    pairs = (one.split(":", 1) for one in rest)
    return int(status.split()[1]), {name.lower(): value.strip() for name, value in pairs}


def prove(proxy, secret, body):
    """That the full policy is in force: raises `Failed` where it is not."""
    good = token(secret)

    def expect(what, status, *args, **more):
        got, fields = ask(proxy.port, *args, **more)
        if got != status:
            raise Failed(f"{proxy.name}: {what}: expected {status}, got {got}")
        return fields

    fields = expect("a good token passes", 200, "/x", good, fields=[("Origin", ORIGIN)])
    if fields.get("access-control-allow-origin") != ORIGIN or "x-content-type-options" not in fields:
        raise Failed(f"{proxy.name}: the answer lacks CORS or security headers")
    if "server" in fields and "bench" in fields["server"]:
        raise Failed(f"{proxy.name}: the app's `Server` shows")
    expect("no token is refused", 401, "/x")
    expect("a foreign signature is refused", 401, "/x", token(new_secret()))
    expect("an expired token is refused", 401, "/x", token(secret, exp=int(time.time()) - 3600, iat=int(time.time()) - 7200))
    expect("a foreign issuer is refused", 401, "/x", token(secret, iss="other"))
    expect("a foreign audience is refused", 401, "/x", token(secret, aud="other"))
    expect("a body over the cap is refused", 413, "/x", good, method="POST", fields=[("Content-Length", body + 1)])
    if not any(ask(proxy.port, "/limited", good)[0] == 429 for _ in range(8)):
        raise Failed(f"{proxy.name}: eight requests at once are not limited")
