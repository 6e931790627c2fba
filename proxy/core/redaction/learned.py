"""Secrets that were seen at a known position, found again wherever they reappear.

Each is looked for as it is, and as JSON, a URL, HTML, base64 or hexadecimal would write it.
Hundreds of texts are looked for at once: of each, the first eight-byte windows are kept, so many
that one of them must lie on the grid of every n-th byte; one pass over the grid finds all
candidates.
"""

import base64
import html
import json
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from urllib.parse import quote, quote_from_bytes

from proxy.core.redaction import pseudonym, values
from proxy.core.redaction.spans import Find

_WINDOW = 8
_word = Struct("=Q").unpack_from  # a window as a number
_STRIDES = (4, 3, 2, 1)  # the grid's step, in windows
_DIRECT = 24  # so many searches cost about what a pass over the finest grid does
_LONGEST = 64 * 1024  # longer values (a certificate, a document) are not looked for elsewhere
_TOO_SHORT_FOR_GRID = 2 * _WINDOW - 1


class _Grid(NamedTuple):
    """The texts that are long enough for one step; `windows` maps each window to its texts."""

    step: int
    texts: tuple[bytes, ...]
    windows: dict[int, tuple[bytes, ...]]


class Learned:
    """A bounded table of values; the one that was seen longest ago leaves first."""

    def __init__(self, limit: int = 256, short_limit: int = 16) -> None:
        self.version = 0  # goes up with every new value
        self._limit = limit
        self._short_limit = short_limit
        self._values: dict[bytes, tuple[bytes, ...]] = {}  # value -> the texts it may appear as
        self._origin: dict[bytes, bytes] = {}  # text -> value
        self._grids: tuple[_Grid, ...] | None = None
        self._direct: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: bytes) -> None:
        """Learns `value`, unless it is short, a common word, or no secret but a pseudonym."""
        if value in self._values:
            self._values[value] = self._values.pop(value)
            return
        if len(value) > _LONGEST or not values.is_learnable(value) or pseudonym.is_in(value):
            return
        short = len(value) < _TOO_SHORT_FOR_GRID
        rivals = [old for old in self._values if (len(old) < _TOO_SHORT_FOR_GRID) is short]
        if len(rivals) >= (self._short_limit if short else self._limit):
            for text in self._values.pop(rivals[0]):
                self._origin.pop(text, None)
        self._values[value] = texts = forms(value)
        self._origin.update(dict.fromkeys(texts, value))
        self._grids = None
        self.version += 1

    def find(self, data: bytes) -> Iterator[Find]:
        """Every appearance of every learned value in `data`."""
        if not self._values:
            return
        for text in self._candidates(data):
            value = self._origin.get(text)
            if value is None:
                continue  # another thread let it go
            at = data.find(text)
            while at >= 0:
                yield Find(at, at + len(text), value)
                at = data.find(text, at + len(text))

    def _candidates(self, data: bytes) -> set[bytes]:
        """Texts that may be in `data`."""
        grids = self._grids if self._grids is not None else self._build()
        found = {text for text in self._direct if text in data}
        aligned = memoryview(data)[: len(data) - len(data) % _WINDOW].cast("Q")
        for grid in grids:
            seen = aligned[:: grid.step]
            if not grid.windows.keys().isdisjoint(seen):
                for window in grid.windows.keys() & set(seen):
                    found.update(grid.windows[window])
        return found

    def _build(self) -> tuple[_Grid, ...]:
        direct: list[bytes] = []
        grids: list[_Grid] = []
        waiting = set(self._origin)
        for step in _STRIDES:
            texts = {text for text in waiting if len(text) >= (step + 1) * _WINDOW - 1}
            waiting -= texts
            if len(texts) <= _DIRECT // step:
                direct += texts
                continue
            windows: dict[int, tuple[bytes, ...]] = {}
            for text in texts:
                for at in range(step * _WINDOW):
                    (window,) = _word(text, at)
                    near = windows.get(window)
                    windows[window] = (text,) if near is None else (*near, text)
            grids.append(_Grid(step, tuple(texts), windows))
        self._direct = (*direct, *waiting)
        self._grids = tuple(grids)
        return self._grids


def forms(value: bytes) -> tuple[bytes, ...]:
    """How `value` may be written, the shortest forms left out."""
    out = {value, *_base64(value), value.hex().encode(), value.hex().upper().encode()}
    text = value.decode("utf-8", "surrogateescape")
    escaped = [json.dumps(text, ensure_ascii=plain)[1:-1] for plain in (True, False)]
    escaped += [one.replace("/", "\\/") for one in escaped]
    escaped += [json.dumps(one)[1:-1] for one in escaped]
    out.update(one.encode("utf-8", "surrogateescape") for one in escaped)
    quoted = [quote_from_bytes(value, safe=""), quote_from_bytes(value)]
    quoted += [quote(one, safe="") for one in quoted[:1]]
    quoted += [one.replace("%20", "+") for one in quoted]
    out.update(one.encode() for one in quoted)
    out.update(_lower_escapes(one).encode() for one in quoted)
    out.add(html.escape(text).encode("utf-8", "surrogateescape"))
    return tuple(one for one in out if len(one) >= min(len(value), values.LEARN_LENGTH))


def _lower_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join((head, *(part[:2].lower() + part[2:] for part in rest)))


def _base64(value: bytes) -> Iterator[bytes]:
    """The middle of every base64 text that has `value` in it, at each of the three alignments."""
    for before in range(3):
        skip = (0, 2, 3)[before]
        text = base64.b64encode(bytes(before) + value).rstrip(b"=")
        if (before + len(value)) % 3:
            text = text[:-1]  # its last character depends on what follows
        text = text[skip:]
        yield text
        yield text.translate(_URLSAFE)


_URLSAFE = bytes.maketrans(b"+/", b"-_")
