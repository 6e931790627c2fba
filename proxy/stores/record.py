"""An exchange as bytes: all that has no column, in one piece beside its bodies.

Bodies, frames and lists of headers are not in it but named by the numbers of their pieces. Headers
hardly change from call to call, so they are named as an earlier list and what differs from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, batched
from operator import sub
from typing import Any, NamedTuple

from proxy.core.model import NO_OWN, Exchange, Frame, Headers, Own, Part, ResponseHead
from proxy.stores import ints, jsontext

_VERSION = 1
_HTTP = "HTTP/1.1"
_LENGTH = 3  # bytes
_SERIES, _PLAIN = 6, 7  # lists of numbers: as steps, and as they are


class HeaderRef(NamedTuple):
    """Headers as the list in piece `base`, with these values instead at these places."""

    base: int
    changes: tuple[tuple[int, bytes], ...] = ()


_NO_HEADERS = HeaderRef(0)


class Refs(NamedTuple):
    """The pieces that an exchange is made of."""

    request_headers: HeaderRef | None = None
    response_headers: HeaderRef | None = None
    request: Sequence[int] = ()
    response: Sequence[int] = ()
    frames: Sequence[int] = ()


class Record(NamedTuple):
    """A record as it is read: the pieces, and what is not in them."""

    refs: Refs
    extras: Mapping[str, Any]
    request_parts: tuple[Part, ...]
    response_parts: tuple[Part, ...]
    request_trailers: Headers
    response_trailers: Headers
    frames: tuple[tuple[int, bool, int, int], ...]  # at_us, from_client, opcode, size


def encode(exchange: Exchange, refs: Refs, *, sealed: bool = False) -> bytes:
    """The record of `exchange`: all its numbers in one list, then what is no number.

    That of a `sealed` one also has what its columns leave out: see `bare`.
    """
    frames = exchange.frames
    series: list[Sequence[int]] = [refs.request, refs.response, refs.frames]
    plain: list[Sequence[int]] = []
    for body in (exchange.request_body, exchange.response_body):
        times, sizes = zip(*body.parts, strict=True) if body.parts else ((), ())
        series.append(times)
        plain.append(sizes)
    series.append([frame.at_us for frame in frames])
    plain.append([frame.opcode * 2 + frame.from_client for frame in frames])
    plain.append([len(frame.data) for frame in frames])
    texts = [
        _extras(exchange, _hidden(exchange) if sealed else {}),
        encode_headers(exchange.request_body.trailers),
        encode_headers(exchange.response_body.trailers),
    ]
    for ref in (refs.request_headers, refs.response_headers):
        base, changes = ref or _NO_HEADERS
        plain.append([base, *[place for place, _ in changes]])
        texts += [value for _, value in changes]
    plain.append([len(text) for text in texts])
    numbers = [len(values) for values in series]
    numbers += [len(values) for values in plain]
    for values in series:
        if values:
            numbers.append(values[0])
            numbers += map(sub, values[1:], values)
    for values in plain:
        numbers += values
    packed = ints.pack(numbers)
    return b"".join((bytes([_VERSION]), len(packed).to_bytes(_LENGTH, "little"), packed, *texts))


def decode(data: bytes) -> Record:
    """What `encode` was given; ValueError for other bytes."""
    if data[:1] != bytes([_VERSION]):
        raise ValueError("a record of another version")
    at = 1 + _LENGTH + int.from_bytes(data[1 : 1 + _LENGTH], "little")
    numbers = ints.unpack(data[1 + _LENGTH : at])
    counts = numbers[: _SERIES + _PLAIN]
    if len(counts) < _SERIES + _PLAIN or len(counts) + sum(counts) != len(numbers):
        raise ValueError("a record that is cut off")
    lists = []
    begin = len(counts)
    for count in counts:
        lists.append(numbers[begin : begin + count])
        begin += count
    asked, answered, framed, asked_at, answered_at, framed_at = (
        list(accumulate(values)) for values in lists[:_SERIES]
    )
    asked_sizes, answered_sizes, marks, frame_sizes, *bases, sizes = lists[_SERIES:]
    texts = []
    for size in sizes:
        texts.append(data[at : at + size])
        at += size
    extras, asked_trailers, answered_trailers, *values = texts
    if at != len(data):
        raise ValueError("a record that is cut off")
    headers: list[HeaderRef | None] = []
    for base, *places in bases:
        changes = tuple(zip(places, values[: len(places)], strict=True))
        values = values[len(places) :]
        headers.append(HeaderRef(base, changes) if base else None)
    return Record(
        Refs(headers[0], headers[1], asked, answered, framed),
        jsontext.loads(extras.decode()) if extras else {},
        tuple(map(Part, asked_at, asked_sizes)),
        tuple(map(Part, answered_at, answered_sizes)),
        decode_headers(asked_trailers),
        decode_headers(answered_trailers),
        tuple(
            (time, bool(mark & 1), mark >> 1, size)
            for time, mark, size in zip(framed_at, marks, frame_sizes, strict=True)
        ),
    )


def frames(record: Record, data: bytes) -> tuple[Frame, ...]:
    """The WebSocket messages, cut from their joined payloads."""
    out = []
    at = 0
    for at_us, from_client, opcode, size in record.frames:
        out.append(Frame(at_us, from_client, opcode, data[at : at + size]))
        at += size
    return tuple(out)


def own(extras: Mapping[str, Any]) -> Own:
    """What the client told us."""
    return Own(**extras["own"]) if "own" in extras else NO_OWN


def missing(extras: Mapping[str, Any], side: str) -> int:
    """What is missing of the last chunk of a `request` or `response`."""
    return int(extras.get(f"{side}Missing", 0))


def request_version(extras: Mapping[str, Any]) -> str:
    """The request's HTTP version."""
    return str(extras.get("requestVersion", _HTTP))


def response_head(
    status: int | None, extras: Mapping[str, Any], headers: Headers
) -> ResponseHead | None:
    """The response's head, None when there was no response."""
    if status is None:
        return None
    return ResponseHead(
        status, extras.get("reason", ""), extras.get("responseVersion", _HTTP), headers
    )


def encode_headers(headers: Headers) -> bytes:
    """Headers as they are, names and values behind a table of their lengths."""
    if not headers:
        return b""
    texts = [text for pair in headers for text in pair]
    table = ints.pack([len(text) for text in texts])
    return b"".join((len(table).to_bytes(_LENGTH, "little"), table, *texts))


def decode_headers(data: bytes) -> Headers:
    """What `encode_headers` was given."""
    if not data:
        return ()
    at = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    texts = []
    for size in ints.unpack(data[_LENGTH:at]):
        texts.append(data[at : at + size])
        at += size
    return tuple(batched(texts, 2))  # type: ignore[arg-type]  # pairs


def bare(exchange: Exchange) -> Exchange:
    """What the columns of a sealed exchange say: no query, and no words of an error."""
    request = replace(exchange.request, target=exchange.request.path)
    return replace(exchange, request=request, error=None)


def hidden(extras: Mapping[str, Any], target: str, error: str | None) -> tuple[str, str | None]:
    """The target and the error, of which the columns of a sealed exchange say less."""
    return extras.get("target", target), extras.get("error", error)


def _hidden(exchange: Exchange) -> dict[str, Any]:
    """What `hidden` reads."""
    said = {"target": exchange.request.target, "error": exchange.error}
    return {key: text for key, text in said.items() if text is not None}


def _extras(exchange: Exchange, out: dict[str, Any]) -> bytes:
    if exchange.request.http_version != _HTTP:
        out["requestVersion"] = exchange.request.http_version
    response = exchange.response
    if response is not None:
        if response.reason:
            out["reason"] = response.reason
        if response.http_version != _HTTP:
            out["responseVersion"] = response.http_version
    if exchange.own.given:
        given = {name: getattr(exchange.own, name) for name in Own.__slots__}
        out["own"] = {name: value for name, value in given.items() if value not in (None, {})}
    if exchange.notes:
        out["notes"] = exchange.notes
    for side, body in (("request", exchange.request_body), ("response", exchange.response_body)):
        if body.missing:
            out[f"{side}Missing"] = body.missing
    return jsontext.dumps(out).encode() if out else b""


def apply(ref: HeaderRef | None, piece: Callable[[int], bytes]) -> Headers:
    """The headers that `ref` names."""
    if ref is None:
        return ()
    headers = list(decode_headers(piece(ref.base)))
    for place, value in ref.changes:
        headers[place] = (headers[place][0], value)
    return tuple(headers)
