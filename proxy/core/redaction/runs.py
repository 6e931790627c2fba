"""Events that follow one another and differ only in their text, all of them read at once.

Nearly all of a model's answer is such a run. What is between the texts of two neighbours is always
the same, so the stream is split there; a text that could not stand so in one event ends the run.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from proxy.core.redaction.leaves import Key
from proxy.core.redaction.templates import NUMBER, Template
from proxy.core.slices import SLICE

_END = b"\n\n"
_FIRST = 4  # events that are looked for at first; then twice as many each time
_ROOM = 32  # bytes of text an event has, about
_TEXT = re.compile(rb"(?:[^\"\\\n]++|\\[^\n])*+")


class Run:
    """So many `events`, the texts of each in `columns`; the next event begins at `end`."""

    def __init__(self, keys: Sequence[Key | None], fixed: Sequence[bytes], at: int) -> None:
        self.keys = keys
        self.columns: list[list[bytes]] = [[] for _ in keys]
        self.events = 0
        self.end = at
        self._first = at + len(fixed[0])
        self._gaps = [len(one) for one in fixed[1:-1]]
        self._joint = len(fixed[-1] + _END + fixed[0])
        self._places: list[list[int]] = []

    def place(self, column: int, row: int) -> int:
        """Where in the stream a text begins."""
        if not self._places:
            at, gaps = self._first, (*self._gaps, self._joint)
            for texts in zip(*self.columns, strict=True):
                steps = [len(text) + gap for text, gap in zip(texts, gaps, strict=True)]
                *places, at = accumulate(steps, initial=at)
                self._places.append(places)
        return self._places[row][column]


def follow(data: bytes, at: int, lead: bytes, kind: Template, payload: bytes) -> Run | None:
    """The events from `at` on that are like `payload` of that kind, which `lead` stands before.

    The last one is left over: only where another begins is told that an event is whole.
    """
    if not data.startswith(lead + kind.head, at):
        return None
    stop = data.find(_END, at)
    other = data[at + len(lead) : stop] if stop >= 0 else b""
    first, second = kind.match(payload), kind.match(other)
    if first is None or second is None:
        return None
    keys: list[Key | None] = []
    fixed = [lead + kind.head]  # what stands before each text
    for slot, (_, start, end), (_, begin, until) in zip(kind.slots, first, second, strict=True):
        number = payload[start:end]
        if slot.key is None and number == other[begin:until]:
            fixed[-1] += number + slot.after  # which stays
        else:
            keys.append(slot.key)
            fixed.append(slot.after)
    return _split(data, at, keys, fixed)


def _split(data: bytes, at: int, keys: Sequence[Key | None], fixed: Sequence[bytes]) -> Run | None:
    """The run of events like `fixed`, where there are texts with these keys between."""
    run = Run(keys, fixed, at)
    joint = fixed[-1] + _END + fixed[0]
    at += len(fixed[0])
    size = _FIRST * (len(joint) + _ROOM)
    while True:
        rows = data[at : at + size].split(joint)
        rows.pop()
        columns, whole = _texts(rows, keys, fixed[1:-1])
        for old, new in zip(run.columns, columns, strict=True):
            old.extend(new[:whole])
        at += sum(map(len, rows[:whole])) + whole * len(joint)
        run.events += whole
        if not rows or whole < len(rows):
            break
        size = min(2 * size, SLICE)
    run.end = at - len(fixed[0])
    return run if run.events else None


def _texts(
    rows: list[bytes], keys: Sequence[Key | None], between: Iterable[bytes]
) -> tuple[list[list[bytes]], int]:
    """The texts of each slot, and how many rows are as they must be from the first one on."""
    whole = len(rows)
    columns: list[list[bytes]] = []
    for mark in between:
        cut = [row.partition(mark) for row in rows]
        columns.append([text for text, _, _ in cut])
        whole = min(whole, next((n for n, (_, found, _) in enumerate(cut) if not found), whole))
        rows = [rest for _, _, rest in cut]
    columns.append(rows)
    for key, texts in zip(keys, columns, strict=True):
        all_of = b"".join(texts)
        if key is None or b"\\" in all_of or b'"' in all_of or b"\n" in all_of:
            right = NUMBER if key is None else _TEXT
            wrong = (n for n, text in enumerate(texts) if right.fullmatch(text) is None)
            whole = min(whole, next(wrong, whole))
    return columns, whole
