"""A response as it comes in over HTTP/1.1: what may be passed on now, and what ends it.

Shared by every way in that speaks to an upstream. Sans-io: bytes in, `Progress` out.
"""

from dataclasses import dataclass, field

from proxy.core.http1 import (
    BodyReader,
    ChunkedBody,
    CloseBody,
    Head,
    body_reader,
    head_end,
    keeps_alive,
    parse_response,
    response_framing,
)
from proxy.core.model import Headers, ResponseHead
from proxy.errors import FormatError


@dataclass(slots=True)
class Progress:
    """What some bytes from the upstream amounted to.

    `raw` may be sent on at once, `held` ends the message and waits for the record. `head` is set
    when it became known in these bytes; `pieces` is payload. `rest` lies behind the message.
    """

    raw: bytes = b""
    held: bytes = b""
    head: Head | None = None
    pieces: list[bytes] = field(default_factory=list)
    done: bool = False
    switched: bool = False  # 101: what follows is another protocol
    rest: bytes = b""
    broken: str | None = None  # the upstream broke HTTP after its head, and how


class ResponseStream:
    """Reads the answer to one request. Raises FormatError for a head that breaks HTTP."""

    def __init__(self, method: bytes) -> None:
        self._method = method
        self._head_bytes = b""
        self._reader: BodyReader | None = None
        self.head: Head | None = None
        self.done = False
        self.surplus = False  # the upstream sent more than was asked for

    def feed(self, data: bytes) -> Progress:
        """The next bytes from the upstream."""
        progress = Progress()
        if self._reader is None:
            data = self._feed_head(data, progress)
            if self._reader is None:
                return progress
        try:
            fed = self._reader.feed(data)
        except FormatError as error:
            assert isinstance(self._reader, ChunkedBody)  # noqa: S101 - the others take any bytes
            progress.raw += data[: self._reader.good]
            progress.pieces = self._reader.found
            progress.broken = str(error)
            return progress
        progress.pieces = fed.pieces
        if not fed.done:
            progress.raw += data
            return progress
        self.done = progress.done = True
        if progress.head is not None:  # all of it came in one go: one write, after the record
            progress.held = progress.raw + data[: fed.used]
            progress.raw = b""
        else:
            progress.raw = data[: fed.mark]
            progress.held = data[fed.mark : fed.used]
        progress.rest = data[fed.used :]
        self.surplus = bool(progress.rest)
        return progress

    def _feed_head(self, data: bytes, progress: Progress) -> bytes:
        seen = len(self._head_bytes)
        data = self._head_bytes + data if seen else data
        while True:
            end, seen = head_end(data, seen), 0
            if end < 0:
                self._head_bytes = data
                return b""
            head = parse_response(data)
            raw, data = data[:end], data[end:]
            if head.status >= 200 or head.status == 101:  # noqa: PLR2004 - HTTP
                break
            progress.raw += raw  # an interim answer is passed on as it is
        self._head_bytes = b""
        self.head = progress.head = head
        progress.raw += raw
        if head.status == 101:  # noqa: PLR2004 - switching protocols
            progress.switched = progress.done = self.done = True
            progress.held, progress.raw, progress.rest = progress.raw, b"", data
            return b""
        self._reader = body_reader(response_framing(head, self._method))
        return data

    @property
    def trailers(self) -> Headers:
        """The trailers of a chunked body that has ended."""
        return self._reader.trailers if self._reader else ()

    @property
    def unfinished(self) -> bytes:
        """Payload of a chunk that the connection did not live to finish."""
        return self._reader.rest if isinstance(self._reader, ChunkedBody) else b""

    @property
    def missing(self) -> int:
        """How many bytes that chunk announced beside these."""
        return self._reader.missing if isinstance(self._reader, ChunkedBody) else 0

    def eof(self) -> bool:
        """The connection closed: whether that is the right end of this answer."""
        return self.done or (self._reader is not None and self._reader.eof())

    @property
    def until_close(self) -> bool:
        """Whether the answer ends with its connection."""
        return isinstance(self._reader, CloseBody)

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request after this answer."""
        if not self.done or self.surplus or self.head is None:
            return False
        return self.head.status != 101 and keeps_alive(self.head)  # noqa: PLR2004 - HTTP


def response_head(head: Head) -> ResponseHead:
    """The head as the model has it."""
    return ResponseHead(
        head.status, head.reason.decode("latin-1"), head.version.decode("ascii"), head.headers
    )
