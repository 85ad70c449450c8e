"""Load upon one proxy: wrk, or h2load for HTTP/2, where it is to be saturated; our own `load` for constant rates and counted requests."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from policy import Heckler
from rig import ORIGIN, OTHER_CORES, Failed, TlsPort, head, placed
from tools import HERE, built, have

PATH = "/api/library/items?page=1"


def saturate(row, seconds, connections, path=PATH, users=None, port=None):
    """wrk's output. `users`: a file of tokens, one a line, instead of the one good token; `port`: another than the plain one."""
    port = port or row.port
    command = [have("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Origin: {ORIGIN}"]
    command += ["-s", HERE / "users.lua"] if users else ["-H", f"Authorization: Bearer {row.tokens.good}"]
    scheme = "https" if isinstance(port, TlsPort) else "http"
    command += [f"{scheme}://127.0.0.1:{int(port)}{path}", *(["--", users] if users else [])]
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, check=True, preexec_fn=placed(OTHER_CORES), timeout=seconds + 30,
    )
    return done.stdout


def saturated(row, options, **load):
    """One round: what the proxy uses and gives while wrk asks as fast as it can, and is hindered by a heckler."""
    with Heckler(row, load.get("port")):
        user, system = row.process.cpu()
        output = saturate(row, options.seconds, options.connections, **load)
        user_after, system_after = row.process.cpu()
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", output) or re.search(r"Socket errors: .*", output)
    if wrong or not requests:
        raise Failed(f"{row.name}: the load met errors: {wrong.group(0) if wrong else 'no answer at all'}")
    user, system = user_after - user, system_after - system
    return {
        "cpu_us": (user + system) / requests * 1e6,
        "user_us": user / requests * 1e6,
        "system_us": system / requests * 1e6,
        "busy": (user + system) / options.seconds,
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        "p50_us": latency(output, 50),
        "p99_us": latency(output, 99),
        "rss_mib": row.process.memory(),
    }


STREAMS = 8  # of each connection of HTTP/2


def saturate_http2(row, seconds, connections, path=PATH):
    """h2load's output: as many streams as there are connections elsewhere."""
    command = [have("h2load"), "-t1", f"-c{connections // STREAMS}", f"-m{STREAMS}", f"-D{seconds}", "-H", f"Origin: {ORIGIN}"]
    command += ["-H", f"Authorization: Bearer {row.tokens.good}", f"https://127.0.0.1:{int(row.http2)}{path}"]
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, check=True, preexec_fn=placed(OTHER_CORES), timeout=seconds + 30,
    )
    return done.stdout


def saturated_http2(row, options):
    """As `saturated`, over HTTP/2."""
    with Heckler(row, row.http2):
        user, system = row.process.cpu()
        output = saturate_http2(row, options.seconds, options.connections)
        user_after, system_after = row.process.cpu()
    found = re.search(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed", output)
    good = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", output)
    if "Application protocol: h2" not in output or not found or not good or not int(good.group(1)) or int(found.group(3)):
        raise Failed(f"{row.name}: the load over HTTP/2 met errors:\n{output}")
    requests = int(good.group(1))
    user, system = user_after - user, system_after - system
    return {
        "cpu_us": (user + system) / requests * 1e6,
        "user_us": user / requests * 1e6,
        "system_us": system / requests * 1e6,
        "busy": (user + system) / options.seconds,
        "rps": requests / options.seconds,
        "rss_mib": row.process.memory(),
    }


def handshakes(row, options, kind):
    """CPU µs of a connection with TLS 1.3 and one request; `kind`: "full" or "resumed"."""
    command = [sys.executable, HERE / "handshakes.py", int(row.tls), row.tls.authority, row.tokens.good, options.seconds, kind]
    with Heckler(row, row.tls):
        before = sum(row.process.cpu())
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True, text=True, preexec_fn=placed(OTHER_CORES), timeout=options.seconds + 60,
        )
        cpu = sum(row.process.cpu()) - before
    if done.returncode:
        raise Failed(f"{row.name}: {kind} handshakes: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    return cpu / (found["connections"] + found["warm_up"]) * 1e6


def latency(output, percent):
    value, unit = re.search(rf"(?m)^\s+{percent}%\s+([\d.]+)(us|ms|s)", output).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


class Requests:
    """A file of request heads for `load`."""

    def __init__(self, folder, row, tokens, path=PATH, times=1):
        self.file = Path(folder) / f"requests-{time.monotonic_ns()}"
        one = (head(row.port, f"GET {path}", token, [("Origin", ORIGIN)]) for token in tokens)
        self.file.write_bytes(b"".join(one) * times)


class Load:
    """`load` while it runs."""

    def __init__(self, row, requests, connections, rate=0, seconds=0, nice=-10):
        self.row, self.limit = row, seconds + 120
        command = [built("load.rs"), row.port, requests.file, connections, rate, seconds]
        self.child = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=placed(OTHER_CORES, nice),
        )

    def result(self, *expected):
        """What it printed. Raises `Failed` where an answer has another status than the `expected` ones."""
        try:
            output, errors = self.child.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise Failed(f"{self.row.name}: the load does not end") from None
        if self.child.returncode:
            raise Failed(f"{self.row.name}: the load met an error: {errors.strip()}")
        found = json.loads(output)
        if set(found["statuses"]) - {str(status) for status in expected} or not found["requests"]:
            raise Failed(f"{self.row.name}: the load was answered {found['statuses']}, not {expected}")
        return found
