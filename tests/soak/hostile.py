"""What is refused or breaks off: floods, malformed and slow requests, clients that leave, an app that fails."""

import asyncio
import time

from client import GONE, HEADER, Surprise, asked, expect
from rig import KIB, MIB, claims
from wire import chunk


# --- what is refused --------------------------------------------------------------------------------


async def flood_401(client):
    """Forged, expired and foreign tokens, and none."""
    tokens = client.load.tokens
    forged = client.load.forger.one(claims(sub=client.user, jti=str(client.random.getrandbits(64))))
    async with client.line() as line:
        for _ in range(30):
            client.mark()
            token = client.random.choice((tokens.expired, tokens.issuer, tokens.audience, forged, None))
            expect(await asked(client, line, "GET /api/items", token), 401)
            await asyncio.sleep(0.03)


async def flood_429(client):
    """More than the route takes."""
    token = client.token()
    async with client.line() as line:
        for _ in range(30):
            client.mark()
            answer = expect(await asked(client, line, "GET /limited", token), 200, 429)
            if not answer.keeps:
                break
            await asyncio.sleep(0.03)


async def refused(client):
    """Malformed and forbidden requests, one of each on a connection of its own."""
    token = client.token()
    for wire, status in (
        (client.head("POST /comments", token, [("Content-Length", 5), ("Content-Length", 6)]), 400),
        (client.head("POST /comments", token, [("Content-Length", 5), ("Transfer-Encoding", "chunked")]), 400),
        (client.head("GET /a/../b", token), 400),
        (client.head("GET /admin/x", token), 403),
        (client.head("GET /users/another/x", token), 403),
        (client.head("POST /comments", token, [("Content-Length", MIB)]), 413),
        (client.head(f"GET /{'x' * 9000}", token), 414),
        (client.head("GET /x", token, [("X-Long", "x" * 40_000)]), 431),
        (b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 421),
        (client.head("TRACE /x", token), 405),
        (client.head("GET /x", token, [("Upgrade", "h2c"), ("Connection", "Upgrade")]), 200),
        (client.head("DELETE /x", None, [("Cookie", f"session={token}"), ("Origin", "https://evil.example")]), 403),
        (client.head("POST /comments", token, [("Transfer-Encoding", "chunked")]) + b"zz\r\n\r\n", 400),
    ):
        client.mark()
        async with client.line() as line:
            await line.send(wire)
            got = (await line.answer()).status
            if got != status:
                raise Surprise(f"{got} instead of {status} for {wire[:40]!r}")
        await asyncio.sleep(0.1)


async def slow_head(client):
    """A byte a second: `header` ends that."""
    async with client.line() as line:
        client.mark()
        answered = asyncio.ensure_future(line.answer())
        await dripped(line, client.head("GET /api/items", client.token()), 1, answered)
        expect(await answered, 408)


async def slow_but_in_time(client):
    """A second for the head, unless the machine is too busy for that: then it may be too late."""
    async with client.line() as line:
        client.mark()
        wire = client.head("GET /public/slow")
        try:
            for at in range(len(wire)):
                await line.send(wire[at:at + 1])
                await asyncio.sleep(0.02)
        except OSError:
            if time.time() - client.began < HEADER - 1:
                raise
            return
        in_time = time.time() - client.began < HEADER - 1
        expect(await line.answer(), *((200,) if in_time else (200, 408)))


async def leaves(client):
    """Leaves at any byte of a request, or of an answer."""
    pick, token = client.random, client.token()
    body = client.bytes(pick.randint(0, 3000))
    wires = (
        client.head("GET /api/items", token),
        client.head("POST /comments", token, [("Content-Length", len(body))]) + body,
        client.head("POST /comments", token, [("Transfer-Encoding", "chunked")]) + chunk(body or b"x") + b"0\r\n\r\n",
        client.head("GET /film/x", token),
        client.head("GET /events?count=100&every=0.01", token),
        client.head("GET /faults/drip", token),
        b"".join(client.head("GET /api/items", token) for _ in range(5)),
    )
    wire = pick.choice(wires)
    async with client.line() as line:
        client.mark()
        if pick.random() < 0.6:
            await line.send(wire[:pick.randrange(len(wire))])
        else:
            await line.send(wire)
            try:
                await asyncio.wait_for(line.reader.read(pick.randint(1, 2000)), pick.uniform(0, 0.3))
            except asyncio.TimeoutError:
                pass
        if pick.random() < 0.5:
            line.resets()


async def slow_upload(client):
    """A byte a second: slower than `min_rate`, which is told after `body_idle`."""
    async with client.line() as line:
        client.mark()
        await line.send(client.head("POST /upload/slow", client.token(), [("Content-Length", 1000)]))
        answered = asyncio.ensure_future(line.answer())
        await dripped(line, bytes(1000), 1, answered)
        expect(await answered, 408)


async def dripped(line, data, seconds, answered):
    """Sends a byte at a time until there is an answer."""
    try:
        for at in range(len(data)):
            if answered.done():
                return
            await line.send(data[at:at + 1])
            await asyncio.wait([answered], timeout=seconds)
    except ConnectionError:
        pass  # the answer tells why
    except asyncio.CancelledError:
        answered.cancel()
        raise


# --- what the app does wrong ------------------------------------------------------------------------


async def app_faults(client):
    """An app that fails in each way that it knows."""
    token = client.token()
    for kind, status in (
        ("cut", None), ("garbage", 502), ("drip", 200), ("close", 502), ("extra", 200), ("interim", 200), ("switch", 502),
    ):
        client.mark()
        async with client.line() as line:
            await line.send(client.head(f"GET /faults/{kind}", token))
            try:
                expect(await line.answer(), status or 0)
            except GONE:
                if status:
                    raise
    async with client.line() as line:
        client.mark()
        await line.send(client.head("POST /faults/early", token, [("Content-Length", 10 * MIB)]))
        answered = asyncio.ensure_future(line.answer())
        try:
            for _ in range(160):
                if answered.done():
                    break
                await line.send(bytes(64 * KIB))
        except ConnectionError:
            pass  # the answer is there all the same
        expect(await answered, 403)


async def silent_app(client):
    """No answer: `read` ends that."""
    async with client.line() as line:
        client.mark()
        expect(await asked(client, line, "GET /faults/silent", client.token()), 504)
