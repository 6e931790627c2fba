"""Load for a proxy, and the server behind it: cheap on purpose, for a thousand kills.

    with Origin() as origin:
        load = Load(ways, origin, "kill-7", stop_after=20, then=service.kill)
        load.run()

Clients are threads that block, each on a connection of its own. Each call has a name of its own in
its query; `completed` are those whose answer came whole, `origin.seen` those that came through.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, override

PATIENCE = 120.0  # seconds: a hung call ends the test, a slow machine does not
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n%b"


def _sized(body: bytes, kind: bytes = b"text/plain", more: bytes = b"") -> bytes:
    return _OK % (kind, b"%bContent-Length: %d\r\n" % (more, len(body)), body)


def _chunked(pieces: Sequence[bytes], kind: bytes = b"text/plain", more: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return _OK % (kind, more + b"Transfer-Encoding: chunked\r\n", body + b"0\r\n\r\n")


_BEGINS, _ENDS = b"data: one\n\n", b"data: two\n\n"
_ZIPPED = gzip.compress(b"a text that says its place\n" * 300, mtime=0)
_GZIP = b"Content-Encoding: gzip\r\n"
ANSWERS = {  # by path: what is sent, and how long its body is
    "/small": (_sized(b"x" * 300), 300),
    "/chunks": (_chunked([b"a" * 10, b"b" * 2000, b"c" * 30]), 2040),
    "/events": (_chunked([_BEGINS, _ENDS], b"text/event-stream"), 22),
    "/zipped": (_chunked([_ZIPPED[:50], _ZIPPED[50:]], more=_GZIP), len(_ZIPPED)),
    "/large": (_sized(b"0123456789abcdef" * 12_500), 200_000),
}
_HELD, _, _ = ANSWERS["/events"][0].partition(b"b\r\n" + _ENDS)
_HELD_REST = ANSWERS["/events"][0].removeprefix(_HELD)
TURNS = ("/small", "/chunks", "/small", "/events", "/zipped", "/small", "/chunks", "/large")
ASKED = b'{"model":"m","messages":[{"role":"user","content":"what is the time?"}]}'


class Way(NamedTuple):
    """A way in: where to connect, what targets begin with, and what each request says beside."""

    port: int
    prefix: str = "http://upstream.test"
    headers: str = ""
    trust: ssl.SSLContext | None = None  # through a tunnel then, and TLS in it


def ways(proxy: int, api: int, run: str, trust: ssl.SSLContext) -> list[Way]:
    """Tunnel, plain proxy and gateway for the clients of a run, some of each."""
    named = f"Dashcam-Run: {run}\r\n"
    tunnel = Way(proxy, "", named, trust)
    plain = Way(proxy, headers=named)
    return [tunnel, tunnel, tunnel, plain, plain, Way(api, "/mine", named)]


class Origin:
    """The server behind, in a thread. `seen` are the queries of the requests that came whole.

    `/held` answers as `/events`, but for the second event, which waits for `release`.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._held: list[asyncio.Transport] = []
        self._more = threading.Condition()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def wait_for(self, count: int) -> None:
        """Returns once so many answers are held."""
        with self._more:
            assert self._more.wait_for(lambda: len(self._held) >= count, PATIENCE)

    def _hold(self, transport: asyncio.Transport) -> None:
        with self._more:
            self._held.append(transport)
            self._more.notify_all()

    def release(self) -> None:
        """Ends the answers that are held."""
        self._loop.call_soon_threadsafe(self._end_held)

    def _end_held(self) -> None:
        held, self._held = self._held, []
        for transport in held:
            transport.write(_HELD_REST)

    @property
    def upstreams(self) -> str:
        """The value of `DASHCAM_UPSTREAM` that leads here."""
        here = f"http://127.0.0.1:{self.port}"
        return f"upstream.test={here},mine={here}"

    def _main(self) -> None:
        making = self._loop.create_server(lambda: _Served(self.seen, self._hold), "127.0.0.1", 0)
        server = self._loop.run_until_complete(making)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Served(asyncio.Protocol):
    def __init__(self, seen: list[str], hold: Callable[[asyncio.Transport], None]) -> None:
        self._seen = seen
        self._hold = hold
        self._came = bytearray()
        self._transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            length = len(ASKED) if self._came.startswith(b"POST") else 0
            if len(self._came) < end + 4 + length:
                return
            path, _, query = self._came.split(b" ", 2)[1].decode().partition("?")
            del self._came[: end + 4 + length]
            self._seen.append(query)
            if path == "/held":
                self._transport.write(_HELD)
                self._hold(self._transport)
            else:
                self._transport.write(ANSWERS[path][0])


@dataclass(slots=True)
class Load:
    """Clients that call until the proxy is gone.

    With `stop_after` answered calls `then` is called, once, in one of their threads.
    """

    ways: Sequence[Way]
    run_name: str
    stop_after: int
    then: Callable[[], object]
    completed: dict[str, int] = field(default_factory=dict)  # by query, bytes of the body
    begun: int = 0
    over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Until `then` was called and every client has met the end."""
        clients = [threading.Thread(target=self._work, args=[way]) for way in self.ways]
        for client in clients:
            client.start()
        for client in clients:
            client.join(PATIENCE)
            assert not client.is_alive(), "a client hangs"
        assert self.over, "the proxy was gone before it was stopped"

    def _work(self, way: Way) -> None:
        with contextlib.suppress(OSError), Client(way) as client:
            while not self.over:
                with self._lock:
                    self.begun += 1
                    number = self.begun
                path = TURNS[number % len(TURNS)]
                query = f"of={self.run_name}&number={number}"
                status, size = client.ask(f"{path}?{query}", b"" if number % 3 else ASKED)
                if status == 200:
                    self._answered(query, size)

    def _answered(self, query: str, size: int) -> None:
        with self._lock:
            self.completed[query] = size
            last = len(self.completed) >= self.stop_after and not self.over
            self.over |= last
        if last:
            self.then()


class Client:
    """One connection by one way. Raises OSError when its other end is gone."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._came = b""
        self._socket = socket.create_connection(("127.0.0.1", way.port), PATIENCE)

    def __enter__(self) -> Self:
        try:
            self._connect()
        except OSError:
            self._socket.close()
            raise
        return self

    def _connect(self) -> None:
        if self._way.trust is not None:
            self._socket.sendall(
                b"CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test\r\n\r\n"
            )
            assert self._head().startswith(b"HTTP/1.1 200")
            self._socket = self._way.trust.wrap_socket(
                self._socket, server_hostname="upstream.test"
            )

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, target: str, body: bytes = b"") -> tuple[int, int]:
        """One call; the status and the size of the body, once all of it has come."""
        line = f"{'POST' if body else 'GET'} {self._way.prefix}{target} HTTP/1.1\r\n"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{line}Host: upstream.test\r\n{self._way.headers}{length}\r\n"
        self._socket.sendall(head.encode() + body)
        answer = self._head().lower()
        _, found, rest = answer.partition(b"\r\ncontent-length:")
        if found:
            size = int(rest.partition(b"\r\n")[0])
            self._take(size)
        else:
            assert b"\r\ntransfer-encoding: chunked" in answer, answer
            size = self._chunks()
        return int(answer[9:12]), size

    def _chunks(self) -> int:
        whole = 0
        while size := int(self._until(b"\r\n"), 16):
            self._take(size + 2)
            whole += size
        self._take(2)
        return whole

    def _head(self) -> bytes:
        return self._until(b"\r\n\r\n")

    def _until(self, end: bytes) -> bytes:
        while end not in self._came:
            self._more()
        found, _, self._came = self._came.partition(end)
        return found

    def _take(self, size: int) -> None:
        while len(self._came) < size:
            self._more()
        self._came = self._came[size:]

    def _more(self) -> None:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionResetError("the other end is gone")
        self._came += data
