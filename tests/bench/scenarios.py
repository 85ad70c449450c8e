"""What is measured, a function for each scenario. Each gives, for every proxy, what its rounds found.

Rounds are interleaved, so that a busy minute of the machine hits everybody alike.
"""

import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import transfer
from load import Load, Requests, handshakes, saturate, saturate_http2, saturated, saturated_http2
from policy import Heckler, prove
from proxies import running
from rig import GIB, KIB, MIB, OTHER_CORES, Es256, Failed, Tokens, ask, claims, placed
from tools import have, say

FLOOD_RATE = 4000
HONEST_RATE = 500
HUGE_BODY = 8 * GIB


class Bench:
    """What every scenario needs."""

    def __init__(self, options, rows, folder, upstream_port, tokens):
        self.options, self.rows, self.folder = options, rows, folder
        self.upstream_port, self.tokens = upstream_port, tokens
        self.found = {}
        self.own_time = {}

    def with_tls(self):
        return [row for row in self.rows if row.with_tls]

    def full(self):
        return [row for row in self.rows if row.full]

    def running(self, rows, tokens=None, **how):
        return running(rows, self.folder, self.upstream_port, tokens or self.tokens, **how)

    def interleaved(self, rows, one, rounds=None, port=lambda row: row.port):
        """`one(row)` for each row in each round; the policies are proven before, at this port of each."""
        found = {row.name: [] for row in rows}
        rounds = rounds or self.options.rounds
        for number in range(rounds):
            say(f"  round {number + 1} of {rounds}")
            for row in rows if number % 2 == 0 else rows[::-1]:
                try:
                    if row.full:
                        prove(row, port(row))
                    found[row.name].append(one(row))
                except OSError as fault:
                    raise Failed(f"{row.name}: {fault}") from fault
        return found


def requests(bench):
    """As many requests as the proxy can take, with one token."""
    with bench.running(bench.rows) as rows:
        for row in rows:
            saturate(row, 1, bench.options.connections)  # warm caches and pools
        found = bench.interleaved(rows, lambda row: saturated(row, bench.options))
        bench.own_time = {row.name: own_time(row) for row in rows if row.name.startswith("stagedoor")}
        return found


def own_time(row):
    """Upper bounds in µs of the gateway's own time, by its histogram: of half and of 99 % of the requests."""
    with urllib.request.urlopen(f"http://127.0.0.1:{row.admin}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    buckets = re.findall(r'stagedoor_gateway_seconds_bucket\{app="media",le="([^"]+)"\} (\d+)', text)
    buckets = [(float(bound), int(count)) for bound, count in buckets]
    total = buckets[-1][1]
    return tuple(next(bound for bound, count in buckets if count >= share * total) * 1e6 for share in (0.5, 0.99))


def users(bench):
    """The same with the tokens of many users in turn."""
    file = Path(bench.folder) / "users"
    some = (claims(sub=f"user-{number}") for number in range(bench.options.users))
    file.write_text("".join(f"{token}\n" for token in bench.tokens.key.sign(some)))
    with bench.running(bench.full()) as rows:
        for row in rows:
            saturate(row, 1, bench.options.connections, users=file)
        return bench.interleaved(rows, lambda row: saturated(row, bench.options, users=file))


def cold_es256(bench):
    """Tokens signed with ES256, each of which the proxy sees for the first time."""
    key = Es256(bench.folder)
    count = bench.options.cold
    some = key.sign(claims(sub=f"user-{number % 1000}", jti=str(number)) for number in range(count * bench.options.rounds))
    fresh = {row.name: iter([some[at:at + count] for at in range(0, len(some), count)]) for row in bench.full()}

    def one(row):
        asked = Requests(bench.folder, row, next(fresh[row.name]))
        with Heckler(row):
            before = sum(row.process.cpu())
            result = Load(row, asked, bench.options.connections).result(200)
            cpu = sum(row.process.cpu()) - before
        return {"cpu_us": cpu / result["requests"] * 1e6, "rps": result["requests"] / result["seconds"]}

    with bench.running(bench.full(), Tokens(key, bench.folder)) as rows:
        return bench.interleaved(rows, one)


def large_answers(bench):
    """Answers of 64 KiB."""
    with bench.running(bench.rows) as rows:
        return bench.interleaved(rows, lambda row: saturated(row, bench.options, path=f"/file/{64 * KIB}"))


def half_load(bench):
    """Constant rate: half of what the proxy took when it was saturated."""
    seconds = 2 * bench.options.seconds

    def one(row):
        rate = round(middle(bench.found["requests"][row.name], "rps") / 2)
        asked = Requests(bench.folder, row, [row.tokens.good])
        with Heckler(row):
            before = sum(row.process.cpu())
            result = Load(row, asked, bench.options.connections, rate, seconds).result(200)
            busy = (sum(row.process.cpu()) - before) / seconds
        return {"rate": rate, "busy": busy, **{key: result[key] for key in ("p50_us", "p99_us", "p999_us")}}

    with bench.running(bench.rows) as rows:
        return bench.interleaved(rows, one)


def system_calls(bench):
    """System calls of a counted number of requests, by strace, while the proxy has more than it can do."""
    count = bench.options.traced

    def one(row):
        asked = Requests(bench.folder, row, [row.tokens.good], times=count)
        Load(row, asked, bench.options.connections).result(200)  # the connections to the app are open then
        with Traced(row, bench.folder) as traced:
            result = Load(row, asked, bench.options.connections).result(200)
        each = {name: calls / result["requests"] for name, calls in traced.calls.items()}
        often = {name: round(value, 2) for name, value in each.items() if value >= 0.005}
        return {"calls": sum(each.values()), "by_name": often}

    with bench.running(bench.rows) as rows:
        return bench.interleaved(rows, one, rounds=1)


class Traced:
    """Counts a proxy's system calls, of all its processes and threads."""

    def __init__(self, row, folder):
        self.row, self.summary = row, Path(folder) / "strace"
        self.calls = {}

    def __enter__(self):
        pids = self.row.process.pids()
        command = [have("strace"), "-c", "-f", "-o", self.summary, *(f"--attach={pid}" for pid in pids)]
        self.child = subprocess.Popen(
            [str(word) for word in command], stderr=subprocess.PIPE, text=True, preexec_fn=placed(OTHER_CORES)
        )
        for _ in pids:
            line = self.child.stderr.readline()
            if "attached" not in line:
                raise Failed(f"{self.row.name}: strace: {line.strip() or 'ended'}")
        return self

    def __exit__(self, kind, *_):
        self.child.send_signal(signal.SIGINT)
        self.child.communicate(timeout=20)
        if kind is None:
            for line in self.summary.read_text().splitlines():
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if found and found.group(2) != "total":
                    self.calls[found.group(2)] = int(found.group(1))
            if not self.calls:
                raise Failed(f"{self.row.name}: strace counted nothing")


def floods(bench):
    """An honest client alone, beside a flood that is refused with 401, and beside one that is refused with 429."""
    seconds = 2 * bench.options.seconds
    forged = type(bench.tokens.key)(bench.folder).sign(claims(sub=f"user-{number}") for number in range(1000))
    (greedy,) = bench.tokens.key.sign([claims(sub="greedy")])

    def honest(row):
        asked = Requests(bench.folder, row, [row.tokens.good])
        return Load(row, asked, 8, HONEST_RATE, seconds).result(200)["p99_us"]

    def beside(row, flood, *expected):
        loud = Load(row, flood, 32, FLOOD_RATE, seconds + 1, nice=0)
        time.sleep(0.5)
        p99 = honest(row)
        result = loud.result(*expected)
        passed = result["statuses"].get("200", 0)
        if passed > 2 * seconds + 8:
            raise Failed(f"{row.name}: {passed} requests of a flood passed")
        return p99, result["requests"] / (seconds + 1)

    def one(row):
        alone = honest(row)
        with_401, rate_401 = beside(row, Requests(bench.folder, row, forged), 401)
        with_429, rate_429 = beside(row, Requests(bench.folder, row, [greedy], "/limited"), 429, 200)
        return {
            "alone_us": alone, "with_401_us": with_401, "with_429_us": with_429,
            "times_401": with_401 / alone, "times_429": with_429 / alone,
            "rate_401": rate_401, "rate_429": rate_429,
        }

    with bench.running(bench.full()) as rows:
        return bench.interleaved(rows, one)


def files(bench):
    """A big file down, and up with and without a declared length."""
    size = bench.options.mib * MIB
    ways = {"down": transfer.download, "up": transfer.upload, "up_chunked": transfer.upload_chunked}

    def one(row):
        found = {}
        for way, move in ways.items():
            before, began = sum(row.process.cpu()), time.monotonic()
            move(row, size)
            took = time.monotonic() - began
            found[f"{way}_cpu"] = (sum(row.process.cpu()) - before) * GIB / size
            found[f"{way}_rate"] = size / GIB / took
        return found | {"highest_mib": row.process.memory("VmHWM")}

    with bench.running(bench.rows, body=HUGE_BODY) as rows:
        return bench.interleaved(rows, one)


def memory(bench):
    """Memory at rest, of an idle connection, and of a key that a limit is counted for."""

    def at_rest_and_idle(row):
        asked = Requests(bench.folder, row, [row.tokens.good], times=100)
        Load(row, asked, 1).result(200)
        time.sleep(1)
        rest, resident = row.process.share_of_memory(), row.process.memory()
        return {"rest_mib": rest, "rest_rss_mib": resident, "idle_kib": transfer.idle(row, bench.options.idle)}

    def of_a_key(row):
        def come_from(numbers):
            for number in numbers:
                source = f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
                if ask(row.port, "GET /x", row.tokens.good, source=source).status != 200:
                    raise Failed(f"{row.name}: a request from {source} is refused")
            time.sleep(3)  # what was freed meanwhile goes back to the kernel
            return row.process.share_of_memory()

        count = bench.options.keys
        before = come_from(range(1, 2001))
        return (come_from(range(2001, 2001 + count)) - before) * MIB / count

    with bench.running(bench.rows) as rows:
        found = bench.interleaved(rows, at_rest_and_idle, rounds=1)
    # Long enough that no key is forgotten meanwhile.
    with bench.running(bench.full(), address_limit="100/hour burst 100") as rows:
        for row in rows:
            found[row.name][0]["key_bytes"] = of_a_key(row)
    return found


def over_tls(row):
    return row.tls


def over_http2(row):
    return row.http2


def tls_requests(bench):
    """As many requests as the proxy can take over TLS 1.3, HTTP/1.1."""
    with bench.running(bench.with_tls()) as rows:
        for row in rows:
            saturate(row, 1, bench.options.connections, port=row.tls)
        return bench.interleaved(rows, lambda row: saturated(row, bench.options, port=row.tls), port=over_tls)


def http2_requests(bench):
    """As many requests as the proxy can take over HTTP/2 and TLS 1.3."""
    with bench.running(bench.with_tls()) as rows:
        for row in rows:
            saturate_http2(row, 1, bench.options.connections)
        return bench.interleaved(rows, lambda row: saturated_http2(row, bench.options), port=over_http2)


def tls_handshakes(bench):
    """New connections with TLS 1.3, each with one request: full handshakes, and resumed ones."""

    def one(row):
        return {f"{kind}_us": handshakes(row, bench.options, kind) for kind in ("full", "resumed")}

    with bench.running(bench.with_tls()) as rows:
        return bench.interleaved(rows, one, port=over_tls)


# Of a client that does not send as fast as it can: every proxy here keeps up with it.
PACE = 256 * MIB


def tls_files(bench):
    """A big file down and up over TLS, with HTTP/1.1 and with HTTP/2; up also at the same pace for all, 256 MiB a second."""
    size = bench.options.mib * MIB
    ways = {
        "down": lambda row: transfer.download(row, size, row.tls),
        "up": lambda row: transfer.upload(row, size, row.tls),
        "paced_up": lambda row: transfer.upload(row, size, row.tls, PACE),
        "http2_down": lambda row: transfer.download_http2(row, size),
        "http2_up": lambda row: transfer.upload_http2(row, size),
    }

    def one(row):
        found = {}
        for way, move in ways.items():
            before = sum(row.process.cpu())
            move(row)
            found[f"{way}_cpu"] = (sum(row.process.cpu()) - before) * GIB / size
        return found | {"highest_mib": row.process.memory("VmHWM")}

    with bench.running(bench.with_tls(), body=HUGE_BODY) as rows:
        return bench.interleaved(rows, one, port=over_tls)


def tls_memory(bench):
    """Memory of an idle connection with TLS, and of one of HTTP/2."""

    def one(row):
        count = bench.options.idle_tls
        return {"tls_kib": transfer.idle(row, count, row.tls), "http2_kib": transfer.idle(row, count, row.http2)}

    with bench.running(bench.with_tls()) as rows:
        return bench.interleaved(rows, one, rounds=1, port=over_tls)


def middle(rounds, key):
    values = sorted(one[key] for one in rounds)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


ALL = {
    "requests": requests,
    "users": users,
    "cold_es256": cold_es256,
    "large_answers": large_answers,
    "half_load": half_load,
    "system_calls": system_calls,
    "floods": floods,
    "files": files,
    "memory": memory,
    "tls_requests": tls_requests,
    "http2_requests": http2_requests,
    "tls_handshakes": tls_handshakes,
    "tls_files": tls_files,
    "tls_memory": tls_memory,
}
