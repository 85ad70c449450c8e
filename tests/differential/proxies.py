"""The two proxies, each in front of its own app, with as little of their own as their configuration allows.

nginx opens a connection to the app for each request: what comes after a strange answer is not to be compared with what a
connection makes of it that is out of step. `proxy_ignore_client_abort` lets clients close their side, as HTTP has it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

STAGEDOOR = """
version = 1
[server]
listen = ["127.0.0.1:@PORT@"]
[server.limits]
connections_per_ip = 10000
[admin]
listen = "off"
[log]
level  = "error"
access = { file = "access.jsonl" }
[app.media]
hosts          = ["media.localhost"]
upstream       = { urls = ["http://127.0.0.1:@APP@"], retries = 0 }
auth           = "public"
body.max       = "1GiB"
headers.preset = "off"
"""

NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log error;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    client_max_body_size 0;
    merge_slashes off;
    server {
        listen 127.0.0.1:@PORT@;
        location / {
            proxy_pass http://127.0.0.1:@APP@;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_next_upstream off;
            proxy_ignore_client_abort on;
            proxy_set_header connection "";
            proxy_set_header host $http_host;
        }
    }
}
"""


class Proxy:
    """A running proxy; it ends with the `with`."""

    def __init__(self, name, binary, app):
        self.name, self.binary = name, binary
        self.folder = Path(tempfile.mkdtemp(prefix=f"stagedoor-differential-{name}-"))
        self.port = free_port()
        text = {"stagedoor": STAGEDOOR, "nginx": NGINX}[name]
        self.config = self.folder / {"stagedoor": "stagedoor.toml", "nginx": "nginx.conf"}[name]
        self.config.write_text(text.replace("@PORT@", str(self.port)).replace("@APP@", str(app)))

    def __enter__(self):
        if self.name == "stagedoor":
            command = [self.binary, "run", "--config", self.config]
        else:
            command = [self.binary, "-p", f"{self.folder}/", "-c", self.config, "-e", "error.log"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STAGEDOOR_")}
        self.log = open(self.folder / "output.log", "wb")
        self.child = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.child.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{self.name} did not start:\n{self.output()}") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def output(self):
        return (self.folder / "output.log").read_text(errors="replace")[-4000:]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
