"""Where bodies are cut into pieces, so that what was sent before is found again.

An agent sends its whole history with each call, with little new in it. Two things find the rest:
`overlap` compares a body with an earlier one of the same conversation, which costs a memcmp, and
`cuts` cuts what is new at places that its content decides, so that the same content gives the same
pieces wherever it stands.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from proxy.core import slices

LEAST = 2048  # a piece is at least so long, unless a list ends before
MOST = 256 * 1024
_FEW = 128  # bytes that even a piece has that ends with a list, or before a mark
_LONG = 16 * 1024  # longer ones are searched for runs without structure: base64, vectors, prose
_PARAGRAPHS = 8 * 1024

_ELEMENT_END = re.compile(rb"\}(?=\s{0,64}[],])")
_LIST_END = re.compile(rb'\}(?=\s{0,64}\],\s{0,64}")')  # of one that more follows
_STRUCTURE_FREE = re.compile(rb'["\[][^"\\\[\]{}]{4096}')  # how such a run begins
_MORE = re.compile(rb'[^"\\\[\]{}]{1,65536}')  # and how it goes on
_MOVING = b'"cache_control"'  # Anthropic's mark moves on to the newest message with each call


class Pieces(NamedTuple):
    """A body cut into pieces: where each ends, and what names them to whoever cut it."""

    body: bytes
    ends: tuple[int, ...]
    ids: tuple[int, ...]
    digests: tuple[bytes, ...]


class Overlap(NamedTuple):
    """What two bodies share: so many pieces at the beginning, so many at the end.

    What is new of the second one lies from `start` to `end`.
    """

    head: int
    tail: int
    start: int
    end: int


def cuts(data: bytes, start: int, end: int, *, least: int = LEAST) -> list[int]:
    """The ends of the pieces of `data[start:end]`; the last one is `end`.

    What is neither JSON nor multipart is cut by length only, so that a growing stream keeps its
    first pieces.
    """
    opening = data[:64].lstrip()[:2]
    if end - start > least and opening[:1] in (b"{", b"["):
        return _elements(data, start, end, least)
    if opening == b"--":
        return _form_parts(data, start, end)
    return _by_length(start, end)


class _Places:
    """Where something is in a body, in rising order; each is looked for once.

    `find` gives the first place from a given one on, and the body's end when there is none.
    """

    def __init__(self, find: Callable[[int], int]) -> None:
        self._find = find
        self._last = -1

    def after(self, at: int) -> int:
        """The first place behind `at`."""
        if self._last <= at:
            self._last = self._find(at)
        return self._last


def _elements(data: bytes, start: int, end: int, least: int) -> list[int]:
    """JSON, cut behind the elements of its lists."""

    def matches(pattern: re.Pattern[bytes]) -> _Places:
        def find(at: int) -> int:
            found = pattern.search(data, at, end)
            return found.end() if found else end

        return _Places(find)

    def mark(at: int) -> int:
        name = data.find(_MOVING, at + 1, end)
        comma = data.rfind(b",", max(at + 1, name - 64), name) if name > 0 else -1
        return comma if comma > 0 else end if name < 0 else name

    elements, lists, marks = matches(_ELEMENT_END), matches(_LIST_END), _Places(mark)
    last = data.rfind(b"}", start, end - 1) + 1  # what closes a body that ends with its list
    last = last if last > end - _FEW else end
    out: list[int] = []
    at = start
    while end - at > least:
        stop = min(elements.after(at + least), lists.after(at + _FEW), marks.after(at + _FEW))
        stop = last if at < last < stop else stop
        if stop - at > _LONG:
            out.extend(_long(data, at, stop))
        else:
            out.append(stop)
        at = stop
    if at < end:
        out.append(end)
    return out


def _form_parts(data: bytes, start: int, end: int) -> list[int]:
    """A multipart form: each part's content apart from the lines that name the boundary."""
    boundary = b"\r\n" + data[: data.find(b"\r\n")]
    out: list[int] = []
    at = start
    while at < end:
        begin = data.find(b"\r\n\r\n", at, end)
        begin = end if begin < 0 else begin + 4
        out.extend(_by_length(at, begin))
        stop = data.find(boundary, begin, end)
        stop = end if stop < 0 else stop
        out.extend(_by_length(begin, stop))
        at = stop
    return out


def _long(data: bytes, start: int, end: int) -> list[int]:
    """A long piece: runs without structure stand alone, the rest is cut at ends of lines."""
    out: list[int] = []
    at = start
    while run := slices.search(_STRUCTURE_FREE, data, at, end):
        stop = run.end()
        while more := _MORE.match(data, stop, end):
            stop = more.end()
        out.extend(_by_lines(data, at, run.start() + 1))
        out.extend(_by_length(run.start() + 1, stop))
        at = stop
    out.extend(_by_lines(data, at, end))
    return out


def _by_lines(data: bytes, start: int, end: int) -> list[int]:
    out: list[int] = []
    while end - start > _PARAGRAPHS:
        line = data.find(b"\\n", start + _PARAGRAPHS, end)  # as JSON writes it
        if line < 0:
            break
        out.extend(_by_length(start, line + 2))
        start = line + 2
    out.extend(_by_length(start, end))
    return out


def _by_length(start: int, end: int) -> list[int]:
    return [*range(start + MOST, end, MOST), end] if end > start else []


def overlap(old: Pieces, data: bytes) -> Overlap:
    """Which pieces at the beginning and at the end of `old` are those of `data`."""
    ends, body = old.ends, old.body
    low, high = 0, bisect_right(ends, len(data))
    while low < high:
        middle = (low + high + 1) // 2
        begin, stop = (ends[low - 1] if low else 0), ends[middle - 1]
        if data.startswith(body[begin:stop], begin):
            low = middle
        else:
            high = middle - 1
    head, start = low, ends[low - 1] if low else 0
    shift = len(data) - len(body)
    low, high = 0, len(ends) - head
    stop = len(body)
    while low < high:
        middle = (low + high + 1) // 2
        begin = ends[-middle - 1] if middle < len(ends) else 0
        if begin + shift >= start and data.startswith(body[begin:stop], begin + shift):
            low, stop = middle, begin
        else:
            high = middle - 1
    return Overlap(head, low, start, stop + shift)


def joined(old: Pieces, same: Overlap, data: bytes, new: Pieces) -> Pieces:
    """`data` as the pieces that `old` has of it around those that are new."""
    rest = len(old.ends) - same.tail
    shift = len(data) - len(old.body)
    return Pieces(
        data,
        old.ends[: same.head] + new.ends + tuple(end + shift for end in old.ends[rest:]),
        old.ids[: same.head] + new.ids + old.ids[rest:],
        old.digests[: same.head] + new.digests + old.digests[rest:],
    )
