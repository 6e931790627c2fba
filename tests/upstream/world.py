"""What the upstream remembers: every request byte for byte, and the gates that tests open."""

import asyncio
import hashlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

KEEP = 1 << 20  # bytes of one request or response that are kept; digests and sizes go on
PATIENCE = 20.0  # seconds that a test waits before it gives up

type Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Stream:
    """Bytes that went by: the first KEEP of them, and the size and digest of all."""

    data: bytes = b""
    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        """Takes note of `data`."""
        self.size += len(data)
        self.digest.update(data)
        if len(self.data) < KEEP:
            self.data += data[: KEEP - len(self.data)]


@dataclass(slots=True)
class Seen:
    """One request and its answer.

    `received` and `sent` are what was on the wire of HTTP/1 (of HTTP/2 only the bodies);
    `body` and `reply` are the bodies without their framing. `ended` tells how the behaviour
    ended: None while it runs.
    """

    number: int
    connection: int
    protocol: str
    method: str = ""
    target: str = ""
    headers: Fields = ()
    trailers: Fields = ()
    received: Stream = field(default_factory=Stream)
    sent: Stream = field(default_factory=Stream)
    body: Stream = field(default_factory=Stream)
    reply: Stream = field(default_factory=Stream)
    chunks: list[int] = field(default_factory=list)
    ended: str | None = None

    def header(self, name: str) -> str | None:
        """The first value of a header, None when it was not sent."""
        wanted = name.lower().encode()
        values = (value for key, value in self.headers if key.lower() == wanted)
        return next((value.decode("latin-1") for value in values), None)


class Gate:
    """Where a behaviour waits until a test lets it pass, or until enough of them have arrived."""

    def __init__(self) -> None:
        self.waiting = 0
        self.arrivals = 0
        self.open = asyncio.Event()


class World:
    """The log and the gates; made for one event loop, asked from test threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = threading.Condition()
        self._gates: dict[str, Gate] = {}
        self._seen: list[Seen] = []
        self.connections = itertools.count(1)
        self.tries: dict[str, int] = {}

    # -- in the server's loop -----------------------------------------------------------------

    def begin(self, connection: int, protocol: str) -> Seen:
        """A new entry of the log."""
        seen = Seen(len(self._seen) + 1, connection, protocol)
        with self._changed:
            self._seen.append(seen)
            self._changed.notify_all()
        return seen

    def end(self, seen: Seen, how: str) -> None:
        """The behaviour is through."""
        with self._changed:
            seen.ended = how
            self._changed.notify_all()

    async def wait_at(self, name: str, until: int | None = None) -> None:
        """Waits for the gate `name`; with `until` it opens by itself at that many arrivals."""
        gate = self._gate(name)
        with self._changed:
            gate.arrivals += 1
            gate.waiting += 1
            self._changed.notify_all()
        if until is not None and gate.arrivals >= until:
            gate.open.set()
        try:
            await gate.open.wait()
        finally:
            gate.waiting -= 1

    def count_try(self, key: str) -> int:
        """How often `key` was tried, this time included."""
        self.tries[key] = self.tries.get(key, 0) + 1
        return self.tries[key]

    def _open(self, name: str) -> None:
        self._gate(name).open.set()

    def _gate(self, name: str) -> Gate:
        return self._gates.setdefault(name, Gate())

    # -- from test threads --------------------------------------------------------------------

    def open(self, name: str) -> None:
        """Opens a gate for all that wait there and for all that come."""
        self._loop.call_soon_threadsafe(self._open, name)

    def wait_arrivals(self, name: str, count: int = 1) -> None:
        """Blocks until `count` behaviours have come to the gate."""
        self._wait(lambda: name in self._gates and self._gates[name].arrivals >= count, name)

    def wait_ended(self, count: int = 1) -> None:
        """Blocks until `count` requests are through, whatever way."""
        ended = "requests to end"
        self._wait(lambda: sum(seen.ended is not None for seen in self._seen) >= count, ended)

    @property
    def seen(self) -> list[Seen]:
        """The log so far."""
        return list(self._seen)

    def back_to(self, count: int) -> None:
        """Forgets every try, and all of the log but its first `count` entries."""
        with self._changed:
            del self._seen[count:]
            self.tries.clear()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise TimeoutError(f"waited {PATIENCE} s for {what}")
