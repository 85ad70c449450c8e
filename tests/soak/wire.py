"""HTTP/1.1 and WebSockets over asyncio's streams: as little of them as the app and its clients need."""

import asyncio
import os
import struct

MIB = 1024 ** 2
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Ended(Exception):
    """The connection ended where more had to come."""


class Malformed(Exception):
    """What came is no HTTP or no WebSocket."""


class Head:
    """The first line of a message and its fields, names in lower case."""

    def __init__(self, raw):
        first, *lines = raw.decode("latin-1").split("\r\n")
        self.first = first.split(" ", 2)
        self.fields = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed(f"a field without a colon: {line!r}")
            self.fields[name.lower()] = value.strip()

    def words(self, name):
        """A field's value as words in lower case."""
        return [word.strip().lower() for word in self.fields.get(name, "").split(",")]


async def read_head(reader):
    """The next head; `None` where the connection ends before it."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if cut.partial:
            raise Ended(f"in a head, after {len(cut.partial)} bytes") from None
        return None
    return Head(raw[:-4])


async def read_body(reader, fields, take, to_the_end=False):
    """Gives the parts of a body to `take`. Without length and chunks there is none, or all that comes `to_the_end`."""
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int((await read_line(reader)).split(b";")[0], 16):
            await read_bytes(reader, size, take)
            if await read_line(reader):
                raise Malformed("data behind a chunk")
        while await read_line(reader):
            pass
    elif "content-length" in fields:
        await read_bytes(reader, int(fields["content-length"]), take)
    elif to_the_end:
        while part := await reader.read(MIB):
            take(part)


async def read_line(reader):
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.IncompleteReadError:
        raise Ended("between chunks") from None


async def read_bytes(reader, length, take):
    while length:
        part = await reader.read(min(length, MIB))
        if not part:
            raise Ended(f"{length} bytes before the end of a body")
        take(part)
        length -= len(part)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


# --- WebSockets (RFC 6455) --------------------------------------------------------------------------


def frame(opcode, payload, masked):
    """One frame; those of a client are masked."""
    length, mask_bit = len(payload), 0x80 if masked else 0
    if length < 126:
        top = bytes([0x80 | opcode, mask_bit | length])
    elif length < 65536:
        top = struct.pack("!BBH", 0x80 | opcode, mask_bit | 126, length)
    else:
        top = struct.pack("!BBQ", 0x80 | opcode, mask_bit | 127, length)
    if not masked:
        return top + payload
    mask = os.urandom(4)
    return top + mask + masked_with(mask, payload)


def masked_with(mask, payload):
    length = len(payload)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")


async def read_frame(reader):
    """Opcode and payload of the next frame; `None` where the connection ends before it."""
    try:
        try:
            first, second = await reader.readexactly(2)
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                raise
            return None
        if not first & 0x80:
            raise Malformed("a fragment where none was sent")
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await reader.readexactly(8))
        mask = await reader.readexactly(4) if second & 0x80 else None
        payload = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        raise Ended("in a frame") from None
    return first & 0x0F, masked_with(mask, payload) if mask else payload


def close_code(payload):
    return struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005


def closing(code):
    return struct.pack("!H", code)
