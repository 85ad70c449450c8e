"""A client of HTTP/2 over TLS, upon asyncio and the library h2."""

import asyncio

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from client import Answer, Line
from rig import KIB, MIB
from wire import Ended

# What a stream may send us ahead of what we took of it, and all streams together ahead of what came.
STREAM_WINDOW, WINDOW = MIB, 16 * MIB


class Http2:
    """A connection; it ends with the `async with`."""

    def __init__(self, port, tls):
        self.line = Line(port, "127.0.0.1", tls=tls)
        self.state = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.streams, self.windows, self.settled, self.reads = {}, asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.over = None
        """Why the connection takes no further request, where it does not."""
        self.reads.set()

    async def __aenter__(self):
        await self.line.__aenter__()
        self.state.local_settings[SettingCodes.ENABLE_PUSH] = 0
        self.state.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = STREAM_WINDOW
        self.state.initiate_connection()
        self.state.increment_flow_control_window(WINDOW - 65535)
        self.pump = asyncio.create_task(self.take())
        await self.flush()
        await asyncio.wait_for(self.settled.wait(), 10)
        if self.over:
            raise Ended(self.over)
        return self

    async def __aexit__(self, *what):
        self.pump.cancel()
        await asyncio.gather(self.pump, return_exceptions=True)
        await self.line.__aexit__(*what)

    def hold(self):
        """Reads nothing more of the socket, until `go_on`."""
        self.reads.clear()

    def go_on(self):
        self.reads.set()

    async def flush(self):
        if data := self.state.data_to_send():
            await self.line.send(data)

    async def take(self):
        """Gives what comes to its streams."""
        try:
            while True:
                await self.reads.wait()
                data = await self.line.reader.read(256 * KIB)
                if not data:
                    raise Ended("a connection of HTTP/2")
                for event in self.state.receive_data(data):
                    self.happened(event)
                await self.flush()
        except Exception as fault:  # noqa: BLE001 - each stream tells it
            self.over = self.over or f"{type(fault).__name__}: {fault}"
        finally:
            self.settled.set()
            self.windows.set()
            for stream in list(self.streams.values()):
                stream.fails(self.over or "the connection was left")

    def happened(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, events.RemoteSettingsChanged):
            self.settled.set()
            self.windows.set()
        elif isinstance(event, events.WindowUpdated):
            self.windows.set()
        elif isinstance(event, events.ConnectionTerminated):
            self.over = f"GOAWAY {event.error_code!r} {event.additional_data or b''!r}"
        elif isinstance(event, events.DataReceived):
            # Of the connection at once: a stream that is not read must not hold up the others.
            if event.flow_controlled_length:
                self.state.increment_flow_control_window(event.flow_controlled_length)
            if stream:
                stream.reader.feed_data(event.data)
                stream.give_back(event.flow_controlled_length - len(event.data))
        elif stream is None:
            pass
        elif isinstance(event, events.ResponseReceived):
            fields = {name: value for name, value in event.headers}
            stream.answered.set_result(Answer(int(fields.pop(":status")), fields))
        elif isinstance(event, events.StreamEnded):
            stream.ends()
        elif isinstance(event, events.StreamReset):
            stream.fails(f"RST_STREAM {event.error_code!r}")

    async def request(self, fields, ends):
        """Begins an exchange with the fields of its head, pseudo fields among them."""
        if self.over:
            raise Ended(self.over)
        number = self.state.get_next_available_stream_id()
        stream = self.streams[number] = Stream(self, number)
        self.state.send_headers(number, fields, end_stream=ends)
        await self.flush()
        return stream


class Stream:
    """A stream of such a connection."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.answered = asyncio.get_running_loop().create_future()
        self.reader = asyncio.StreamReader()
        """What came and was not taken. No window is given back for what is read here, but by `parts`."""
        self.open = True

    def fails(self, why):
        self.open = False
        fault = Ended(f"stream {self.number}: {why}")
        if not self.answered.done():
            self.answered.set_exception(fault)
            self.answered.exception()  # seen, whether somebody waits for it or not
        self.reader.set_exception(fault)
        self.connection.streams.pop(self.number, None)

    def ends(self):
        self.open = False
        self.reader.feed_eof()
        self.connection.streams.pop(self.number, None)

    def give_back(self, length):
        """Lets the other side send so much more."""
        if length and self.open:
            self.connection.state.increment_flow_control_window(length, self.number)

    async def send(self, data):
        """As fast as the windows let us."""
        state = self.connection.state
        while data:
            if not self.open:
                raise Ended("a stream that is being sent")
            room = min(state.local_flow_control_window(self.number), state.max_outbound_frame_size)
            if room <= 0:
                self.connection.windows.clear()
                await self.connection.windows.wait()
                continue
            part, data = data[:room], data[room:]
            state.send_data(self.number, part)
            await self.connection.flush()

    async def finish(self):
        self.connection.state.end_stream(self.number)
        await self.connection.flush()

    async def answer_head(self):
        return await self.answered

    async def parts(self):
        """The body, part by part; what is not asked for keeps its window."""
        while part := await self.reader.read(256 * KIB):
            self.give_back(len(part))
            await self.connection.flush()
            yield part

    async def leave(self):
        if self.open:
            self.fails("was left")
            self.connection.state.reset_stream(self.number, ErrorCodes.CANCEL)
            await self.connection.flush()
