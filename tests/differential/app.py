"""The app: answers each request by the script that its path names, and keeps what it saw."""

import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request, as it came to the app."""

    method: str
    target: str
    fields: dict
    framing: str
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


class App:
    """One listener of the app. Each proxy has its own, so that it is known through which a request came.

    nginx before 1.29 takes an interim answer for the final one. Its app leaves them out: `interim` is false.
    """

    def __init__(self, answers, interim):
        self.answers, self.interim = answers, interim
        self.seen = {}
        self.faults = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(20)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self, connection):
        stream = Stream(connection)
        try:
            while self.exchange(stream):
                pass
        except (OSError, Ended):
            pass
        finally:
            connection.close()

    def exchange(self, stream):
        """One request; whether the connection is kept."""
        head = stream.head()
        if head is None:
            return False
        seen = self.judge(head)
        if seen is None:
            return False
        number = int(seen.target.removeprefix("/c/"))
        with self.lock:
            self.seen.setdefault(number, []).append(seen)
        answer = self.answers[number]
        if answer.when == "after":
            stream.body(seen)
        for piece in [*(answer.interim if self.interim else ()), *answer.pieces]:
            stream.socket.sendall(piece)
            time.sleep(0.0005)
        if answer.when == "early":
            stream.body(seen)
        if answer.then == "reset":
            stream.reset()
        return answer.then == "keep"

    def judge(self, head):
        """Reads a head strictly: what a proxy sends is well-formed, and one of the generated requests."""
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[!#-'*+.^-z|~0-9A-Z-]+", name):
                return self.fault(head)
            fields.setdefault(name.lower(), []).append(value.strip(" \t"))
        if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
            return self.fault(head)
        lengths, codings = fields.get("content-length", []), fields.get("transfer-encoding", [])
        framing = {(0, 0): "none", (1, 0): "length", (0, 1): "chunked"}.get((len(lengths), len(codings)))
        if framing is None or fields.get("x-case") != [parts[1].removeprefix("/c/")]:
            return self.fault(head)
        return Seen(parts[0], parts[1], fields, framing)

    def fault(self, head):
        with self.lock:
            self.faults.append(head)


class Ended(Exception):
    """The connection ended in the middle of a message."""


class Stream:
    """A socket with a buffer."""

    def __init__(self, connection):
        self.socket = connection
        self.buffer = bytearray()

    def fill(self):
        part = self.socket.recv(262144)
        if not part:
            raise Ended
        self.buffer += part

    def until(self, end):
        while (at := self.buffer.find(end)) < 0:
            self.fill()
        taken = bytes(self.buffer[:at])
        del self.buffer[: at + len(end)]
        return taken

    def head(self):
        """The head of the next message without its empty line; `None` if there is none."""
        if not self.buffer:
            part = self.socket.recv(262144)
            if not part:
                return None
            self.buffer += part
        return self.until(b"\r\n\r\n")

    def data(self, length, into):
        while length:
            if not self.buffer:
                self.fill()
            part = self.buffer[:length]
            into += part
            del self.buffer[: len(part)]
            length -= len(part)

    def chunks(self, into):
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            self.data(size, into)
            if self.until(b"\r\n"):
                raise ValueError("data behind a chunk")
        while self.until(b"\r\n"):
            pass

    def body(self, seen):
        if seen.framing == "length":
            self.data(int(seen.fields["content-length"][0]), seen.body)
        elif seen.framing == "chunked":
            self.chunks(seen.body)
        seen.complete = True

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
