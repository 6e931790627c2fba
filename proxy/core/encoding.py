"""Content-Encoding: gzip, deflate, br, zstd and stacks of them (RFC 9110 section 8.4), both ways.

Decoding is for the recorded view: it takes what it can get, is bounded, and never raises.
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

LIMIT = 256 * 1024 * 1024  # bytes out of any one layer
_ROOM = 32 * 1024 * 1024  # so much any body may hold, and more if it is
_RATIO = 50  # times larger than what it comes from; JSON and logs shrink to a tenth or twentieth
MAX_CODINGS = 8  # nobody stacks more; a longer list is an attack or a mistake
_STEP = 16 * 1024  # bytes fed at a time; also what a corrupt place is searched in
_OUT = 1024 * 1024  # bytes taken out at a time
_ZSTD_STEP = 256  # zstd has no output bound: four bytes in can be 128 KiB out


class Decoded(NamedTuple):
    """A body without its codings.

    `complete` is false when it was cut off, damaged, too big or in an unknown coding; `note` then
    says which.
    """

    data: bytes
    complete: bool = True
    note: str | None = None


class _Layer(NamedTuple):
    decode: Callable[[bytes, int], Decoded]
    encode: Callable[[bytes], bytes]


class _Engine(Protocol):
    """One decompressor, fed step by step."""

    @property
    def eof(self) -> bool:
        """Whether the member or frame is whole."""

    @property
    def unused_data(self) -> bytes:
        """What was fed after its end."""

    def feed(self, data: bytes, room: int) -> bytes:
        """Output for `data`, hardly more than `room` bytes; raises its library's error."""


class _Zlib:
    """zlib, gzip or raw deflate, by `wbits`."""

    def __init__(self, wbits: int) -> None:
        self._z = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._z.eof

    @property
    def unused_data(self) -> bytes:
        return self._z.unused_data

    def feed(self, data: bytes, room: int) -> bytes:
        out = []
        while room > 0:
            piece = self._z.decompress(data, min(room, _OUT))
            out.append(piece)
            room -= len(piece)
            data = self._z.unconsumed_tail
            if self._z.eof or (not data and len(piece) < _OUT):
                break
        return b"".join(out)


class _Brotli:
    unused_data = b""  # the library refuses what follows the end

    def __init__(self) -> None:
        self._d = brotli.Decompressor()
        self.eof = False

    def feed(self, data: bytes, room: int) -> bytes:
        out = []
        while room > 0:
            piece: bytes = self._d.process(data, output_buffer_limit=min(room, _OUT))
            out.append(piece)
            room -= len(piece)
            data = b""
            if self._d.is_finished() or (not piece and self._d.can_accept_more_data()):
                break
        self.eof = self._d.is_finished()
        return b"".join(out)


class _Zstd:
    def __init__(self) -> None:
        self._d = zstandard.ZstdDecompressor().decompressobj()

    @property
    def eof(self) -> bool:
        return self._d.eof

    @property
    def unused_data(self) -> bytes:
        return self._d.unused_data

    def feed(self, data: bytes, room: int) -> bytes:  # noqa: ARG002 - bounded by its step instead
        return self._d.decompress(data)


_ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)


def _run(make: Callable[[], _Engine], data: bytes, limit: int, step: int, name: str) -> Decoded:
    """Feeds `data` through as many members (gzip) or frames (zstd) as there are."""
    out: list[bytes] = []
    size = at = start = 0
    engine = make()
    while at < len(data):
        piece = data[at : at + step]
        try:
            got = engine.feed(piece, limit - size + 1)
        except _ERRORS as err:
            out.append(_salvage(make(), data[start:at], piece, limit - size))
            return Decoded(b"".join(out), complete=False, note=f"{name} is damaged: {err}")
        at += len(piece)
        out.append(got)
        size += len(got)
        if size > limit:
            return Decoded(b"".join(out)[:limit], complete=False, note=f"{name} over {limit} bytes")
        if engine.eof:
            at -= len(engine.unused_data)
            if not data[at : at + step].strip(b"\0"):  # padding after the last member
                return Decoded(b"".join(out))
            engine = make()
            start = at
    return Decoded(b"".join(out), complete=False, note=f"{name} is cut off")


def _salvage(engine: _Engine, before: bytes, piece: bytes, limit: int) -> bytes:
    """The output of the good bytes of `piece`: an error takes its whole step's output with it."""
    size = 0
    for at in range(0, len(before), _STEP):
        engine.feed(before[at : at + _STEP], LIMIT)
    out: list[bytes] = []
    try:
        for at in range(len(piece)):
            got = engine.feed(piece[at : at + 1], limit - size)
            out.append(got)
            size += len(got)
            if size >= limit or engine.eof:
                break
    except _ERRORS:
        pass
    return b"".join(out)


def _gunzip(data: bytes, limit: int) -> Decoded:
    return _run(lambda: _Zlib(31), data, limit, _STEP, "gzip")


def _inflate(data: bytes, limit: int) -> Decoded:
    """RFC 9110 means zlib by deflate, but many servers send raw deflate: both are read."""
    if len(data) > 1 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0:  # noqa: PLR2004 - RFC 1950 section 2.2
        found = _run(lambda: _Zlib(15), data, limit, _STEP, "deflate")
        if found.data or found.complete:
            return found
    return _run(lambda: _Zlib(-15), data, limit, _STEP, "deflate")


def _unbrotli(data: bytes, limit: int) -> Decoded:
    return _run(_Brotli, data, limit, _STEP, "br")


def _unzstd(data: bytes, limit: int) -> Decoded:
    return _run(_Zstd, data, limit, _ZSTD_STEP, "zstd")


def _deflate(data: bytes, wbits: int) -> bytes:
    z = zlib.compressobj(wbits=wbits)
    return z.compress(data) + z.flush()


_GZIP = _Layer(_gunzip, lambda data: _deflate(data, 31))
_LAYERS: dict[str, _Layer] = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,
    "deflate": _Layer(_inflate, lambda data: _deflate(data, 15)),
    "br": _Layer(_unbrotli, lambda data: brotli.compress(data, quality=5)),
    "zstd": _Layer(_unzstd, lambda data: zstandard.ZstdCompressor().compress(data)),
}


def codings(content_encoding: str | None) -> list[str]:
    """The codings in the order they were applied, without `identity`."""
    names = (name.strip().lower() for name in (content_encoding or "").split(","))
    return [name for name in names if name not in ("", "identity")]


def room(size: int) -> int:
    """The most bytes that a body of `size` may give; beyond that it is a bomb."""
    return min(LIMIT, max(_ROOM, _RATIO * size))


def decode(data: bytes, content_encoding: str | None, *, limit: int | None = None) -> Decoded:
    """Takes the codings off, as far as the data goes; never raises.

    Args:
        data: The body as it was on the wire.
        content_encoding: The header's value: one coding, or a list in the order of application.
        limit: The most bytes any one layer may give; what `room` says by default.

    Returns:
        The decoded bytes. For an unknown coding `data` itself, with a note.
    """
    names = codings(content_encoding)
    if not names or not data:  # an answer to HEAD names its coding and has no body
        return Decoded(data)
    if len(names) > MAX_CODINGS:
        return Decoded(data, complete=False, note=f"more than {MAX_CODINGS} content codings")
    for name in names:
        if name not in _LAYERS:
            return Decoded(data, complete=False, note=f"unknown content coding {name[:40]!r}")
    complete, note = True, None
    limit = room(len(data)) if limit is None else limit
    for name in reversed(names):
        found = _LAYERS[name].decode(data, limit)
        data = found.data
        complete = complete and found.complete
        note = note or found.note
        if not data:
            break
    return Decoded(data, complete, note)


def encode(data: bytes, content_encoding: str | None) -> bytes:
    """Applies the codings in their order.

    Raises:
        ValueError: A coding is unknown.
    """
    for name in codings(content_encoding):
        if name not in _LAYERS:
            raise ValueError(f"unknown content coding {name!r}")
        data = _LAYERS[name].encode(data)
    return data
