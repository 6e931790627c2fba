"""What a behaviour is given: a request to read and a reply to write, over HTTP/1 or HTTP/2."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit

from tests.upstream.world import Seen, World

type Pairs = Sequence[tuple[str, str]]
type Framing = Literal["length", "chunked", "close", "none"]


@dataclass(slots=True)
class Request:
    """A request whose body is read by whoever wants it."""

    seen: Seen
    world: World
    chunks: AsyncIterator[bytes]

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.seen.target).path

    def text(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return parse_qs(urlsplit(self.seen.target).query).get(name, [default])[0]

    def number(self, name: str, default: int = 0) -> int:
        """A query parameter that is a whole number."""
        return int(self.text(name, str(default)))

    def numbers(self, name: str, default: str) -> list[int]:
        """A query parameter that is a list: `1,10,100`."""
        return [int(item) for item in self.text(name, default).split(",")]

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks])

    async def drain(self) -> None:
        """Reads the body to its end and keeps nothing of it but what the log keeps."""
        async for _ in self.chunks:
            pass


class Reply(Protocol):
    """The answer, in the order in which a server gives it.

    `framing` of `head`: `length` (the caller gives Content-Length), `chunked`, `close`
    (until the connection ends) or `none` (no body: HEAD, 204, 304). HTTP/2 knows only its own.
    """

    async def inform(self, status: int, headers: Pairs = ()) -> None:
        """An informational head: 102, 103."""

    async def head(self, status: int, headers: Pairs = (), framing: Framing = "length") -> None:
        """Status and headers."""

    async def send(self, data: bytes) -> None:
        """One piece of the body: a chunk, a write, a DATA frame."""

    async def end(self, trailers: Pairs = ()) -> None:
        """The message is whole."""

    async def raw(self, data: bytes) -> None:
        """Bytes as they are, whatever HTTP/1 says; on HTTP/2 the stream is reset."""

    async def hang_up(self) -> None:
        """Ends the connection in good order (FIN), wherever the message is."""

    async def reset(self) -> None:
        """RST of the connection, RST_STREAM of an HTTP/2 stream."""


type Behaviour = Callable[[Request, Reply], Awaitable[None]]


class Gone(Exception):  # noqa: N818 - it says what happened
    """The connection is over: nothing more is read from it or written to it."""
