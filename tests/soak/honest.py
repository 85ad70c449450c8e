"""What honest clients do: requests with tokens, uploads, films.

A job says what it expects and raises `Surprise` where something else comes.
"""

import asyncio
import json
import time
import zlib

from client import LATE, SEND_IDLE, Surprise, asked, asked_head, expect, leave
from film import SIZE, film
from rig import KIB, MIB, ORIGIN
from wire import Ended, chunk, read_head


# --- requests ---------------------------------------------------------------------------------------


async def json_requests(client):
    """A page in a browser: some hundred requests over one connection, with one token."""
    token, pick = client.token(), client.random
    async with client.line() as line:
        for _ in range(pick.randint(20, 200)):
            client.mark()
            page = pick.randrange(1000)
            await pick.choice((listing, listing, listing, listing, unchanged, only_head, comment, delete, own, public))(client, line, token, page)
            client.load.times.append(time.time() - client.began)
            await asyncio.sleep(pick.uniform(0.02, 0.1))


async def listing(client, line, token, page):
    answer = expect(await asked(client, line, f"GET /api/items?page={page}", token, [("Origin", ORIGIN)]), 200)
    said = json.loads(answer.body)
    if (said["target"], said["user"]) != (f"/api/items?page={page}", client.user):
        raise Surprise(f"the answer to another request: {said['target']} of {said['user']}")
    if answer.fields.get("access-control-allow-origin") != ORIGIN or "x-content-type-options" not in answer.fields:
        raise Surprise("an answer without CORS or security headers")


async def unchanged(client, line, token, page):
    target = f"/api/items?page={page}"
    tag = f'"{zlib.crc32(target.encode()):x}"'
    expect(await asked(client, line, f"GET {target}", token, [("If-None-Match", tag)]), 304)


async def only_head(client, line, token, page):
    expect(await asked(client, line, f"HEAD /api/items?page={page}", token, bodyless=True), 200)


async def comment(client, line, token, _):
    body = client.bytes(client.random.randint(0, 20 * KIB))
    answer = expect(await asked(client, line, "POST /comments", token, [("Content-Length", len(body))], body), 200)
    if json.loads(answer.body)["crc"] != zlib.crc32(body):
        raise Surprise("the app got another body")


async def delete(client, line, token, page):
    expect(await asked(client, line, f"DELETE /api/items/{page}", token), 204)


async def own(client, line, token, page):
    expect(await asked(client, line, f"GET /users/{client.user}/{page}", token), 200)


async def public(client, line, _, page):
    expect(await asked(client, line, f"GET /public/{page}", None), 200)


async def pipelined(client):
    """Some requests at once. The answers come in their order; some clients leave before all of them have."""
    token, count = client.token(), client.random.randint(2, 20)
    async with client.line() as line:
        client.mark()
        await line.send(b"".join(client.head(f"GET /api/items?page={number}", token) for number in range(count)))
        for number in range(client.random.choice((count, count, count // 2))):
            said = json.loads(expect(await line.answer(), 200).body)
            if said["target"] != f"/api/items?page={number}":
                raise Surprise(f"answers out of order: {said['target']} is number {number}")


async def half_closed(client):
    """Ends its side after the request, and still wants the answer."""
    async with client.line() as line:
        client.mark()
        await line.send(client.head("GET /api/items?page=1", client.token()))
        line.writer.write_eof()
        expect(await line.answer(), 200)


async def preflight(client):
    async with client.line() as line:
        client.mark()
        fields = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
        answer = expect(await asked(client, line, "OPTIONS /api/items", None, fields), 200, 204)
        if answer.fields.get("access-control-allow-origin") != ORIGIN:
            raise Surprise("a preflight without CORS")


# --- uploads ----------------------------------------------------------------------------------------


async def small_upload(client):
    body, pick = client.bytes(client.random.randint(1, MIB)), client.random
    async with client.line() as line:
        client.mark()
        if pick.random() < 0.5:
            wire = [body[at:at + 50_000] for at in range(0, len(body), 50_000)]
            fields, wire = [("Transfer-Encoding", "chunked")], [*map(chunk, wire), b"0\r\n\r\n"]
        else:
            fields, wire = [("Content-Length", len(body))], [body]
        if pick.random() < 0.2:
            await line.send(client.head("PUT /upload/one", client.token(), [*fields, ("Expect", "100-continue")]))
            interim = await read_head(line.reader)
            if interim is None or interim.first[1] != "100":
                raise Surprise(f"{interim and interim.first} instead of 100 Continue")
        else:
            await line.send(client.head("PUT /upload/one", client.token(), fields))
        for part in wire:
            await line.send(part)
        received(expect(await line.answer(), 200), len(body), zlib.crc32(body))


def received(answer, length, crc):
    said = json.loads(answer.body)
    if (said["received"], said["crc"]) != (length, crc):
        raise Surprise(f"the app got {said['received']} bytes of {length}, or others")


async def large_upload(client):
    """Some hundred MiB."""
    block = client.bytes(256 * KIB)
    count = client.random.randint(400, 1200)
    chunked = client.random.random() < 0.5
    field = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", count * len(block))
    crc = 0
    async with client.line() as line:
        client.mark()
        await line.send(client.head("POST /upload/large", client.token(), [field]))
        for _ in range(count):
            await line.send(chunk(block) if chunked else block)
            crc = zlib.crc32(block, crc)
            await asyncio.sleep(0.003)
        await line.send(b"0\r\n\r\n" if chunked else b"")
        received(expect(await line.answer(), 200), count * len(block), crc)


async def broken_upload(client):
    """Leaves in the middle. The app counts those that it took for whole: there may be none."""
    block, chunked = client.bytes(64 * KIB), client.random.random() < 0.5
    field = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", 50 * MIB)
    async with client.line() as line:
        client.mark()
        await line.send(client.head("POST /upload/broken", client.token(), [field]))
        for _ in range(client.random.randint(0, 200)):
            await line.send(chunk(block) if chunked else block)
        await line.send(block[:client.random.randrange(len(block))] if not chunked else b"ffff\r\nsome")
        await leave(client, line)


# --- films ------------------------------------------------------------------------------------------


async def watch(client):
    """A player: some seeks, each a range to the end of the film that it leaves; then a range that it takes whole."""
    pick, token = client.random, client.token()
    for _ in range(pick.randint(1, 4)):
        async with client.line() as line:
            at = pick.randrange(SIZE - 64 * MIB)
            await ranged(client, line, token, at, "")
            await played(line, at, pick.randint(1, 6 * MIB), pick.choice((1, 2, 4)) * MIB)
    async with client.line() as line:
        for _ in range(pick.randint(1, 4)):
            length = pick.randint(1, 2 * MIB)
            at = pick.randrange(SIZE - length)
            answer = await ranged(client, line, token, at, at + length - 1)
            await played(line, at, length, 8 * MIB)
            await asyncio.sleep(pick.uniform(0, 1))
            if not answer.keeps:
                break
        client.mark()
        expect(await asked(client, line, f"GET /film/one.mkv?token={token}", None, [("Range", f"bytes={SIZE}-")]), 416)


async def ranged(client, line, token, first, last):
    client.mark()
    answer = await asked_head(client, line, f"GET /film/one.mkv?token={token}", [("Range", f"bytes={first}-{last}")])
    expect(answer, 206)
    if answer.fields.get("content-range") != f"bytes {first}-{last if last != '' else SIZE - 1}/{SIZE}":
        raise Surprise(f"another range: {answer.fields.get('content-range')}")
    return answer


async def played(line, at, length, rate):
    """Reads so many bytes of a film from `at` on, at `rate` bytes a second."""
    end = at + length
    while at < end:
        part = await line.reader.read(min(end - at, 256 * KIB))
        if not part:
            raise Ended(f"{end - at} bytes before the end of a range")
        if part != film(at, len(part)):
            raise Surprise(f"other bytes of the film at {at}")
        at += len(part)
        await asyncio.sleep(len(part) / rate)


async def slow_reader(client):
    """Takes 32 KiB a second, and gets all of it."""
    async with client.line(receives=4 * KIB) as line:
        at = client.random.randrange(SIZE - MIB)
        await ranged(client, line, client.token(), at, at + 300 * KIB - 1)
        await played(line, at, 300 * KIB, 32 * KIB)


async def takes_nothing(client):
    """Asks for a film and reads nothing of it: `send_idle` ends that."""
    async with client.line(receives=4 * KIB) as line:
        await ranged(client, line, client.token(), 0, "")
        await asyncio.sleep(SEND_IDLE + LATE)
        client.mark()
        if await line.is_over() > 64 * MIB:
            raise Surprise("served after `send_idle`")
