"""Reading HTTP/1.1 in pieces, as a server does; what h11 makes of it; bodies for hypothesis."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import h11
from hypothesis import strategies as st

from proxy.core.http1 import (
    BodyReader,
    ChunkedBody,
    Fed,
    Head,
    body_reader,
    head_end,
    parse_request,
    render_headers,
    request_framing,
)
from proxy.core.model import Headers


class Read(NamedTuple):
    """A whole request and what lies behind it."""

    head: Head
    body: bytes
    trailers: Headers
    rest: bytes


def read(pieces: Iterable[bytes]) -> Read | None:
    """Reads a request as a server does; None when it has not come whole. Raises FormatError."""
    buffer, body = b"", b""
    seen = 0
    head: Head | None = None
    reader: BodyReader | None = None
    incoming = iter(pieces)
    for piece in incoming:
        buffer += piece
        if head is None or reader is None:
            end, seen = head_end(buffer, seen), len(buffer)
            if end < 0:
                continue
            head = parse_request(buffer)
            assert head.size == end
            reader = body_reader(request_framing(head))
            buffer = buffer[end:]
        fed = reader.feed(buffer)
        buffer = buffer[fed.used :]
        body += b"".join(fed.pieces)
        if fed.done:
            return Read(head, body, reader.trailers, buffer + b"".join(incoming))
    return None


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class Oracle(NamedTuple):
    """What h11 makes of a request; `refused` when it does not take it."""

    refused: bool
    whole: bool = False
    method: bytes = b""
    target: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    rest: bytes = b""


# What h11 refuses and we take: no other reader gives it another meaning.
STRICT = {
    "obs-text in the target": re.compile(rb"[^\r\n]*[\x80-\xff]"),  # agents send raw UTF-8
    "extension after a blank": re.compile(rb"(?s:.*)[0-9A-Fa-f][ \t]+;"),  # RFC 9112, 7.1.1: BWS
}


def ask_h11(data: bytes) -> Oracle:
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(data)
    request: h11.Request | None = None
    body = b""
    try:
        while True:
            event = server.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
    except h11.RemoteProtocolError:
        return Oracle(refused=True)
    if request is None:
        return Oracle(refused=False)
    headers = tuple((bytes(name).lower(), bytes(value)) for name, value in request.headers)
    whole = isinstance(event, h11.EndOfMessage)
    rest = server.trailing_data[0]
    return Oracle(False, whole, request.method, request.target, headers, body, rest)


def lowered(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower(), value) for name, value in headers)


def assert_same(found: Read, oracle: Oracle) -> None:
    assert oracle.whole
    assert found.head.method == oracle.method
    assert found.head.target == oracle.target
    ours = [pair for pair in lowered(found.head.headers) if pair[0] != b"transfer-encoding"]
    theirs = [pair for pair in oracle.headers if pair[0] != b"transfer-encoding"]
    assert ours == theirs  # h11 puts the coding in lower case
    assert found.body == oracle.body
    assert found.rest == oracle.rest


class Run(NamedTuple):
    """What a reader made of a body that came in pieces."""

    payload: bytes
    pieces: list[bytes]
    used: int
    done: bool
    trailers: Headers


def feed(
    reader: BodyReader, pieces: Sequence[bytes], fresh: BodyReader, ending: bytes | None = None
) -> Run:
    """Feeds until the body ends, and checks the marks on the way.

    `fresh` is a second reader; `ending` is the part of the body to hold back, where it is known.
    """
    found: list[bytes] = []
    used = 0
    for piece in pieces:
        fed = reader.feed(piece)
        found += fed.pieces
        used += fed.used
        if fed.done:
            assert 0 <= fed.mark <= fed.used <= len(piece)
            assert not piece[: fed.mark] or not fresh.feed(piece[: fed.mark]).done
            held = piece[fed.mark : fed.used]
            assert fresh.feed(held).done
            if ending is not None:
                assert held == ending or (fed.mark == 0 and ending.endswith(held))
            assert reader.feed(b"more") == Fed(0, [], 0, done=True)
            assert reader.eof()
            return Run(b"".join(found), found, used, True, reader.trailers)
        assert fed.used == fed.mark == len(piece)
        assert not fresh.feed(piece).done
    return Run(b"".join(found), found, used, False, reader.trailers)


class Chunked(NamedTuple):
    """A chunked body: its chunks on the wire, its last chunk and trailers, and what they hold."""

    wire: bytes
    ending: bytes
    chunks: list[bytes]
    trailers: Headers = ()

    def read(self, pieces: Sequence[bytes]) -> None:
        """Checks that it is read from these pieces."""
        found = feed(ChunkedBody(), pieces, ChunkedBody(), self.ending)
        size = len(self.wire + self.ending)
        assert found == Run(b"".join(self.chunks), self.chunks, size, True, self.trailers)


_NAMES = st.text("abcXYZ019-_!", min_size=1, max_size=8).map(str.encode)
_VALUES = st.binary(max_size=12).map(lambda raw: bytes(b for b in raw if b > 31 and b != 127))
FIELDS = st.lists(
    st.tuples(_NAMES, _VALUES.map(lambda value: value.strip(b" \t"))), max_size=4
).map(tuple)
_EXTENSIONS = st.sampled_from([b"", b";a", b';a="b;c"', b";a=b ", b" ", b"\t"])
_SIZES = st.sampled_from([b"%x", b"%X", b"0%x", b"000%X"])


@st.composite
def chunked_bodies(draw: st.DrawFn) -> Chunked:
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    wire = b"".join(
        draw(_SIZES) % len(data) + draw(_EXTENSIONS) + b"\r\n" + data + b"\r\n" for data in chunks
    )
    trailers = draw(FIELDS)
    last = draw(st.sampled_from([b"0", b"00"])) + draw(_EXTENSIONS) + b"\r\n"
    return Chunked(wire, last + render_headers(trailers), chunks, trailers)


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
