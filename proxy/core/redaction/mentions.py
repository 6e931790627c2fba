"""The pseudonyms that a recording has in it, wherever they are."""

from collections.abc import Iterable, Iterator

from proxy.core import encoding
from proxy.core.model import Body, Exchange, Headers, header
from proxy.core.redaction import amazon, pseudonym

_GZIP = b"\x1f\x8b\x08"


def of_exchange(exchange: Exchange) -> set[str]:
    """Those in heads, bodies (encoded ones, too), messages and notes."""
    return {name for text in _texts(exchange) for name in pseudonym.names_in(text)}


def of_values(values: Iterable[object]) -> set[str]:
    """Those in anything else of a run: its row, events, outcomes."""
    return {name for value in values for name in pseudonym.names_in(repr(value).encode())}


def _texts(exchange: Exchange) -> Iterator[bytes]:
    head = exchange.response
    answered = head.headers if head is not None else ()
    rest = (exchange.request, head, exchange.own, exchange.error, exchange.retry_reason)
    trailers = (exchange.request_body.trailers, exchange.response_body.trailers)
    yield repr((*rest, *trailers, exchange.notes)).encode()
    yield from _of_body(exchange.request_body, exchange.request.headers)
    yield from _of_body(exchange.response_body, answered)
    yield from (frame.data for frame in exchange.frames)


def _of_body(body: Body, headers: Headers) -> Iterator[bytes]:
    data = body.data
    if not data:
        return
    yield data.replace(b"\0", b"")  # UTF-16 and UTF-32, too
    coding = (header(headers, b"content-encoding") or b"").decode("latin-1")
    if not coding and data.startswith(_GZIP):
        coding = "gzip"
    if coding:
        data = encoding.decode(data, coding).data
        yield data.replace(b"\0", b"")
    if (header(headers, b"content-type") or b"").lower().startswith(amazon.MEDIA.encode()):
        yield from (frame.payload for frame in amazon.frames(data))
