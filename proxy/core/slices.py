"""Searching a large text with short rests: what a regular expression does cannot be interrupted.

While one runs, no other thread has the interpreter: none that passes traffic on. So a text is
searched a slice at a time, with the same result.
"""

import re
from collections.abc import Iterator

SLICE = 64 * 1024
_REACH = 4096  # bytes from its start that decide over a match, at most


def finditer(
    pattern: re.Pattern[bytes], data: bytes, at: int = 0, end: int | None = None
) -> Iterator[re.Match[bytes]]:
    r"""As `pattern.finditer(data, at, end)`.

    For patterns that are short, what they look ahead at included, and do not ask for the end
    (`\Z`, `\b`); empty matches they have none.
    """
    end = len(data) if end is None else end
    if end - at <= SLICE:
        return pattern.finditer(data, at, end)
    return _sliced(pattern, data, at, end)


def search(
    pattern: re.Pattern[bytes], data: bytes, at: int = 0, end: int | None = None
) -> re.Match[bytes] | None:
    """As `pattern.search(data, at, end)`, of such patterns."""
    return next(finditer(pattern, data, at, end), None)


def find(data: bytes, part: bytes, at: int = 0) -> int:
    """As `data.find(part, at)`."""
    if len(data) <= SLICE:
        return data.find(part, at)
    while at < len(data):
        stop = at + SLICE
        found = data.find(part, at, stop + len(part) - 1)
        if found >= 0:
            return found
        at = stop
    return -1


def translate(data: bytes, table: bytes) -> bytes:
    """As `data.translate(table)`."""
    if len(data) <= SLICE:
        return data.translate(table)
    parts = range(0, len(data), SLICE)
    return b"".join([data[at : at + SLICE].translate(table) for at in parts])


def _sliced(
    pattern: re.Pattern[bytes], data: bytes, at: int, end: int
) -> Iterator[re.Match[bytes]]:
    while at < end:
        stop = at + SLICE
        at = stop
        found = [*pattern.finditer(data, stop - SLICE, min(stop + _REACH, end))]
        while found and found[-1].start() >= stop:
            found.pop()
        if found:
            at = max(stop, found[-1].end())
            yield from found
