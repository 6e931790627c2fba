"""Bodies that begin like an earlier one are searched only where they go on.

An agent sends its whole history with every call, so nearly all of a request was searched before. An
earlier body's finds hold for what two bodies have in common, save near its end, where what follows
may matter.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from proxy.core.redaction.spans import Find

_SMALLEST = 4096  # a smaller body costs less than it takes to remember it
_MARGIN = 4096  # before the end of what is common: searched again
_CONTEXT = 1024  # before what is searched again: what a search looks back at
_PROBE = 64


class _Seen(NamedTuple):
    data: bytes
    finds: tuple[Find, ...]


class Memo:
    """A search that remembers the last bodies it saw, up to `room` bytes of them."""

    def __init__(self, search: Callable[[bytes], list[Find]], room: int = 8 * 1024 * 1024) -> None:
        self._search = search
        self._room = room
        self._seen: list[_Seen] = []  # the latest is last

    def find(self, data: bytes) -> list[Find]:
        """What `search` finds in `data`."""
        if len(data) < _SMALLEST:
            return self._search(data)
        best, common = self._longest(data)
        if best is None:
            finds = self._search(data)
        elif common == len(data) == len(best.data):
            return [*best.finds]
        else:
            finds = self._continued(data, best.finds, common)
            if common * 2 >= len(best.data):
                self._seen.remove(best)  # the longer one stands for both
        self._seen.append(_Seen(data, tuple(finds)))
        total = sum(len(one.data) for one in self._seen)
        while total > self._room:
            total -= len(self._seen.pop(0).data)
        return finds

    def _longest(self, data: bytes) -> tuple[_Seen | None, int]:
        """The latest body that at least half of is the beginning of `data`; how much of it."""
        for seen in reversed(self._seen):
            middle = min(len(data), len(seen.data)) // 2
            same = data[middle : middle + _PROBE] == seen.data[middle : middle + _PROBE]
            if same and (common := _common(data, seen.data)) >= max(middle, _SMALLEST):
                return seen, common
        return None, 0

    def _continued(self, data: bytes, known: Sequence[Find], common: int) -> list[Find]:
        """The finds of a body of which the first `common` bytes are known."""
        cut = max(0, common - _MARGIN)
        while straddling := [find.start for find in known if find.start < cut < find.end]:
            cut = min(straddling)
        kept = [find for find in known if find.end <= cut]
        start = max(0, cut - _CONTEXT)
        fresh = self._search(data[start:])
        return kept + [
            find._replace(start=find.start + start, end=find.end + start)
            for find in fresh
            if find.start + start >= cut
        ]


def _common(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
