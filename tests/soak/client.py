"""A client of the gateway: its connections, its tokens, and what it does in every job."""

import asyncio
import random
import socket
import struct
import time
from dataclasses import dataclass

from rig import KIB, MIB, claims, head
from wire import Ended, read_body, read_head

# Of stagedoor.toml, in seconds.
HEADER, BODY_IDLE, SEND_IDLE, STREAM_IDLE, READ = 5, 10, 20, 30, 15
# By which a deadline may be missed on a busy machine.
LATE = 10
GONE = (Ended, ConnectionError)


class Surprise(Exception):
    """What came in place of what was expected."""


@dataclass
class Answer:
    """A whole answer."""

    status: int
    fields: dict
    body: bytes = b""

    @property
    def keeps(self):
        return self.fields.get("connection", "").lower() != "close"


class Line:
    """A connection to the gateway; it ends with the `async with`."""

    def __init__(self, port, source, receives=None, tls=None):
        """`receives`: how many bytes the kernel may take in for us, where it is to be few. `tls`: the context, where TLS is spoken."""
        self.port, self.source, self.receives, self.tls = port, source, receives, tls

    async def __aenter__(self):
        made = socket.socket()
        made.setblocking(False)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.receives:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receives)
            made.bind((self.source, 0))
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))
        except BaseException:
            made.close()
            raise
        self.socket = made
        name = "127.0.0.1" if self.tls else None
        self.reader, self.writer = await asyncio.open_connection(
            sock=made, limit=self.receives or 256 * KIB, ssl=self.tls, server_hostname=name
        )
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    def resets(self):
        """Lets the connection end by a reset instead of a FIN."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer_head(self):
        """The head of the final answer; interim ones are passed over."""
        while True:
            came = await read_head(self.reader)
            if came is None:
                raise Ended("before an answer")
            status = int(came.first[1])
            if status >= 200 or status == 101:
                return Answer(status, came.fields)

    async def answer(self, bodyless=False):
        """The next answer with its body; `bodyless`: to HEAD."""
        answer = await self.answer_head()
        if not bodyless and answer.status not in (101, 204, 304):
            parts = []
            await read_body(self.reader, answer.fields, parts.append, to_the_end=True)
            answer.body = b"".join(parts)
        return answer

    async def is_over(self):
        """Waits until the gateway has ended the connection, whatever comes before. Returns how much came."""
        came = 0
        try:
            while part := await self.reader.read(MIB):
                came += len(part)
        except ConnectionError:
            pass
        return came


class Client:
    """One of the clients of a kind: with addresses and a name of its own."""

    def __init__(self, load, kind, network, number):
        """`network`: of 127.0.0.0/8, for this kind alone."""
        self.load = load
        self.random = random.Random(f"{load.seed} {kind} {number}")
        self.network = f"127.{network}.{number}"
        self.user = f"{kind.replace(' ', '-')}-{number}"
        self.began = time.time()

    def mark(self):
        """Begins another exchange: what is met from here on belongs to it."""
        self.began = time.time()

    def line(self, receives=None):
        return Line(self.load.port, f"{self.network}.{self.random.randint(1, 20)}", receives)

    def token(self, **changes):
        """A token that the gateway has not seen yet."""
        return self.load.tokens.key.one(claims(sub=self.user, jti=str(self.random.getrandbits(64)), **changes))

    def head(self, request, bearer=None, fields=()):
        return head(self.load.port, request, bearer, fields)

    def bytes(self, length):
        return self.random.randbytes(length)


def expect(answer, *statuses):
    if answer.status not in statuses:
        code = answer.fields.get("x-stagedoor-code", "of the app")
        raise Surprise(f"{answer.status} ({code}) instead of {' or '.join(map(str, statuses))}")
    return answer


async def asked(client, line, request, token, fields=(), body=b"", **how):
    await line.send(client.head(request, token, fields) + body)
    return await line.answer(**how)


async def asked_head(client, line, request, fields=()):
    await line.send(client.head(request, None, fields))
    return await line.answer_head()


async def leave(client, line):
    """By a FIN, a reset, or a FIN after which it looks whether anything comes."""
    how = client.random.randrange(3)
    if how == 0:
        line.resets()
    elif how == 1 and line.writer.can_write_eof():
        line.writer.write_eof()
        await asyncio.wait_for(line.is_over(), BODY_IDLE + READ + LATE)
