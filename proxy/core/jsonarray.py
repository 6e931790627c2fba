"""A JSON array that is streamed, or JSON objects one after another: its elements as they complete.

Elements are found by their brackets, outside of strings, so that nothing has to parse until it is
whole. Only objects count as elements: that is all that any API streams this way.
"""

import re
from collections.abc import Iterator

_TOKENS = re.compile(rb'[{}"\\]')


class ArrayParser:
    """Splits one stream into its objects; linear in its length however it is split."""

    def __init__(self) -> None:
        self.closed = False  # the array's own closing bracket was seen
        self._pieces: list[bytes] = []  # of the element under way
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that `data` completes."""
        done: list[bytes] = []
        start = outside = 0
        for at, step in self._brackets(data):
            if self._depth == 0 and step > 0:
                start = at
            self._depth = max(0, self._depth + step)
            if self._depth == 0 and step < 0:
                done.append(b"".join((*self._pieces, data[start : at + 1])))
                self._pieces.clear()
                start = outside = at + 1
        if self._depth:
            self._pieces.append(data[start:])
        elif b"]" in data[outside:]:
            self.closed = True
        return done

    def _brackets(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where an object opens (1) or closes (-1)."""
        position = 1 if self._escaped and data else 0
        self._escaped = self._escaped and not data
        while (token := _TOKENS.search(data, position)) is not None:
            position = token.end()
            byte = token[0]
            if byte == b'"':
                self._in_string = not self._in_string and self._depth > 0
            elif self._in_string:
                if byte == b"\\":
                    self._escaped = position == len(data)
                    position += 1  # whatever follows is escaped
            elif byte == b"{" or (byte == b"}" and self._depth):
                yield token.start(), 1 if byte == b"{" else -1

    def partial(self) -> bytes:
        """The element that the stream ended in; ends the stream."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        return rest
