"""An exchange as bytes: all that has no column, in one piece beside its bodies.

Bodies, frames and lists of headers are not in it but named by the numbers of their pieces. Headers
hardly change from call to call, so they are named as an earlier list and what differs from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, NamedTuple

from proxy.core.model import Exchange, Frame, Headers, Own, Part, ResponseHead
from proxy.stores import ints, jsontext

_VERSION = 1
_HTTP = "HTTP/1.1"
_LENGTH = 3  # bytes


class HeaderRef(NamedTuple):
    """Headers as the list in piece `base`, with these values instead at these places."""

    base: int
    changes: tuple[tuple[int, bytes], ...] = ()


@dataclass(slots=True, frozen=True)
class Refs:
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


def encode(exchange: Exchange, refs: Refs) -> bytes:
    """The record of `exchange`."""
    request, response, frames = exchange.request_body, exchange.response_body, exchange.frames
    marks: tuple[bytes, ...] = (b"", b"", b"")
    if frames:
        marks = (
            ints.pack_series([frame.at_us for frame in frames]),
            ints.pack([frame.opcode * 2 + frame.from_client for frame in frames]),
            ints.pack([len(frame.data) for frame in frames]),
        )
    sections = (
        _extras(exchange),
        _header_ref(refs.request_headers),
        _header_ref(refs.response_headers),
        ints.pack_series(refs.request),
        ints.pack_series(refs.response),
        ints.pack_series(refs.frames),
        *_parts(request.parts),
        *_parts(response.parts),
        encode_headers(request.trailers),
        encode_headers(response.trailers),
        *marks,
    )
    return _join(sections)


def decode(data: bytes) -> Record:
    """What `encode` was given; ValueError for other bytes."""
    if data[:1] != bytes([_VERSION]):
        raise ValueError("a record of another version")
    sections = _split(data[1:])
    request_parts = _part_tuple(sections[6], sections[7])
    response_parts = _part_tuple(sections[8], sections[9])
    marks = ints.unpack(sections[13])
    return Record(
        Refs(
            _read_header_ref(sections[1]),
            _read_header_ref(sections[2]),
            *(ints.unpack_series(section) for section in sections[3:6]),
        ),
        jsontext.loads(sections[0].decode()) if sections[0] else {},
        request_parts,
        response_parts,
        decode_headers(sections[10]),
        decode_headers(sections[11]),
        tuple(
            (at, bool(mark & 1), mark >> 1, size)
            for at, mark, size in zip(
                ints.unpack_series(sections[12]),
                marks,
                ints.unpack(sections[14]),
                strict=True,
            )
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
    return Own(**extras["own"]) if "own" in extras else Own()


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
    """Headers as they are, names and values."""
    if not headers:
        return b""
    texts = [text for pair in headers for text in pair]
    return _join(texts, version=False)


def decode_headers(data: bytes) -> Headers:
    """What `encode_headers` was given."""
    return tuple(batched(_split(data), 2)) if data else ()  # type: ignore[arg-type]  # pairs


def _extras(exchange: Exchange) -> bytes:
    out: dict[str, Any] = {}
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
    return jsontext.dumps(out).encode() if out else b""


def _header_ref(ref: HeaderRef | None) -> bytes:
    if ref is None:
        return b""
    places = [place for place, _ in ref.changes]
    return _join(
        (ints.pack([ref.base, *places]), *(value for _, value in ref.changes)), version=False
    )


def _read_header_ref(data: bytes) -> HeaderRef | None:
    if not data:
        return None
    numbers, *values = _split(data)
    base, *places = ints.unpack(numbers)
    return HeaderRef(base, tuple(zip(places, values, strict=True)))


def apply(ref: HeaderRef | None, piece: Callable[[int], bytes]) -> Headers:
    """The headers that `ref` names."""
    if ref is None:
        return ()
    headers = list(decode_headers(piece(ref.base)))
    for place, value in ref.changes:
        headers[place] = (headers[place][0], value)
    return tuple(headers)


def _parts(parts: tuple[Part, ...]) -> tuple[bytes, bytes]:
    return (
        ints.pack_series([part.at_us for part in parts]),
        ints.pack([part.size for part in parts]),
    )


def _part_tuple(times: bytes, sizes: bytes) -> tuple[Part, ...]:
    return tuple(map(Part, ints.unpack_series(times), ints.unpack(sizes)))


def _join(sections: Sequence[bytes], *, version: bool = True) -> bytes:
    """The sections behind a table of their lengths, which has its own length before it."""
    table = ints.pack([len(section) for section in sections])
    head = bytes([_VERSION]) if version else b""
    return b"".join((head, len(table).to_bytes(_LENGTH, "little"), table, *sections))


def _split(data: bytes) -> list[bytes]:
    at = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    out = []
    for size in ints.unpack(data[_LENGTH:at]):
        out.append(data[at : at + size])
        at += size
    if at != len(data):
        raise ValueError("a record that is cut off")
    return out
