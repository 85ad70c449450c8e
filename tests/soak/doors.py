"""How a client comes to the gateway: over HTTP/1.1 or HTTP/2, with TLS or without. An exchange looks alike behind each.

An exchange has `send`, `finish`, `answer_head`, `parts` (of the body), `reader` (of the bytes behind the head), and `pause`
and `go_on`, between which the client reads nothing.
"""

import ssl
from contextlib import asynccontextmanager

from client import Line, Surprise, expect
from http2 import Http2
from rig import MIB
from wire import Ended

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def context(authority, protocol):
    made = ssl.create_default_context(cafile=authority)
    made.set_alpn_protocols([protocol])
    return made


class Http1:
    """A connection for each exchange."""

    def __init__(self, name, port, tls=None):
        self.name, self.port, self.tls = name, port, tls
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    @asynccontextmanager
    async def exchange(self, method, path, fields, ends=True):
        """`ends`: it has no body; else `fields` say its length."""
        async with Line(self.port, "127.0.0.1", tls=self.tls) as line:
            yield await self.begin(line, method, path, fields)

    @asynccontextmanager
    async def kept(self):
        """Requests one after the other on one connection: what begins one."""
        async with Line(self.port, "127.0.0.1", tls=self.tls) as line:
            async def ask(method, path, fields):
                return await self.begin(line, method, path, fields)

            yield ask

    async def begin(self, line, method, path, fields):
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *(f"{name}: {value}" for name, value in fields)]
        await line.send("\r\n".join([*lines, "", ""]).encode())
        return Http1Exchange(line)

    @asynccontextmanager
    async def websocket(self, path, fields):
        """An open WebSocket."""
        more = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", KEY)]
        async with self.exchange("GET", path, [*fields, *more]) as exchange:
            answer = expect(await exchange.answer_head(), 101)
            if answer.fields.get("sec-websocket-accept") != ACCEPT:
                raise Surprise("the accept of another handshake")
            yield exchange


class Http1Exchange:
    def __init__(self, line):
        self.line, self.reader = line, line.reader
        self.send, self.fields = line.send, {}

    async def finish(self):
        """A body ends where its length says."""

    async def answer_head(self):
        answer = await self.line.answer_head()
        self.fields = answer.fields
        return answer

    async def parts(self):
        if "chunked" in self.fields.get("transfer-encoding", ""):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
            return
        left = int(self.fields["content-length"])
        while left:
            part = await self.reader.read(min(left, MIB))
            if not part:
                raise Ended(f"{left} bytes before the end of a body")
            left -= len(part)
            yield part

    def pause(self):
        """The reader takes nothing from the socket while nobody reads of it."""

    def go_on(self):
        pass


class Http2Each:
    """HTTP/2, a connection for each exchange."""

    def __init__(self, name, port, tls):
        self.name, self.port, self.tls = name, port, tls
        self.origin = f"https://127.0.0.1:{port}"

    @asynccontextmanager
    async def connection(self):
        async with Http2(self.port, self.tls) as made:
            yield made

    holds = True
    """Whether a client that pauses stops to read its socket, or only gives no window to the stream."""

    @asynccontextmanager
    async def exchange(self, method, path, fields, ends=True):
        async with self.connection() as connection:
            exchange = await self.begin(connection, method, path, fields, ends)
            try:
                yield exchange
            finally:
                await exchange.stream.leave()

    @asynccontextmanager
    async def kept(self):
        async with self.connection() as connection:
            async def ask(method, path, fields):
                return await self.begin(connection, method, path, fields)

            yield ask

    async def begin(self, connection, method, path, fields, ends=True):
        head = [(":method", method), (":scheme", "https"), (":authority", f"127.0.0.1:{self.port}"), (":path", path)]
        head += [(name.lower(), str(value)) for name, value in fields]
        return Http2Exchange(await connection.request(head, ends), self.holds)

    @asynccontextmanager
    async def websocket(self, path, fields):
        more = [(":protocol", "websocket"), *fields, ("Sec-WebSocket-Version", "13")]
        async with self.exchange("CONNECT", path, more, ends=False) as exchange:
            expect(await exchange.answer_head(), 200)
            yield exchange


class Http2One(Http2Each):
    """HTTP/2, one connection for all, as a browser has it. It is opened by `async with`."""

    holds = False

    async def __aenter__(self):
        self.one = await Http2(self.port, self.tls).__aenter__()
        return self

    async def __aexit__(self, *what):
        await self.one.__aexit__(*what)

    @asynccontextmanager
    async def connection(self):
        yield self.one


class Http2Exchange:
    def __init__(self, stream, holds):
        self.stream, self.holds, self.reader = stream, holds, stream.reader
        self.send, self.finish, self.answer_head, self.parts = stream.send, stream.finish, stream.answer_head, stream.parts

    def pause(self):
        """Without `parts` the stream's window is not opened."""
        if self.holds:
            self.stream.connection.hold()

    def go_on(self):
        self.stream.connection.go_on()
