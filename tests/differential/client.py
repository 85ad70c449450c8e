"""The client: sends the requests of a session as they stand, and tells what it saw."""

import socket
import time
from dataclasses import dataclass, field

from app import Ended, Stream

PATIENCE = 8


@dataclass
class Saw:
    """What came of one request, as its client saw it."""

    outcome: str = "nothing"
    """`answer`, `nothing`: the connection ended without one, `silence`: neither came in time, `nonsense`."""
    status: int = 0
    own: bool = False
    """The proxy's own answer, not one of the app."""
    script: str = ""
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    interim: list = field(default_factory=list)
    end: str = ""
    """What becomes of the connection: `kept`; `closed`, as announced; `closed unannounced`; `open`, although its end was announced."""


class Client:
    """Runs sessions through one proxy."""

    def __init__(self, port):
        self.port = port
        self.stream = None

    def run(self, session):
        """What was seen of each case."""
        self.stream = None
        if session.pipelined:
            return self.run_pipelined(session)
        saws = []
        for case in session.cases:
            if leaves(case) or case.request.half_close:
                # What such a client sees is only judged on a connection that was good.
                self.hang_up()
            fresh = self.stream is None
            saw = self.exchange(case)
            if saw.outcome == "nothing" and not fresh and saws[-1].end == "kept":
                # A connection that ended before the request, or this request is never answered.
                saw = self.exchange(case)
                if saw.outcome != "nothing":
                    saws[-1].end = "closed unannounced"
            saws.append(saw)
        self.hang_up()
        return saws

    def run_pipelined(self, session):
        self.connect()
        self.send(b"".join(case.request.head + case.request.framed for case in session.cases), ())
        saws = []
        for case in session.cases:
            # What follows a connection that ended was not answered: it is sent again, by itself.
            saws.append(self.receive(case) if self.stream else self.exchange(case))
        self.hang_up()
        return saws

    def exchange(self, case):
        if self.stream is None:
            self.connect()
        request = case.request
        wire = request.head + request.framed
        if request.leave_at is not None:
            self.send(wire[: request.leave_at], request.cuts)
            self.hang_up()
            return Saw("left")
        if request.expects:
            self.send(request.head, ())
            self.await_interim()
            self.send(request.framed, ())
        else:
            self.send(wire, request.cuts)
        if request.half_close:
            try:
                self.stream.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        return self.receive(case)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = Stream(connection)

    def hang_up(self):
        if self.stream:
            self.stream.socket.close()
        self.stream = None

    def send(self, wire, cuts):
        """Sends in pieces; a proxy that has gone is found out when its answer is read."""
        at = (0, *(cut for cut in cuts if cut < len(wire)), len(wire))
        try:
            for n, (start, end) in enumerate(zip(at, at[1:])):
                if n:
                    time.sleep(0.0005)
                self.stream.socket.sendall(wire[start:end])
        except OSError:
            pass

    def await_interim(self):
        """Waits for `100 Continue`, or whatever else comes."""
        try:
            self.stream.socket.settimeout(1)
            self.stream.fill()
        except (OSError, Ended):
            pass
        finally:
            self.stream.socket.settimeout(PATIENCE)

    def receive(self, case):
        saw = Saw()
        try:
            self.read_answer(case.request, saw)
        except TimeoutError:
            saw.outcome = "silence"
        except (ValueError, KeyError, IndexError):
            saw.outcome = "nonsense"
        except (OSError, Ended):
            pass
        if saw.end != "kept" or case.request.half_close:
            self.hang_up()
        return saw

    def read_answer(self, request, saw):
        status, fields = self.read_head()
        while status < 200:
            saw.interim.append(status)
            status, fields = self.read_head()
        saw.outcome, saw.status = "answer", status
        saw.script = fields.get("x-script", "")
        saw.own = not saw.script
        saw.end = "closed"
        announced = fields.get("connection", "").lower()
        kept = "close" not in announced and (request.version == "1.1" or "keep-alive" in announced)
        if request.method == "HEAD" or status in (204, 304):
            saw.complete = True
        elif "transfer-encoding" in fields:
            self.stream.chunks(saw.body)
            saw.complete = True
        elif "content-length" in fields:
            self.stream.data(int(fields["content-length"]), saw.body)
            saw.complete = True
        else:
            kept = False
            self.read_to_the_end(saw)
        if kept:
            saw.end = "kept"
        elif not request.half_close:
            saw.end = self.wait_for_the_end()

    def read_head(self):
        head = self.stream.head()
        if head is None:
            raise Ended
        lines = head.decode("latin-1").split("\r\n")
        if not lines[0].startswith("HTTP/1.1 "):
            raise ValueError(lines[0])
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(line)
            fields[name.lower()] = value.strip()
        return int(lines[0][9:12]), fields

    def read_to_the_end(self, saw):
        saw.body += self.stream.buffer
        self.stream.buffer.clear()
        while part := self.stream.socket.recv(262144):
            saw.body += part
        saw.complete = True

    def wait_for_the_end(self):
        """Whether a connection that is to be closed is; further bytes would be a second answer."""
        self.stream.socket.settimeout(2)
        try:
            if self.stream.buffer or self.stream.socket.recv(1):
                raise ValueError("bytes behind an answer")
        except TimeoutError:
            return "open"
        except OSError:
            pass
        return "closed"


def leaves(case):
    return case.request.leave_at is not None
