"""What the gateway uses and holds, by `/proc` and by its own metrics; what it logged; when the app was away."""

import calendar
import json
import os
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

from rig import ask

CLOSE_WAIT = "08"


class Windows:
    """When the app was away, and until what that did had come to its end: seconds since the epoch."""

    AFTER = 1.0
    """Seconds after the app listens again in which an exchange may still begin badly."""

    def __init__(self):
        self.spans = []

    def begin(self):
        self.spans.append([time.time(), None])

    def end(self):
        self.spans[-1][1] = time.time() + self.AFTER

    def touch(self, began, ended):
        return any(began <= (end or ended) and start <= ended for start, end in self.spans)


class Tally:
    """What came of each exchange: by kind, as expected, provoked by a restart of the app, or a failure."""

    def __init__(self, windows):
        self.windows = windows
        self.done, self.provoked, self.failed = Counter(), defaultdict(Counter), []

    def add(self, kind, found, began, ended):
        if found is None:
            self.done[kind] += 1
        elif self.windows.touch(began, ended):
            self.provoked[kind][found] += 1
        else:
            self.failed.append({"kind": kind, "what": found, "began": round(began, 3), "ended": round(ended, 3)})


class Sampler:
    """Reads the gateway from outside."""

    def __init__(self, gateway, port, admin, app):
        self.gateway, self.port, self.admin, self.app = gateway, port, admin, app
        self.pid = gateway.child.pid

    def now(self):
        """One sample; about 10 ms of work."""
        metrics = self.metrics()
        # After the metrics: their connection is over by then.
        sockets, descriptors = self.sockets()
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        memory = {key: int(re.search(rf"(?m)^{key}:\s+(\d+)", rollup).group(1)) for key in ("Rss", "Pss", "Anonymous", "AnonHugePages")}
        to_app, busy = sockets["app"], self.busy()
        return {
            "rss_mib": round(memory["Rss"] / 1024, 2),
            "pss_mib": round(memory["Pss"] / 1024, 2),
            "anon_mib": round(memory["Anonymous"] / 1024, 2),
            "huge_mib": round(memory["AnonHugePages"] / 1024, 2),
            "descriptors": descriptors,
            "threads": len(os.listdir(f"/proc/{self.pid}/task")),
            "to_app": to_app,
            "idle_to_app": None if busy is None else max(to_app - busy, 0),
            "from_clients": sockets["clients"],
            "close_wait": sockets["close wait"],
            "connections": metrics.sum("stagedoor_connections"),
            "websockets": metrics.sum("stagedoor_streams", 'kind="websocket"'),
            "event_streams": metrics.sum("stagedoor_streams") - metrics.sum("stagedoor_streams", 'kind="websocket"'),
            "limit_keys": metrics.sum("stagedoor_state_keys", 'kind="limit"'),
            "token_keys": metrics.sum("stagedoor_state_keys", 'kind="token"'),
            "cpu_s": round(sum(self.gateway.cpu()), 2),
            "requests": metrics.sum("stagedoor_requests_total"),
        }, metrics

    def metrics(self):
        return Metrics(ask(self.admin, "GET /metrics").body.decode())

    def busy(self):
        """How many connections the app is at work on; `None` while it is away."""
        try:
            return json.loads(ask(self.app, "GET /counts").body)["busy"]
        except Exception:  # noqa: BLE001 - away in any way
            return None

    def sockets(self):
        """The gateway's own sockets by whom they lead to, and how many descriptors it has."""
        inodes, descriptors = set(), 0
        folder = f"/proc/{self.pid}/fd"
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            descriptors += 1
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        found = Counter()
        for file in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.pid}/net/{file}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] not in inodes:
                    continue
                local, remote = (int(fields[at].rsplit(":", 1)[1], 16) for at in (1, 2))
                found["close wait"] += fields[3] == CLOSE_WAIT
                if remote == self.app:
                    found["app"] += 1
                elif local == self.port and remote:
                    found["clients"] += 1
        return found, descriptors


class Metrics:
    """The text that Prometheus reads."""

    def __init__(self, text):
        self.series = re.findall(r"(?m)^(\w+)(?:\{([^}]*)\})? ([0-9.e+-]+)$", text)

    def sum(self, name, label=""):
        """Of all series with this name and, if one is given, this label."""
        return round(sum(float(value) for one, labels, value in self.series if one == name and label in labels))

    def by(self, name, label):
        """The sum for each value of a label."""
        found = Counter()
        for one, labels, value in self.series:
            if one == name:
                found[re.search(rf'{label}="([^"]*)"', labels).group(1)] += round(float(value))
        return dict(sorted(found.items()))


class Log:
    """A log file of JSON lines that is read while it grows, and found again when it was rotated."""

    def __init__(self, path):
        self.path, self.file, self.rest = Path(path), None, b""

    def lines(self):
        """What came since the last call."""
        found = []
        if self.file is None:
            if not self.path.exists():
                return found
            self.file = open(self.path, "rb")
        found += self.read()
        try:
            rotated = os.stat(self.path).st_ino != os.fstat(self.file.fileno()).st_ino
        except OSError:
            rotated = False
        if rotated:
            found += self.read()
            self.file.close()
            self.file, self.rest = open(self.path, "rb"), b""
            found += self.read()
        return found

    def read(self):
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        return lines


class Events:
    """The gateway's own account: its access log and its log."""

    # What the app does on purpose, and what has to become of it.
    ON_PURPOSE = {
        "/faults/cut": "200 - closed",
        "/faults/garbage": "502 upstream_unreachable bad_answer",
        "/faults/switch": "502 upstream_unreachable bad_answer",
        "/faults/close": "502 upstream_unreachable closed",
        "/faults/silent": "504 upstream_timeout timeout",
    }

    def __init__(self, home, windows, broken):
        """`broken`: the spans in which a configuration with a mistake was loaded on purpose."""
        self.windows, self.broken = windows, broken
        self.access, self.log = Log(home / "access" / "access.jsonl"), Log(home / "output.log")
        self.failed, self.provoked, self.lines, self.warned = [], Counter(), 0, Counter()

    def read(self):
        for line in self.access.lines():
            self.lines += 1
            # Most lines are of answers that need no explanation.
            if b'"status":5' in line or b'"upstream_error"' in line:
                self.judge(json.loads(line))
        for line in self.log.lines():
            self.judge_log(line)

    def judge(self, event):
        cause = f"{event['status']} {event['code'] or '-'} {event.get('upstream_error', '-')}"
        began = since_epoch(event["time"])
        if self.ON_PURPOSE.get(event["path"]) == cause:
            self.provoked[f"{cause}, by the app's {event['path']}"] += 1
        elif self.windows.touch(began, began + event["total_us"] / 1e6):
            self.provoked[f"{cause}, by a restart"] += 1
        else:
            self.failed.append({"what": f"access log: {cause}", "event": event})

    def judge_log(self, line):
        text = line.decode(errors="replace")
        try:
            event = json.loads(text)
        except ValueError:
            event = {"level": "", "message": text}
        if event.get("level") == "WARN":
            self.warned[re.sub(r"\d+", "N", event.get("message", ""))[:160]] += 1
        odd = event.get("level") not in ("INFO", "WARN", "DEBUG") or "panic" in text.lower()
        if not odd:
            return
        if event.get("level") == "ERROR" and self.broken.touch(since_epoch(event["time"]), since_epoch(event["time"])):
            self.provoked["log: a broken configuration is not loaded"] += 1
        else:
            self.failed.append({"what": "log", "event": text[:2000]})


def since_epoch(text):
    """Of a time as it stands in the logs, such as 2026-01-02T03:04:05.678Z."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(seconds) + float(f"0.{fraction or 0}")
