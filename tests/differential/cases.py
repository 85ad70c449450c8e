"""Generated exchanges: what a client sends, what the app answers, and in which pieces.

Everything comes from one seed. Each case has traits, by which differences between two proxies are explained.
"""

import random
from dataclasses import dataclass, field

HOST = b"media.localhost"
SIZES = (0, 0, 1, 5, 100, 1000, 4096, 16384, 20000, 70000, 200000)


@dataclass
class Request:
    method: str
    version: str
    head: bytes = b""
    body: bytes = b""
    """The data of the body, without its framing."""
    framed: bytes = b""
    cuts: tuple = ()
    """Where the bytes are divided into writes."""
    leave_at: int | None = None
    """The client closes after this many bytes."""
    half_close: bool = False
    expects: bool = False


@dataclass
class Answer:
    status: int
    body: bytes = b""
    pieces: list = field(default_factory=list)
    """The bytes on the wire, a write each."""
    interim: list = field(default_factory=list)
    """The same of the interim answers before it."""
    when: str = "after"
    """`after` the body was read; `early`: before; `unread`: before, and the body is never read."""
    then: str = "keep"
    """What becomes of the connection: `keep`, `close`, `reset`."""


@dataclass
class Case:
    id: int
    request: Request
    answer: Answer
    traits: frozenset


@dataclass
class Session:
    """Cases for one connection, as long as it is kept."""

    cases: list
    pipelined: bool = False


def sessions(seed, count):
    """Sessions with `count` cases in all."""
    rng = random.Random(seed)
    number = 0
    while number < count:
        pipelined = rng.random() < 0.08
        length = min(count - number, rng.choice((1, 1, 2, 3, 4, 6)))
        # In one piece only what leaves the connection as it was; anything goes otherwise.
        yield Session([case(rng, number + n, plain=pipelined) for n in range(length)], pipelined)
        number += length


def case(rng, number, plain=False):
    traits = set()
    request = make_request(rng, number, traits, plain)
    answer = make_answer(rng, number, request, traits, plain)
    return Case(number, request, answer, frozenset(traits))


def data(rng, size):
    # Never a line end in it by chance, and every part of it tells where it is from.
    return (b"%08x" % rng.getrandbits(32) * (size // 8 + 1))[:size]


def cuts(rng, length):
    kind = rng.random()
    if kind < 0.5 or length < 2:
        return ()
    if kind < 0.56 and length < 2000:
        return tuple(range(1, length, max(1, length // 60)))
    return tuple(sorted(rng.randrange(1, length) for _ in range(rng.randint(1, 5))))


def chunked(rng, body, traits, side):
    out, rest = bytearray(), body
    while rest:
        size = rng.randint(1, max(1, min(len(rest), rng.choice((3, 100, 5000, 100000)))))
        number = f"{size:x}" if rng.random() < 0.7 else f"{size:X}".rjust(6, "0")
        extension = ";a=1;b=\"x;y\"" if rng.random() < 0.05 else ""
        out += f"{number}{extension}\r\n".encode() + rest[:size] + b"\r\n"
        rest = rest[size:]
        if extension:
            traits.add(f"{side} chunk extension")
    trailer = rng.random() < 0.15
    if trailer:
        traits.add(f"{side} trailer")
    return bytes(out + b"0\r\n" + (b"X-Trailer: 1\r\n" if trailer else b"") + b"\r\n")


METHODS = ("GET",) * 7 + ("POST",) * 5 + ("HEAD", "HEAD", "PUT", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")


def make_request(rng, number, traits, plain):
    method = rng.choice(METHODS)
    version = "1.1" if plain or rng.random() < 0.88 else "1.0"
    if version == "1.0":
        traits.add("client 1.0")
    lines = [f"{method} /c/{number} HTTP/{version}".encode(), b"Host: " + HOST, b"X-Case: %d" % number]
    with_body = method in ("POST", "PUT", "PATCH", "PROPFIND") or (method != "HEAD" and rng.random() < 0.1)
    body, framed, expects = b"", b"", False
    if with_body:
        body = data(rng, rng.choice(SIZES))
        traits.add("request body" if body else "empty request body")
        if version == "1.1" and rng.random() < 0.45:
            lines.append(rng.choice((b"Transfer-Encoding: chunked", b"transfer-encoding: Chunked")))
            framed = chunked(rng, body, traits, "request")
            traits.add("request chunked")
        else:
            lines.append(b"Content-Length: %d" % len(body))
            framed = body
        if version == "1.1" and framed and not plain and rng.random() < 0.04:
            lines.append(b"Expect: 100-continue")
            expects = True
            traits.add("expect")
    if version == "1.0" and rng.random() < 0.5:
        lines.append(b"Connection: keep-alive")
    elif version == "1.1" and not plain and rng.random() < 0.12:
        lines.append(b"Connection: close")
        traits.add("client close")
    first, *others = lines
    rng.shuffle(others)
    head = b"\r\n".join((first, *others)) + b"\r\n\r\n"
    request = Request(method, version, head, body, framed, expects=expects)
    length = len(head) + len(framed)
    request.cuts = cuts(rng, length)
    if not plain and not expects:
        kind = rng.random()
        if kind < 0.06:
            request.leave_at = rng.randrange(1, length) if rng.random() < 0.5 else max(1, length - rng.randint(1, 6))
            traits.add("leaves")
        elif kind < 0.09:
            request.half_close = True
            traits.add("half-closes")
    return request


STATUSES = (200,) * 10 + (201, 202, 206, 301, 302, 400, 401, 403, 404, 409, 416, 429, 500, 502, 503, 204, 204, 304, 304)

BAD_HEADS = (
    ("length and coding", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    ("list of lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd"),
    ("signed length", b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
    ("negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc"),
    ("length in hex", b"HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc"),
    ("length beyond 64 bits", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"),
    ("unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("coding after chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("line feeds alone", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
    ("a line feed alone", b"HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\nabc"),
    ("a NUL", b"HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 3\r\n\r\nabc"),
    ("a field without a colon", b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 3\r\n\r\nabc"),
    ("a folded line", b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 3\r\n\r\nabc"),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("a status below 100", b"HTTP/1.1 099 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("no HTTP", b"220 ready\r\n\r\n"),
    ("HTTP/2", b"HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("an unasked switch", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nsecret"),
    ("a large head", b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 100_000 + b"\r\nContent-Length: 3\r\n\r\nabc"),
    ("part of a head", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("nothing", b""),
)

BAD_CHUNKS = (
    ("no number", b"zz\r\nabc\r\n0\r\n\r\n"),
    ("a negative number", b"-3\r\nabc\r\n0\r\n\r\n"),
    ("a line feed alone in a chunk line", b"3\nabc\r\n0\r\n\r\n"),
    ("more data than the chunk has", b"3\r\nabcd\r\n0\r\n\r\n"),
    ("no line end after a chunk", b"3\r\nabc0\r\n\r\n"),
    ("two numbers", b"3 3\r\nabc\r\n0\r\n\r\n"),
    ("a number beyond 64 bits", b"FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"),
    ("an empty line for a number", b"\r\n3\r\nabc\r\n0\r\n\r\n"),
)


def make_answer(rng, number, request, traits, plain):
    if not plain and rng.random() < 0.05:
        name, wire = rng.choice(BAD_HEADS)
        traits.update(("bad head", name))
        wire = wire.replace(b"200 OK\r\n", b"200 OK\r\nX-Script: %d\r\n" % number)
        return Answer(502, b"abcd", slices(rng, wire), then="close")
    status = rng.choice(STATUSES)
    version = "1.1" if rng.random() < 0.9 else "1.0"
    lines = [f"HTTP/{version} {status} {rng.choice(('OK', 'Some Words', ''))}".encode(), b"X-Script: %d" % number]
    if version == "1.0":
        traits.add("app 1.0")
    then = "close" if version == "1.0" else "keep"
    bodiless = request.method == "HEAD" or status in (204, 304)
    body = b"" if status in (204, 304) else data(rng, rng.choice(SIZES))
    framings = ["length", "length", "close"] if version == "1.0" else ["length", "length", "chunked", "chunked", "close"]
    framing = "none" if status in (204, 304) and rng.random() < 0.8 else rng.choice(framings)
    framed = body
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        framed = chunked(rng, body, traits, "answer")
        traits.add("answer chunked")
    elif framing == "close":
        traits.add("answer ends by closing")
        if not bodiless:
            then = "close"
    if then == "close" or rng.random() < 0.1:
        then = "close"
        if version == "1.1":
            lines.append(b"Connection: close")
        traits.add("app closes")
    if status in (204, 304):
        traits.add(str(status))
        if framing != "none":
            traits.add("framing without content")
    if request.method == "HEAD":
        traits.add("HEAD")
    answer = Answer(status, b"" if bodiless else body, then=then)
    if not plain and rng.random() < 0.05:
        code = rng.choice((100, 102, 103))
        traits.update(("interim", f"interim {code}"))
        wire = f"HTTP/1.1 {code} Interim\r\nX-Interim: 1\r\n\r\n".encode() * rng.choice((1, 1, 2))
        answer.interim = slices(rng, wire)
    wire = b"\r\n".join(lines) + b"\r\n\r\n"
    start = len(wire)
    if not bodiless:
        wire += framed
    if not plain:
        wire = spoil(rng, answer, wire, start, framing, traits)
    if request.body and not plain and "bad chunk" not in traits and rng.random() < 0.1:
        answer.when = rng.choice(("early", "early", "unread"))
        traits.add(answer.when)
        if answer.when == "unread":
            answer.then = "close"
    answer.pieces = slices(rng, wire)
    if "bytes behind the answer" in traits:
        # With the last byte of the answer: of what comes later, when the next request may be on its way, nobody can
        # tell that it is no answer to it.
        end = len(wire) - len(BEHIND) - 1
        answer.pieces = [*slices(rng, wire[:end]), wire[end:]]
    return answer


BEHIND = b"HTTP/1.1 200 OK\r\nX-Script: 0\r\nContent-Length: 6\r\n\r\npoison"


def spoil(rng, answer, wire, start, framing, traits):
    """Breaks some answers: cut, with a wrong chunk, or with bytes behind them."""
    kind = rng.random()
    if kind < 0.05 and len(wire) > start and framing in ("length", "chunked"):
        traits.add("cut")
        answer.then = rng.choice(("close", "reset"))
        traits.add(f"cut by {answer.then}")
        return wire[: rng.randrange(start, len(wire))]
    if kind < 0.08 and framing == "chunked" and len(wire) > start:
        name, fault = rng.choice(BAD_CHUNKS)
        traits.update(("bad chunk", name))
        answer.then = "close"
        answer.body = b"firstabc"
        return wire[:start] + b"5\r\nfirst\r\n" + fault
    if kind < 0.10 and framing in ("length", "chunked"):
        traits.add("bytes behind the answer")
        return wire + BEHIND
    return wire


def slices(rng, wire):
    at = (0, *cuts(rng, len(wire)), len(wire))
    return [wire[a:b] for a, b in zip(at, at[1:]) if a < b]
