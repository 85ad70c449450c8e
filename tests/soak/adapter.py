"""Carries a WebSocket client of plain HTTP/1.1 to the gateway over TLS, or over HTTP/2 with extended CONNECT (RFC 8441).

What client and gateway send each other is passed on unchanged and at once: an end as an end, a reset as a reset.
"""

import asyncio
import base64
import hashlib
from contextlib import suppress

from h2.exceptions import ProtocolError

from client import Line, Surprise
from rig import KIB
from wire import Ended, Malformed, read_head

# Of RFC 6455 §1.3.
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Fields that an upgrade of HTTP/1.1 has and an extended CONNECT has not, or that are written anew.
OF_THE_UPGRADE = {"connection", "upgrade", "host", "sec-websocket-key", "sec-websocket-version"}


class Adapter:
    """A listener on a free port of loopback. Each of its connections is carried by `carry(reader, writer)`."""

    def __init__(self, carry):
        self.carry, self.tasks = carry, set()
        self.faults = []
        """What the gateway did that is no WebSocket."""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.taken, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def taken(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            await self.carry(reader, writer)
            writer.close()
        except (Surprise, Malformed) as fault:
            self.faults.append(f"{type(fault).__name__}: {fault}")
        except (Ended, OSError, TimeoutError):
            pass  # the client meets a reset
        finally:
            if not writer.is_closing():
                writer.transport.abort()
            self.tasks.discard(task)


def over_tls(port, tls):
    """The bytes of the client within TLS, as they are."""

    async def carry(reader, writer):
        async with Line(port, "127.0.0.1", tls=tls) as line:
            await relay(reader, writer, OverTls(line))

    return carry


class OverTls:
    def __init__(self, line):
        self.line, self.send = line, line.send

    async def parts(self):
        while part := await self.line.reader.read(64 * KIB):
            yield part

    async def finish(self):
        """Ends both directions: asyncio cannot end one of TLS alone."""
        self.line.writer.close()
        await self.line.writer.wait_closed()


def over_http2(door):
    """`door`: of doors.py, with a connection for each WebSocket or with one for all."""

    async def carry(reader, writer):
        head = await read_head(reader)
        if head is None:
            return
        fields = [(name, value) for name, value in head.fields.items() if name not in OF_THE_UPGRADE]
        async with door.websocket(head.first[1], fields) as exchange:
            answer = await exchange.answer_head()
            writer.write(switched(head.fields["sec-websocket-key"], answer.fields))
            await relay(reader, writer, exchange)

    return carry


def switched(key, fields):
    """The head of HTTP/1.1 that says what the answer to an extended CONNECT said."""
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


async def relay(reader, writer, exchange):
    """Both ways at the same time, until both have ended."""
    ways = [asyncio.create_task(way) for way in (to_gateway(reader, exchange), to_client(exchange, writer))]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def to_gateway(reader, exchange):
    taken = True
    while part := await reader.read(64 * KIB):
        if taken:
            try:
                await exchange.send(part)
            except Ended:
                taken = False  # the app has ended the WebSocket: what the client still sends is read and left
    with suppress(ProtocolError):  # the stream is over already
        await exchange.finish()


async def to_client(exchange, writer):
    async for part in exchange.parts():
        writer.write(part)
        await writer.drain()
    writer.write_eof()
