"""What a run has to show, and its results as Markdown, JSON and a chart."""

import json
import statistics
from html import escape

import report

# Flat: the median of the last fifth of the load is at most that of its second fifth, and this share of it and this much more.
# The first fifth fills what is bounded: buffers, pools, remembered refusals and tokens.
FLAT = [
    ("anon_mib", "memory of its own", "MiB", 0.10, 2),
    ("rss_mib", "resident memory", "MiB", 0.10, 2),
    ("descriptors", "descriptors", "", 0.10, 5),
    ("to_app", "connections to the app", "", 0.10, 5),
    ("idle_to_app", "of them idle", "", 0.10, 5),
    ("connections", "connections of clients", "", 0.10, 5),
    ("threads", "threads", "", 0, 4),
    ("limit_keys", "clients that limits remember", "", 0.10, 50),
    ("token_keys", "tokens remembered", "", 0.10, 50),
]
# After the load, once idle connections had time to end.
AT_REST = ("descriptors", "to_app", "from_clients", "connections", "websockets", "event_streams", "close_wait")


def flatness(samples):
    """What was compared: texts and numbers, and whether it is flat."""
    found = []
    fifth = max(len(samples) // 5, 1)
    for key, what, unit, share, more in FLAT:
        early, late = (
            statistics.median([one[key] for one in part if one[key] is not None] or [0])
            for part in (samples[fifth:2 * fifth], samples[-fifth:])
        )
        most = early * (1 + share) + more
        found.append({"what": what, "unit": unit, "early": early, "late": late, "most": round(most, 1), "ok": late <= most})
    return found


def judged(run):
    """Every assertion: what it says, what was found, whether it holds."""
    rows = []

    def row(what, found, ok):
        rows.append((what, str(found), bool(ok)))

    for one in run["flat"]:
        unit = one["unit"] and f" {one['unit']}"
        row(f"flat: {one['what']}", f"{one['early']:g} → {one['late']:g}{unit}, at most {one['most']:g}", one["ok"])
    rest, after = run["at_rest_before"], run["at_rest_after"]
    for key in AT_REST:
        row(f"at rest again: {key.replace('_', ' ')}", f"{after[key]}, before the load {rest[key]}", after[key] <= rest[key])
    count = len(run["failed"])
    row("what clients met that nothing provoked", count, count == 0)
    count = len(run["failed_events"])
    row("lines of the logs that nothing provoked", count, count == 0)
    row("panics", run["panics"], run["panics"] == 0)
    row("access events lost", run["dropped"], run["dropped"] == 0)
    row("what the app says: uploads that broke off and looked whole", run["app_log"] or "none", not run["app_log"])
    asked, reloads = run["reloads_asked"], run["reloads"]
    row("reloads taken", f"{reloads.get('ok', 0)} of {asked['ok']}", reloads.get("ok", 0) == asked["ok"])
    row("broken configurations refused", f"{reloads.get('failed', 0)} of {asked['failed']}", reloads.get("failed", 0) == asked["failed"])
    row("exit code after SIGTERM", run["exit_code"], run["exit_code"] == 0)
    if run["minutes"] >= 10:  # in less time not all of them come to their end
        idle = [kind for kind, done in run["done"].items() if not done]
        row("kinds of clients without one success", ", ".join(idle) or "none", not idle)
    return rows


def markdown(run):
    where, took = run["machine"], run["minutes"]
    rows = judged(run)
    missed = sum(not ok for _, _, ok in rows)
    parts = [
        f"# {took:g} minutes of mixed load",
        "Written by `tests/soak/run`; the samples are in [results.json](results.json).",
        f"{run['taken']}; {where['cpu']}, {where['cores']} cores, {where['memory_gib']} GiB, Linux {where['kernel']}; {run['binary']}. "
        f"One process of Stagedoor: {run['requests']:,} requests, {run['requests'] / took / 60:.0f} a second, {run['gib_in']:.1f} GiB in and "
        f"{run['gib_out']:.1f} GiB out, {run['cpu_share']:.0%} of a core; {asked_reloads(run)} and {run['restarts']} restarts of the app.",
        f"**{'Passed' if not missed else f'{missed} of {len(rows)} assertions missed'}.**",
        "![chart](results.svg)",
        "## Assertions",
        "Flat means: the median of the last fifth of the load is at most that of the second fifth, and a tenth and a little more "
        "(2 MiB, 5 descriptors). An error is provoked where the app was being restarted while the exchange was open, or until a second after "
        "it listened again.",
        report.markdown_table([["", "found", "holds"], *([what, found, "yes" if ok else "**no**"] for what, found, ok in rows)]),
        "## Answers",
        report.markdown_table([["status", "requests"], *([status, f"{count:,}"] for status, count in run["statuses"].items())]),
        "## Clients",
        "How often each did its job, and what they met while the app was restarted.",
        report.markdown_table([["", "as expected", "provoked by a restart"], *(
            [kind, f"{done:,}", "; ".join(f"{count} × {what}" for what, count in run["provoked"].get(kind, {}).items())]
            for kind, done in run["done"].items()
        )]),
        "## Provoked events of the access log and the log",
        report.markdown_table([["", "times"], *([what, f"{count:,}"] for what, count in sorted(run["provoked_events"].items()))]),
    ]
    if run["warned"]:
        parts += ["## Warnings of the log", report.markdown_table([["", "times"], *([what.replace("|", "/"), str(count)] for what, count in run["warned"].items())])]
    if run["failed"] or run["failed_events"]:
        parts += ["## What nothing provoked", *(f"* `{json.dumps(one)}`" for one in (run["failed"] + run["failed_events"])[:40])]
    return "\n\n".join(parts) + "\n"


def asked_reloads(run):
    asked = run["reloads_asked"]
    return f"{asked['ok'] + asked['failed']} reloads ({asked['failed']} of them of a broken file)"


# --- the chart --------------------------------------------------------------------------------------

PANELS = [
    ("Memory, MiB", [("rss_mib", "resident"), ("anon_mib", "of its own")]),
    ("Descriptors and connections", [("descriptors", "descriptors"), ("connections", "clients"), ("to_app", "to the app"), ("idle_to_app", "of them idle")]),
    ("Streams and threads", [("websockets", "WebSockets"), ("event_streams", "event streams"), ("threads", "threads")]),
    ("Requests a second", [("2xx 3xx", "2xx and 3xx"), ("4xx", "4xx"), ("5xx", "5xx")]),
    ("Time of an honest request, ms", [("p50_ms", "half"), ("p99_ms", "99 %")]),
]
COLOURS = ["#c2410c", "#2563eb", "#15803d", "#8a94a3"]
WIDTH, HEIGHT, LEFT, LEGEND, GAP = 760, 120, 60, 150, 44


def svg(run):
    """A panel of lines for each group of measures; the bars behind them are restarts of the app, the dotted line the end of the load."""
    parts = []
    end = run["samples"][-1]["at"] or 1
    for number, (title, lines) in enumerate(PANELS):
        parts += panel(run, end, 44 + number * (HEIGHT + GAP), title, lines)
    height = 44 + len(PANELS) * (HEIGHT + GAP) + 6
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + LEGEND}" height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="20" y="22" font-size="15" font-weight="bold" fill="#1b1f24">{run["minutes"]:g} minutes of mixed load; grey: the app is restarted</text>',
        *parts,
        "</svg>\n",
    ])


def panel(run, end, top, title, lines):
    samples = run["samples"]
    highest = max([one.get(key) or 0 for key, _ in lines for one in samples]) * 1.05 or 1

    def x(at):
        return LEFT + at / end * WIDTH

    def y(value):
        return top + HEIGHT - value / highest * HEIGHT

    parts = [f'<text x="{LEFT}" y="{top - 5}" font-weight="bold" fill="#1b1f24">{escape(title)}</text>']
    for began, ended in run["windows"]:
        parts.append(f'<rect x="{x(began):.1f}" y="{top}" width="{max(x(ended) - x(began), 1):.1f}" height="{HEIGHT}" fill="#e5e7eb"/>')
    parts += [
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d0d7de"/>',
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end" fill="#1b1f24">{highest:,.0f}</text>',
        f'<text x="{LEFT - 6}" y="{top + HEIGHT}" text-anchor="end" fill="#1b1f24">0</text>',
        f'<text x="{LEFT + WIDTH}" y="{top + HEIGHT + 14}" text-anchor="end" fill="#1b1f24">{end / 60:.0f} min</text>',
        f'<path d="M{x(run["load_ended"]):.1f} {top}v{HEIGHT}" stroke="#1b1f24" stroke-dasharray="2 3"/>',
    ]
    for at, ((key, name), colour) in enumerate(zip(lines, COLOURS)):
        points = " ".join(f"{x(one['at']):.1f},{y(one[key]):.1f}" for one in samples if one.get(key) is not None)
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>',
            f'<text x="{LEFT + WIDTH + 8}" y="{top + 12 + at * 16}" fill="{colour}">{escape(name)}</text>',
        ]
    return parts


def write(run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    samples = run["samples"]
    columns = {key: [one.get(key) for one in samples] for key in samples[0]}
    (folder / "results.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in (run | {"samples": columns}).items()) + "\n}\n"
    )
    (folder / "RESULTS.md").write_text(markdown(run))
    (folder / "results.svg").write_text(svg(run))
