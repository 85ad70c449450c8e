#!/usr/bin/env python3
"""The app behind the gateway: a media server as the load needs one, with paths on which it fails on purpose.

    app.py PORT

It listens on every address of `localhost`, so that the gateway has a name to resolve. `GET /counts` says what it holds.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
import socket
import sys
import zlib

from film import SIZE, film
from wire import BINARY, CLOSE, MIB, PING, PONG, TEXT, Ended, Malformed, chunk, close_code, closing, frame, read_body, read_frame, read_head

OPEN = {"connections": 0, "busy": 0}


async def connection(reader, writer):
    OPEN["connections"] += 1
    try:
        while (head := await read_head(reader)) is not None:
            OPEN["busy"] += 1
            try:
                kept = await answer(head, reader, writer)
                await writer.drain()
            finally:
                OPEN["busy"] -= 1
            if not kept:
                break
    except (OSError, Ended, Malformed, asyncio.IncompleteReadError):
        pass
    finally:
        OPEN["connections"] -= 1
        writer.close()


async def answer(head, reader, writer):
    """One request. Whether its connection is kept."""
    method, target, _ = head.first
    path, _, query = target.partition("?")
    asked = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    name = path.split("/")[1]
    if name == "faults":
        return await fault(path.split("/")[2], head, reader, writer)
    if name in ("ws", "socket"):
        return await websocket(head, reader, writer)
    body = Body()
    await read_body(reader, head.fields, body.take)
    if name == "film":
        return await send_film(method, head, writer)
    if name == "events":
        return await events(asked, writer)
    if name == "upload":
        if path.startswith("/upload/broken"):
            print("an upload that broke off looks whole", file=sys.stderr, flush=True)
        said = {"received": body.length, "crc": body.crc}
    elif name == "counts":
        said = OPEN | {"connections": OPEN["connections"] - 1, "busy": OPEN["busy"] - 1}
    elif method == "DELETE":
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        return True
    else:
        tag = f'"{zlib.crc32(target.encode()):x}"'
        if head.fields.get("if-none-match") == tag:
            writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
            return True
        user = head.fields.get("x-auth-user", "")
        said = {"target": target, "user": user, "received": body.length, "crc": body.crc, "items": ["item"] * 100}
    data = json.dumps(said).encode()
    fields = [f"Content-Length: {len(data)}", "Content-Type: application/json", "Server: soak/1"]
    if method == "GET" and name == "api":
        fields.append(f"ETag: {tag}")
    writer.write("\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode() + (b"" if method == "HEAD" else data))
    return True


class Body:
    """Length and checksum of a body."""

    def __init__(self):
        self.length = self.crc = 0

    def take(self, part):
        self.length += len(part)
        self.crc = zlib.crc32(part, self.crc)


async def send_film(method, head, writer):
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", head.fields.get("range", "bytes=0-"))
    first, last = wanted.groups() if wanted else ("", "")
    if first == "":
        first, last = SIZE - int(last or 0), SIZE - 1
    first, last = int(first), min(int(last or SIZE - 1), SIZE - 1)
    if first > last:
        writer.write(f"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{SIZE}\r\nContent-Length: 0\r\n\r\n".encode())
        return True
    writer.write(
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{SIZE}\r\nContent-Type: video/x-matroska\r\n"
        f"Accept-Ranges: bytes\r\nContent-Length: {last - first + 1}\r\n\r\n".encode()
    )
    if method == "HEAD":
        return True
    while first <= last:
        part = film(first, min(256 * 1024, last - first + 1))
        writer.write(part)
        await writer.drain()
        first += len(part)
    return True


async def events(asked, writer):
    """`count` of them, a rest of `every` seconds behind each; `first`: behind the first one."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(int(asked["count"])):
        writer.write(chunk(f"id: {number}\ndata: something happened\n\n".encode()))
        await writer.drain()
        await asyncio.sleep(float(asked["first"] if number == 0 and "first" in asked else asked["every"]))
    writer.write(b"0\r\n\r\n")
    return True


async def websocket(head, reader, writer):
    """Echoes. `close N` lets the app close with that code, `drop` end the connection, `later N` say `now` after so many seconds."""
    key = head.fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    while (came := await read_frame(reader)) is not None:
        opcode, payload = came
        if opcode == CLOSE:
            writer.write(frame(CLOSE, closing(close_code(payload)), masked=False))
            break
        if payload == b"drop":
            writer.transport.abort()
            break
        if payload.startswith(b"close "):
            writer.write(frame(CLOSE, closing(int(payload[6:])), masked=False))
            await writer.drain()
            while (came := await read_frame(reader)) is not None and came[0] != CLOSE:
                pass
            break
        if payload.startswith(b"later "):
            await asyncio.sleep(float(payload[6:]))
            writer.write(frame(TEXT, b"now", masked=False))
        elif opcode in (TEXT, BINARY):
            writer.write(frame(opcode, payload, masked=False))
        elif opcode == PING:
            writer.write(frame(PONG, payload, masked=False))
        await writer.drain()
    return False


async def fault(kind, head, reader, writer):
    """Answers as no app should. Whether the connection is kept."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    if kind != "early":
        await read_body(reader, head.fields, lambda part: None)
    if kind == "silent":
        await reader.read(1)  # until the gateway gives up
    elif kind == "cut":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + bytes(5000))
        await writer.drain()
    elif kind == "garbage":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok")
    elif kind == "drip":
        for at in range(len(whole)):
            writer.write(whole[at:at + 1])
            await writer.drain()
            await asyncio.sleep(0.02)
        return True
    elif kind == "early":
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        await writer.drain()
        # Closes as a careful app does: what still comes is read, so that no reset takes the answer away.
        writer.write_eof()
        await asyncio.wait_for(discard(reader), 5)
    elif kind == "extra":
        writer.write(whole + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra")
        return True
    elif kind == "interim":
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(whole)
        return True
    elif kind == "switch":
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    return False


async def discard(reader):
    while await reader.read(MIB):
        pass


def sockets(port):
    """A listener on each address of `localhost` that this machine has."""
    made = []
    for family, kind, _, _, address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
        try:
            made.append(socket.create_server(address[:2], family=family, backlog=1024))
        except OSError:
            continue
    return made


async def main():
    # Of a client that has left it would warn at every further write.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    servers = [await asyncio.start_server(connection, sock=one, limit=256 * 1024) for one in sockets(int(sys.argv[1]))]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
