"""The kinds of clients there are, and all of them at work.

What an exchange that was open while the app was restarted met is counted as provoked; anything else makes the run fail.
"""

import asyncio
import os
import time
from dataclasses import dataclass

import honest
import hostile
import streams
from client import BODY_IDLE, HEADER, LATE, READ, SEND_IDLE, STREAM_IDLE, Client, Surprise
from wire import Ended, Malformed


@dataclass
class Kind:
    """A kind of client: how many there are, how long each rests after its job, and how long the job may take, in seconds."""

    name: str
    job: object
    count: int
    rest: float
    limit: float


KINDS = [
    Kind("json", honest.json_requests, 10, 0.2, 120),
    Kind("pipelined", honest.pipelined, 2, 1, 60),
    Kind("half closed", honest.half_closed, 1, 1, 30),
    Kind("preflight", honest.preflight, 1, 1, 30),
    Kind("small upload", honest.small_upload, 2, 0.5, 60),
    Kind("large upload", honest.large_upload, 1, 15, 120),
    Kind("broken upload", honest.broken_upload, 2, 1, 90),
    Kind("slow upload", hostile.slow_upload, 2, 1, BODY_IDLE + 2 * LATE),
    Kind("film", honest.watch, 5, 1, 180),
    Kind("slow reader", honest.slow_reader, 2, 1, 60),
    Kind("takes nothing", honest.takes_nothing, 2, 1, SEND_IDLE + 4 * LATE),
    Kind("long websocket", streams.long_websocket, 8, 1, 500),
    Kind("short websocket", streams.short_websocket, 3, 0.5, BODY_IDLE + READ + 2 * LATE),
    Kind("silent websocket", streams.silent_websocket, 2, 1, STREAM_IDLE + 2 * LATE),
    Kind("events", streams.events, 5, 0.5, 120),
    Kind("silent events", streams.silent_events, 1, 1, STREAM_IDLE + 2 * LATE),
    Kind("401 flood", hostile.flood_401, 3, 0.1, 30),
    Kind("429 flood", hostile.flood_429, 2, 0.1, 30),
    Kind("refused", hostile.refused, 1, 0.5, 60),
    Kind("slow head", hostile.slow_head, 3, 1, HEADER + 2 * LATE),
    Kind("slow but in time", hostile.slow_but_in_time, 2, 1, 30),
    Kind("leaves", hostile.leaves, 4, 0.3, 30),
    Kind("app faults", hostile.app_faults, 1, 1, 60),
    Kind("silent app", hostile.silent_app, 1, 1, READ + 2 * LATE),
]


class Load:
    """All clients, until it is stopped."""

    def __init__(self, port, tokens, forger, tally, seed):
        self.port, self.tokens, self.forger, self.tally, self.seed = port, tokens, forger, tally, seed
        self.times = []
        """How long the requests of honest clients took, since they were last asked for."""
        self.tasks, self.over = [], False

    def start(self):
        for kind in KINDS:
            for number in range(kind.count):
                self.tasks.append(asyncio.create_task(self.repeat(kind, Client(self, kind.name, 20 + KINDS.index(kind), number))))

    async def repeat(self, kind, client):
        await asyncio.sleep(client.random.uniform(0, 2))
        while not self.over:
            client.mark()
            found = None
            try:
                await asyncio.wait_for(kind.job(client), kind.limit)
            except Surprise as surprise:
                found = str(surprise)
            except asyncio.TimeoutError:
                found = f"not over within {kind.limit} s"
            except asyncio.IncompleteReadError:
                found = "the connection ended in a chunk"
            except Malformed as fault:
                found = f"malformed: {fault}"
            except Ended as fault:
                found = f"the connection ended {fault}"
            except OSError as fault:
                found = f"{os.strerror(fault.errno) if fault.errno else fault}"
            self.tally.add(kind.name, found, client.began, time.time())
            await asyncio.sleep(kind.rest * client.random.uniform(0.5, 1.5))

    async def stop(self):
        self.over, open_ones = True, self.tasks
        while open_ones:
            # `wait_for` loses a cancellation that comes just when its task is done: so again and again.
            for task in open_ones:
                task.cancel()
            _, open_ones = await asyncio.wait(open_ones, timeout=1)

    def fault(self):
        """What ended a client by mistake: a fault of these scripts."""
        for task in self.tasks:
            if task.done() and not task.cancelled() and task.exception():
                return task.exception()
        return None
