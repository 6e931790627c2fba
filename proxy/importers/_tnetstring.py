"""Typed netstrings (tnetstrings.info), with mitmproxy's `;` for text: `5:hello,`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from proxy.errors import RecordingFormatError

MAX_DEPTH: Final = 60
_DIGITS: Final = 12
_SCALARS: Final[Mapping[bytes, Callable[[bytes], Any]]] = {
    b",": lambda raw: raw,
    b";": lambda raw: raw.decode("utf-8", "surrogateescape"),
    b"#": lambda raw: int(raw[:20]),
    b"^": lambda raw: float(raw[:40]),
    b"!": lambda raw: raw == b"true",
    b"~": lambda raw: None if not raw else _not_empty(),
}


def _not_empty() -> None:
    raise ValueError


def items(data: bytes) -> Iterator[Any]:
    """The values that stand one after the other. Raises RecordingFormatError with the place."""
    at = 0
    while at < len(data):
        value, at = _value(data, at, len(data), 0)
        yield value


def _value(data: bytes, at: int, end: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise RecordingFormatError(f"nested deeper than {MAX_DEPTH} levels")
    colon = data.find(b":", at, min(end, at + _DIGITS + 1))
    size = data[at:colon] if colon > at else b""
    if not size.isdigit():
        raise _broken(at)
    start = colon + 1
    stop = start + int(size)
    if stop >= end:
        raise RecordingFormatError(f"byte {at}: the file was cut off")
    kind = data[stop : stop + 1]
    return _read(data, kind, start, stop, depth), stop + 1


def _read(data: bytes, kind: bytes, start: int, stop: int, depth: int) -> Any:
    if kind in _SCALARS:
        try:
            return _SCALARS[kind](data[start:stop])
        except ValueError:
            raise _broken(start) from None
    if kind not in {b"]", b"}"}:
        raise _broken(stop)
    found: list[Any] = []
    at = start
    while at < stop:
        value, at = _value(data, at, stop, depth + 1)
        found.append(value)
    if kind == b"]":
        return found
    if len(found) % 2:
        raise _broken(start)
    return {_key(key): value for key, value in zip(found[::2], found[1::2], strict=True)}


def _key(key: Any) -> str:
    return key.decode("ascii", "surrogateescape") if isinstance(key, bytes) else str(key)


def _broken(at: int) -> RecordingFormatError:
    return RecordingFormatError(f"byte {at}: no flows of mitmproxy")
