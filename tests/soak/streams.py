"""WebSockets and event streams."""

import asyncio
import time

from client import LATE, STREAM_IDLE, Surprise, expect, leave
from rig import KIB
from wire import BINARY, CLOSE, PING, PONG, TEXT, Ended, close_code, closing, frame, read_body, read_frame


# --- WebSockets -------------------------------------------------------------------------------------


async def handshake(client, line):
    fields = [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Origin", f"http://127.0.0.1:{client.load.port}"),
        ("Cookie", f"session={client.token()}"),
    ]
    client.mark()
    await line.send(client.head("GET /ws", None, fields))
    answer = expect(await line.answer_head(), 101)
    if answer.fields.get("sec-websocket-accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=":
        raise Surprise("the accept of another handshake")


async def echoed(client, line, opcode, payload):
    await line.send(frame(opcode, payload, masked=True))
    came = await read_frame(line.reader)
    if came is None:
        raise Ended("a WebSocket, without a close frame")
    if came != ({PING: PONG}.get(opcode, opcode), payload):
        what = f"close {close_code(came[1])}" if came[0] == CLOSE else f"a frame of kind {came[0]}"
        raise Surprise(f"{what} instead of an echo")
    # Not before: what becomes of the connection in a rest shows with the next message.
    client.mark()


async def closed(client, line, code):
    """Waits for the close frame with this code, and for the end."""
    client.mark()
    came = await read_frame(line.reader)
    if came is None or came[0] != CLOSE or close_code(came[1]) != code:
        raise Surprise(f"{came and (came[0], came[1][:20])} instead of close {code}")


async def long_websocket(client):
    """A minute or some: messages of all sizes, now and then."""
    until = time.time() + client.random.uniform(60, 400)
    async with client.line() as line:
        await handshake(client, line)
        while time.time() < until:
            size = client.random.choice((0, 5, 125, 126, 2000, 70_000, 256 * KIB))
            await echoed(client, line, client.random.choice((TEXT, BINARY)), client.bytes(size))
            await echoed(client, line, PING, b"there?")
            await asyncio.sleep(client.random.uniform(0.5, 3))
        await line.send(frame(CLOSE, closing(1000), masked=True))
        await closed(client, line, 1000)


async def short_websocket(client):
    """Some messages; then the client closes, or the app does, or one of them just leaves."""
    async with client.line() as line:
        await handshake(client, line)
        for _ in range(client.random.randint(0, 3)):
            await echoed(client, line, TEXT, b"hello")
        client.mark()
        ends = client.random.choice(("client", "app", "app drops", "client drops"))
        if ends == "client":
            await line.send(frame(CLOSE, closing(1000), masked=True))
            await closed(client, line, 1000)
        elif ends == "app":
            await line.send(frame(TEXT, b"close 4000", masked=True))
            await closed(client, line, 4000)
            await line.send(frame(CLOSE, closing(4000), masked=True))
        elif ends == "app drops":
            await line.send(frame(TEXT, b"drop", masked=True))
        else:
            return await leave(client, line)
        await line.is_over()


async def silent_websocket(client):
    """Says nothing: `stream_idle` ends that."""
    async with client.line() as line:
        await handshake(client, line)
        await asyncio.wait_for(line.is_over(), STREAM_IDLE + LATE)
        if time.time() - client.began < STREAM_IDLE - 1:
            raise Surprise(f"a silent WebSocket ends after {time.time() - client.began:.1f} s")


# --- event streams ----------------------------------------------------------------------------------


async def events(client):
    """Events in their order, to the end of the stream or until the client has enough."""
    count = client.random.randint(1, 60)
    wanted = client.random.choice((count, count // 2))
    async with client.line() as line:
        client.mark()
        target = f"GET /events?count={count}&every={client.random.choice((0.05, 0.5))}"
        await line.send(client.head(target, client.token()))
        answer = expect(await line.answer_head(), 200)
        came = bytearray()
        for number in range(wanted):
            await read_chunks(line, came, f"id: {number}\n".encode())
        if wanted == count:
            await read_body(line.reader, answer.fields, came.extend)
            if came.count(b"id: ") != count:
                raise Surprise(f"{came.count(b'id: ')} events instead of {count}")


async def read_chunks(line, came, mark):
    while mark not in came:
        size = int((await line.reader.readuntil(b"\r\n")), 16)
        if size == 0:
            raise Surprise("the end of an event stream in the middle")
        came += (await line.reader.readexactly(size + 2))[:-2]


async def silent_events(client):
    """A stream without events: `stream_idle` ends that."""
    async with client.line() as line:
        client.mark()
        await line.send(client.head("GET /events?count=1&every=1000", client.token()))
        expect(await line.answer_head(), 200)
        await asyncio.wait_for(line.is_over(), STREAM_IDLE + LATE)
        if time.time() - client.began < STREAM_IDLE - 1:
            raise Surprise(f"a silent stream ends after {time.time() - client.began:.1f} s")
