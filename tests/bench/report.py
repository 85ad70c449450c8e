"""Results as text, Markdown and a chart."""

import json
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rig import CORES, OTHER_CORES
from load import STREAMS
from scenarios import FLOOD_RATE, HONEST_RATE, middle
from tools import HERE


@dataclass
class Table:
    """One scenario: what it is, and which columns its table has: key, heading, digits after the point."""

    title: str
    about: str
    columns: list


TABLES = {
    "requests": Table(
        "Requests, one token",
        "1 KiB of JSON, {connections} connections of wrk, {seconds} s a round; the proxy is saturated. "
        "The load repeats one token, as a browser does: Stagedoor remembers verified tokens, the others verify each time.",
        [("cpu_us", "CPU µs a request", 1), ("user_us", "user", 1), ("system_us", "system", 1), ("busy", "busy", "%"),
         ("rps", "requests/s", 0), ("p50_us", "p50 µs", 0), ("p99_us", "p99 µs", 0), ("rss_mib", "MiB", 1)],
    ),
    "users": Table(
        "Requests of {users:,} users",
        "The same with the tokens of {users:,} users in turn.",
        [("cpu_us", "CPU µs a request", 1), ("busy", "busy", "%"), ("rps", "requests/s", 0), ("p99_us", "p99 µs", 0), ("rss_mib", "MiB", 1)],
    ),
    "cold_es256": Table(
        "Tokens seen for the first time, ES256",
        "{cold:,} tokens a round, each of them once, so that nobody can have it in a cache.",
        [("cpu_us", "CPU µs a request", 1), ("rps", "requests/s", 0)],
    ),
    "large_answers": Table(
        "Answers of 64 KiB",
        "As above, one token, with answers of 64 KiB.",
        [("cpu_us", "CPU µs a request", 1), ("busy", "busy", "%"), ("rps", "requests/s", 0), ("p99_us", "p99 µs", 0)],
    ),
    "half_load": Table(
        "Time of a request at half load",
        "A constant rate, half of what the same proxy took when saturated. A request that is held up counts from when it was due.",
        [("rate", "requests/s", 0), ("busy", "busy", "%"), ("p50_us", "p50 µs", 0), ("p99_us", "p99 µs", 0), ("p999_us", "p99.9 µs", 0)],
    ),
    "system_calls": Table(
        "System calls a request",
        "Counted by strace over {traced:,} requests; the proxy is saturated.",
        [("calls", "system calls", 2), ("by_name", "of which", "names")],
    ),
    "floods": Table(
        "An honest client beside a flood",
        f"{HONEST_RATE} requests a second of an honest client; beside it {FLOOD_RATE:,} a second with forged tokens, "
        "or of one user over his limit.",
        [("alone_us", "p99 µs alone", 0), ("with_401_us", "beside 401", 0), ("times_401", "times", 2), ("rate_401", "refused/s", 0),
         ("with_429_us", "beside 429", 0), ("times_429", "times", 2), ("rate_429", "refused/s", 0)],
    ),
    "files": Table(
        "A big file",
        "{mib:,} MiB over one connection: CPU seconds a GiB, and GiB a second.",
        [("down_cpu", "down, CPU s/GiB", 2), ("down_rate", "GiB/s", 2), ("up_cpu", "up, CPU s/GiB", 2), ("up_rate", "GiB/s", 2),
         ("up_chunked_cpu", "up in chunks, CPU s/GiB", 2), ("up_chunked_rate", "GiB/s", 2), ("highest_mib", "highest MiB", 1)],
    ),
    "memory": Table(
        "Memory",
        "Of the process, after 100 requests (Pss: what processes share counts once; then RSS); what each of {idle:,} idle "
        "connections adds to it; and what each of {keys:,} addresses adds that a limit is counted for.",
        [("rest_mib", "at rest MiB", 1), ("rest_rss_mib", "RSS MiB", 1), ("idle_kib", "idle connection KiB", 2), ("key_bytes", "limited key B", 0)],
    ),
    "tls_requests": Table(
        "Requests over TLS",
        "As the first table, over TLS 1.3 with HTTP/1.1 (AES-256-GCM or AES-128-GCM, as wrk and the proxy agree), a P-256 certificate.",
        [("cpu_us", "CPU µs a request", 1), ("user_us", "user", 1), ("system_us", "system", 1), ("busy", "busy", "%"),
         ("rps", "requests/s", 0), ("p99_us", "p99 µs", 0), ("rss_mib", "MiB", 1)],
    ),
    "http2_requests": Table(
        "Requests over HTTP/2",
        f"The same over HTTP/2 by h2load: {STREAMS} streams a connection, as many in all as there are connections above.",
        [("cpu_us", "CPU µs a request", 1), ("user_us", "user", 1), ("system_us", "system", 1), ("busy", "busy", "%"),
         ("rps", "requests/s", 0), ("rss_mib", "MiB", 1)],
    ),
    "tls_handshakes": Table(
        "New connections over TLS",
        "A connection with TLS 1.3 and one request: a full handshake, and one that resumes an earlier session.",
        [("full_us", "full, CPU µs", 0), ("resumed_us", "resumed, CPU µs", 0)],
    ),
    "tls_files": Table(
        "A big file over TLS",
        "{mib:,} MiB over one connection with TLS 1.3: CPU seconds a GiB.",
        [("down_cpu", "down, HTTP/1.1", 2), ("up_cpu", "up, HTTP/1.1", 2), ("paced_up_cpu", "at one pace", 2), ("http2_down_cpu", "down, HTTP/2", 2), ("http2_up_cpu", "up, HTTP/2", 2),
         ("highest_mib", "highest MiB", 1)],
    ),
    "tls_memory": Table(
        "Memory of idle connections",
        "What each of {idle_tls:,} idle connections adds after one request (Pss).",
        [("tls_kib", "TLS, HTTP/1.1 KiB", 2), ("http2_kib", "HTTP/2 KiB", 2)],
    ),
}


# --- results ----------------------------------------------------------------------------------------


def results(rows, skipped, found, options):
    """All that was measured, as it is written to the JSON file."""
    return {
        "taken": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": machine(),
        "options": {name: value for name, value in vars(options).items() if isinstance(value, int)},
        "rows": [{"name": row.name, "version": row.version, "full": row.full} for row in rows],
        "skipped": skipped,
        "scenarios": found,
    }


def machine():
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": len(CORES),
        "memory_gib": round(memory / 1024 ** 2),
        "kernel": platform.release(),
        "load_before": round(float(Path("/proc/loadavg").read_text().split()[0]), 2),
    }


def cell(rounds, key, digits):
    if not all(key in one for one in rounds):
        return "–"
    if digits == "names":
        often = sorted(rounds[-1][key].items(), key=lambda each: -each[1])
        return ", ".join(f"{name} {value:.2f}" for name, value in often[:8])
    value = middle(rounds, key)
    return f"{value:.0%}" if digits == "%" else f"{value:,.{digits}f}"


def table_of(scenario, report):
    """Heading and rows, as texts."""
    table, found = TABLES[scenario], report["scenarios"][scenario]
    lines = [["", *(heading for _, heading, _ in table.columns)]]
    for row in report["rows"]:
        if row["name"] in found:
            cells = [cell(found[row["name"]], key, digits) for key, _, digits in table.columns]
            lines.append([f"{row['name']} ({row['version']})", *cells])
    return lines


def said(text, report):
    return text.format(**report["options"])


def text_of(scenario, report):
    lines = table_of(scenario, report)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [
        "  ".join(text.ljust(width) if at == 0 else text.rjust(width) for at, (text, width) in enumerate(zip(line, widths)))
        for line in lines
    ]
    return "\n".join([said(TABLES[scenario].title, report), *rows, ""])


# --- ratios -----------------------------------------------------------------------------------------


def goals(report):
    """What was set as a goal, what was found, and whether it is met: texts, where all that it needs was measured."""

    def of(scenario, row, key):
        rounds = report["scenarios"][scenario][row]
        return middle(rounds, key)

    def ratio(scenario, row, other, key):
        return of(scenario, row, key) / of(scenario, other, key)

    mine = "stagedoor full"
    profile, kept = instructions(report)
    wanted = [
        ("full policy, CPU a request: Stagedoor / HAProxy", 0.7, "", lambda: ratio("requests", mine, "haproxy full", "cpu_us")),
        ("full policy, CPU a request: Stagedoor / nginx+Lua", 0.7, "", lambda: ratio("requests", mine, "nginx+lua full", "cpu_us")),
        ("bare, CPU a request: Stagedoor / HAProxy", 1.0, "", lambda: ratio("requests", "stagedoor off", "haproxy bare", "cpu_us")),
        (f"full policy, user-space instructions a request (profile {profile})", 85_000, "", lambda: kept["request: full policy"]),
        ("full policy, system calls a request", 5, "", lambda: of("system_calls", mine, "calls")),
        ("big file down, CPU a GiB: Stagedoor / HAProxy", 1.15, "", lambda: ratio("files", mine, "haproxy full", "down_cpu")),
        ("big file up, CPU a GiB: Stagedoor / HAProxy", 1.15, "", lambda: ratio("files", mine, "haproxy full", "up_cpu")),
        ("an idle connection", 2, " KiB", lambda: of("memory", mine, "idle_kib")),
        ("at rest", 25, " MiB", lambda: of("memory", mine, "rest_mib")),
        ("honest client's p99 beside a 401 flood / alone", 2, "", lambda: of("floods", mine, "times_401")),
        ("honest client's p99 beside a 429 flood / alone", 2, "", lambda: of("floods", mine, "times_429")),
        *(
            (f"{what}: Stagedoor / {peer}", most, "", lambda scenario=scenario, pair=pair, key=key: ratio(scenario, *pair, key))
            for what, scenario, key, most, peer, pair in (
                ("TLS, full policy, CPU a request", "tls_requests", "cpu_us", 0.9, "HAProxy", (mine, "haproxy full")),
                ("TLS, bare, CPU a request", "tls_requests", "cpu_us", 0.9, "HAProxy", ("stagedoor off", "haproxy bare")),
                ("HTTP/2, full policy, CPU a request", "http2_requests", "cpu_us", 1.1, "HAProxy", (mine, "haproxy full")),
                ("HTTP/2, bare, CPU a request", "http2_requests", "cpu_us", 1.1, "HAProxy", ("stagedoor off", "haproxy bare")),
                ("HTTP/2, bare, CPU a request", "http2_requests", "cpu_us", 1.0, "nginx", ("stagedoor off", "nginx bare")),
                ("full handshake, CPU", "tls_handshakes", "full_us", 0.7, "HAProxy", (mine, "haproxy full")),
                ("resumed handshake, CPU", "tls_handshakes", "resumed_us", 0.7, "HAProxy", (mine, "haproxy full")),
                ("big file down over TLS, CPU a GiB", "tls_files", "down_cpu", 0.9, "HAProxy", (mine, "haproxy full")),
                ("big file up over TLS, CPU a GiB", "tls_files", "up_cpu", 0.9, "HAProxy", (mine, "haproxy full")),
                ("the same at 256 MiB a second", "tls_files", "paced_up_cpu", 0.9, "HAProxy", (mine, "haproxy full")),
            )
        ),
        ("an idle connection with TLS", 12, " KiB", lambda: of("tls_memory", mine, "tls_kib")),
        ("an idle connection of HTTP/2", 56, " KiB", lambda: of("tls_memory", mine, "http2_kib")),
    ]
    lines = []
    for what, most, unit, find in wanted:
        try:
            value = find()
        except (KeyError, OSError):
            continue
        shown = f"{value:,.0f}" if most > 1000 else f"{value:.2f}"
        lines.append([what, f"{shown}{unit}", f"{most:,}{unit}", "yes" if value <= most else "no"])
    return lines


def instructions(report):
    """The profile and the counts that `tests/bench/instructions` keeps: of the profile that was measured, or else of `quick`."""
    kept = json.loads((HERE / "instructions.json").read_text())
    profile = report["rows"][0]["version"].rsplit(", ", 1)[-1]
    profile = profile if profile in kept else "quick"
    return profile, kept[profile]


# --- Markdown ---------------------------------------------------------------------------------------


def markdown_table(lines):
    first, *rest = lines
    rule = ["---"] + ["---:"] * (len(first) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [first, rule, *rest])


def markdown(report):
    where = report["machine"]
    parts = [
        "# Stagedoor beside other proxies",
        "Written by `tests/bench/run --all`; the figures of every round are in [results.json](results.json).",
        f"{report['taken']}; {where['cpu']}, {where['cores']} cores, {where['memory_gib']} GiB, Linux {where['kernel']}. "
        f"The proxy has a core of its own, the app and the load share {'the other' if where['cores'] == 2 else 'the others'}; "
        "everything goes over loopback, and where the title of a table does not say more, by HTTP/1.1 without TLS. Rounds are interleaved; figures are medians of "
        f"{report['options']['rounds']}. Compare figures of one run: those of another machine differ.",
        "\"full\" rows do the same work: bearer token with issuer, audience and expiry, limits for each address and each "
        "user, security headers, CORS, body cap, identity for the app, metrics, access log; that they do is proven before "
        "each round and while the load runs. \"off\" and \"bare\" rows only forward.",
        "![chart](results.svg)",
        "## Goals",
        markdown_table([["", "found", "at most", "met"], *goals(report)]),
    ]
    for scenario, table in TABLES.items():
        if scenario in report["scenarios"]:
            parts += [f"## {said(table.title, report)}", said(table.about, report), markdown_table(table_of(scenario, report))]
    if report["skipped"]:
        parts += ["## Left out", "\n".join(f"* {line}" for line in report["skipped"])]
    return "\n\n".join(parts) + "\n"


# --- the chart --------------------------------------------------------------------------------------

# Scenario, figure, title, digits, and which rows.
PANELS = [
    ("requests", "cpu_us", "CPU µs a request, full policy", 1, True),
    ("requests", "cpu_us", "CPU µs a request, forwarding alone", 1, False),
    ("users", "cpu_us", "CPU µs a request, full policy, {users:,} users", 1, True),
    ("cold_es256", "cpu_us", "CPU µs a request, ES256 tokens never seen before", 1, True),
    ("half_load", "p99_us", "p99 in µs at half load, full policy", 0, True),
    ("system_calls", "calls", "system calls a request, full policy", 1, True),
    ("files", "down_cpu", "CPU seconds a GiB down, full policy", 2, True),
    ("memory", "idle_kib", "KiB of an idle connection, full policy", 1, True),
    ("tls_requests", "cpu_us", "CPU µs a request over TLS, full policy", 1, True),
    ("http2_requests", "cpu_us", "CPU µs a request over HTTP/2, full policy", 1, True),
    ("tls_handshakes", "full_us", "CPU µs of a full handshake", 0, True),
    ("tls_memory", "tls_kib", "KiB of an idle connection with TLS", 1, True),
]
WIDTH, NAMES, BAR, GAP = 420, 112, 18, 8


def svg(report):
    """Panels of bars, two in a row; shorter is better in all of them."""
    panels = [panel for panel in (one_panel(report, *each) for each in PANELS) if panel]
    parts, top, highest = [], 44, 0
    for at, (title, bars) in enumerate(panels):
        left, height = 20 + at % 2 * (WIDTH + 30), 34 + len(bars) * (BAR + GAP)
        parts += drawn(left, top, title, bars)
        highest = max(highest, height)
        if at % 2 or at == len(panels) - 1:
            top, highest = top + highest + 14, 0
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH + 70}" height="{top + 6}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="20" y="26" font-size="15" font-weight="bold" fill="#1b1f24">Stagedoor beside other proxies: less is better</text>',
        *parts,
        "</svg>\n",
    ])


def one_panel(report, scenario, key, title, digits, full):
    found = report["scenarios"].get(scenario, {})
    bars = [
        (row["name"].rsplit(" ", 1)[0], middle(found[row["name"]], key), digits)
        for row in report["rows"]
        if row["full"] == full and row["name"] in found and all(key in one for one in found[row["name"]])
    ]
    return (said(title, report), bars) if bars else None


def drawn(left, top, title, bars):
    parts = [f'<text x="{left}" y="{top + 18}" font-weight="bold" fill="#1b1f24">{escape(title)}</text>']
    longest = max(value for _, value, _ in bars) or 1
    for at, (name, value, digits) in enumerate(bars):
        y = top + 28 + at * (BAR + GAP)
        length = max(value, 0) / longest * (WIDTH - NAMES - 60)
        colour = "#c2410c" if name == "stagedoor" else "#8a94a3"
        parts += [
            f'<text x="{left + NAMES - 8}" y="{y + 14}" text-anchor="end" fill="#1b1f24">{escape(name)}</text>',
            f'<rect x="{left + NAMES}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<text x="{left + NAMES + length + 6:.1f}" y="{y + 14}" fill="#1b1f24">{value:,.{digits}f}</text>',
        ]
    return parts


def write(report, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(markdown(report))
    (folder / "results.svg").write_text(svg(report))


# --- the short form ---------------------------------------------------------------------------------


def short(rows, found, options):
    """The table of the short form. Others read its rows: they stay as they are."""

    def median(row, key):
        return middle(found[row.name], key)

    cpu = {row.name: median(row, "cpu_us") for row in rows}
    print(f"\n{options.rounds} rounds of {options.seconds} s, {options.connections} connections, 1 KiB of JSON,")
    print(f"one core for the proxy, {len(OTHER_CORES)} for upstream and load; medians, CPU in µs a request\n")
    print(f"{'':34}{'CPU':>7}{'min–max':>14}{'user':>7}{'system':>8}{'busy':>6}{'req/s':>9}{'p50 µs':>9}{'p99 µs':>9}{'MiB':>7}")
    for row in rows:
        each = [one["cpu_us"] for one in found[row.name]]
        print(
            f"{row.label():34}{cpu[row.name]:7.1f}{f'{min(each):.1f}–{max(each):.1f}':>14}"
            f"{median(row, 'user_us'):7.1f}{median(row, 'system_us'):8.1f}{median(row, 'busy'):6.0%}"
            f"{median(row, 'rps'):9.0f}{median(row, 'p50_us'):9.0f}{median(row, 'p99_us'):9.0f}{median(row, 'rss_mib'):7.1f}"
        )
    print()
    if {"stagedoor full", "stagedoor off"} <= cpu.keys():
        ratio = cpu["stagedoor full"] / cpu["stagedoor off"]
        print(f"stagedoor: full / off = {ratio:.2f}")
    for full, bare in (("haproxy full", "haproxy bare"), ("nginx+lua full", "nginx bare"), ("envoy full", "envoy bare")):
        if {full, bare} <= cpu.keys():
            print(f"{full.split()[0]}: full / bare = {cpu[full] / cpu[bare]:.2f}")
    for mine, other in (("stagedoor full", "haproxy full"), ("stagedoor full", "nginx+lua full"), ("stagedoor off", "haproxy bare")):
        if {mine, other} <= cpu.keys():
            print(f"{mine} / {other} = {cpu[mine] / cpu[other]:.2f}")
    ranking = sorted((row.name for row in rows if row.full), key=cpu.get)
    print("full policies, least CPU first: " + ", ".join(f"{name} {cpu[name]:.1f}" for name in ranking))
