"""A recorded exchange as the acts that play it back over HTTP/1.1, broken ones included.

Chunks leave with their recorded boundaries; `pace` is seconds of replay per recorded second, 0 for
at once. What the client saw fail fails again: an answer that was cut off is cut off at the same
byte, and one that the client did not wait for is not finished.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from proxy.core.http1 import chunk, connection_tokens, is_token, render_headers
from proxy.core.kept import Kept
from proxy.core.model import End, Exchange, Headers, Part, RequestHead, ResponseHead, header

_WRITE = 64 * 1024  # pieces are joined up to this size when nothing is to be waited for
_SMALL = 16 * 1024  # bytes of a body whose acts are worth remembering: it may be asked for again
_CHUNKED: Headers = ((b"transfer-encoding", b"chunked"),)
_SWITCHING = 101
_OLD = "HTTP/1.0"
_NO_SOCKETS = "a WebSocket conversation is replayed to who asks for one, over HTTP/1.1"
_NO_BODY = frozenset({204, 304})
_WHOLE = frozenset({End.COMPLETE, End.REFUSED, End.MISSED})
# Where there was no answer, and nobody to say why.
_UNSAID = {End.CLIENT_GONE: "hang", End.CLIENT_TLS: "cut", End.INTERRUPTED: "cut"}
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True, frozen=True)
class Act:
    """One thing to do, `delay` seconds after the one before.

    kind: data (send `wire`), end (send `wire`, which ends the message), cut (close in the middle),
    hang (say nothing more), refuse (there was no answer: fail as `end` says).
    `head` and `pieces` are what `wire` amounts to, for the record.
    """

    kind: str
    delay: float = 0.0
    wire: bytes = b""
    head: ResponseHead | None = None
    pieces: tuple[bytes, ...] = ()
    missing: int = 0  # of a cut or hang: bytes that the last piece's chunk announced beside it
    trailers: Headers = ()
    end: End = End.COMPLETE
    error: str | None = None
    close: bool = False


type _Played = tuple[Exchange, tuple[Act, ...]]

_played: Kept[tuple[int, str, str], _Played] = Kept()  # whose identity is the number is in it


def acts(exchange: Exchange, pace: float, request: RequestHead) -> Iterable[Act]:
    """The acts that answer `request` as `exchange` was answered."""
    if pace or len(exchange.response_body.data) > _SMALL:
        return _acts(exchange, pace, request)
    key = (id(exchange), request.method, request.http_version)
    found = _played.get(key)
    if found is None or found[0] is not exchange:
        found = exchange, tuple(_acts(exchange, pace, request))
        _played.put(key, found, 4 * len(exchange.response_body.data))
    return found[1]


def _acts(exchange: Exchange, pace: float, request: RequestHead) -> Iterator[Act]:
    head = exchange.response
    if head is None:
        kind = _UNSAID.get(exchange.end, "refuse")
        delay = (exchange.ended_us or 0) / 1e6 * pace
        yield Act(kind, delay=delay, end=exchange.end, error=exchange.error)
        return
    bodiless = request.method == "HEAD" or head.status in _NO_BODY
    if head.status == _SWITCHING:
        yield Act("refuse", end=End.UPSTREAM_INVALID, error=_NO_SOCKETS)
        return
    framed = _as_recorded(head) if bodiless else _framed(exchange, head, request)
    whole = exchange.end in _WHOLE
    missing = exchange.response_body.missing if framed.chunked and not whole else 0
    queue = [] if bodiless else list(_pieces(exchange, pace, broken=missing > 0))
    first = (exchange.first_byte_us or 0) / 1e6 * pace
    last = queue.pop() if whole and queue else None
    yield from _sent(framed, head, first, queue, missing)
    if whole:
        delay, pieces = last if last is not None else (0.0, ())
        trailers = exchange.response_body.trailers if framed.chunked else ()
        yield Act(
            "end",
            delay=delay,
            wire=framed.wire(pieces) + framed.ending(trailers),
            pieces=pieces,
            trailers=trailers,
            close=framed.close,
        )
    else:
        kind = "hang" if exchange.end is End.CLIENT_GONE else "cut"
        delay = max(0, (exchange.ended_us or 0) - _last_at(exchange)) / 1e6 * pace
        yield Act(
            kind,
            delay=delay,
            missing=missing,
            end=exchange.end,
            error=exchange.error,
            close=True,
        )


@dataclass(slots=True, frozen=True)
class _Framed:
    """How the answer is delimited now: as it was then, or chunked where it came over HTTP/2."""

    headers: Headers
    chunked: bool
    close: bool

    def wire(self, pieces: tuple[bytes, ...], missing: int = 0) -> bytes:
        """`missing` bytes of the last piece's chunk do not come."""
        if missing:
            *before, last = pieces
            return self.wire(tuple(before)) + b"%x\r\n%b" % (len(last) + missing, last)
        return b"".join([chunk(piece) for piece in pieces] if self.chunked else pieces)

    def ending(self, trailers: Headers) -> bytes:
        return b"0\r\n" + render_headers(_writable(trailers)) if self.chunked else b""


def _as_recorded(head: ResponseHead) -> _Framed:
    """An answer without a body: what its headers say of one is true of another answer."""
    return _Framed(head.headers, chunked=False, close=_closes(head))


def _closes(head: ResponseHead) -> bool:
    tokens = connection_tokens(head.headers)
    return b"close" in tokens or (head.http_version == _OLD and b"keep-alive" not in tokens)


def _framed(exchange: Exchange, head: ResponseHead, request: RequestHead) -> _Framed:
    headers, size = head.headers, b"%d" % len(exchange.response_body.data)
    chunked = header(headers, b"transfer-encoding") is not None
    length = header(headers, b"content-length")
    if chunked:
        headers = _without(headers, b"content-length")
    elif length is None and not head.http_version.startswith("HTTP/1"):
        headers, chunked = headers + _CHUNKED, True
    elif length is not None and length != size and exchange.end in _WHOLE:
        # The body was edited, or a secret was taken out of it.
        headers = tuple((n, size) if n.lower() == b"content-length" else (n, v) for n, v in headers)
    if chunked and request.http_version == _OLD:  # which does not know chunks
        headers, chunked = _without(headers, b"transfer-encoding"), False
    delimited = chunked or header(headers, b"content-length") is not None
    return _Framed(headers, chunked, not delimited or _closes(head))


def _without(headers: Headers, name: bytes) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() != name)


def _writable(headers: Headers) -> Headers:
    """What can stand in a head: a recording may have been edited, or come from a stranger."""
    return tuple((name, _CONTROL.sub(b" ", value)) for name, value in headers if is_token(name))


def _sent(
    framed: _Framed,
    head: ResponseHead,
    first: float,
    queue: list[tuple[float, tuple[bytes, ...]]],
    missing: int,
) -> Iterator[Act]:
    """The head, and every piece but the last."""
    reason = _CONTROL.sub(b" ", head.reason.encode("latin-1", "replace"))
    version = b"HTTP/1.0" if head.http_version == _OLD else b"HTTP/1.1"
    line = b"%b %d %b\r\n" % (version, head.status, reason)
    wire = line + render_headers(_writable(framed.headers))
    yield Act("data", delay=first, wire=wire, head=head)
    for place, (delay, pieces) in enumerate(queue, 1):
        broken = missing if place == len(queue) else 0
        yield Act("data", delay=delay, wire=framed.wire(pieces, broken), pieces=pieces)


def _pieces(
    exchange: Exchange, pace: float, *, broken: bool
) -> Iterator[tuple[float, tuple[bytes, ...]]]:
    """The body's pieces with the time before each; at pace 0 joined into larger writes.

    Of a `broken` last chunk there may be nothing.
    """
    data, at, before = exchange.response_body.data, 0, exchange.first_byte_us or 0
    joined: list[bytes] = []
    size = 0
    parts = exchange.response_body.parts or (Part(before, len(data)),)
    for place, part in enumerate(parts, 1):
        piece = data[at : at + part.size]
        at += part.size
        if not piece and not (broken and place == len(parts)):  # as a chunk it would be the end
            continue
        if pace:
            yield max(0, part.at_us - before) / 1e6 * pace, (piece,)
            before = part.at_us
            continue
        joined.append(piece)
        size += len(piece)
        if size >= _WRITE:
            yield 0.0, tuple(joined)
            joined, size = [], 0
    if joined:
        yield 0.0, tuple(joined)


def _last_at(exchange: Exchange) -> int:
    parts = exchange.response_body.parts
    return parts[-1].at_us if parts else exchange.first_byte_us or 0
