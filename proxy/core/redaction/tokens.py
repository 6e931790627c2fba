"""JSON read by its tokens: where each value is, and how its escapes map to what it says.

Made for what a JSON parser does not give: positions, and as much as can be told of broken and
cut-off documents. Never raises; what is nested too deep is taken as part of the value at the limit.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_DEPTH = 64
_TEXT = 1  # the group of a string
_TOKEN = re.compile(
    rb"\"((?:[^\"\\]++|\\.)*+)(?:\"|\\?\Z)|[{}\[\],:]|([^\s{}\[\],:\"]++)",
    re.DOTALL,
)
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|.|\Z)",
    re.DOTALL,
)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_PAIR_BYTES = 4  # of UTF-8, for a pair of surrogates


class Node:
    """An object or array that is open, or was; `place` is its name or number in its parent."""

    __slots__ = ("array", "count", "level", "name", "parent", "place")

    def __init__(self, parent: "Node | None", *, array: bool) -> None:
        self.parent = parent
        self.array = array
        self.level: int = parent.level + 1 if parent is not None else 0
        self.place = parent.next_place if parent is not None else ""
        self.count = 0  # values seen, in an array
        self.name = ""  # of the next value, in an object

    @property
    def next_place(self) -> str:
        """The name or number of the value that comes now."""
        return str(self.count) if self.array else self.name


class Value(NamedTuple):
    """A string (between its quotes, still escaped) or a scalar: `data[start:end]`."""

    node: Node | None
    place: str
    start: int
    end: int
    is_string: bool


def walk(data: bytes) -> Iterator[Value]:
    """The strings and scalars of a document, in order; names of fields are left out."""
    node: Node | None = None
    deeper = 0
    is_name = False
    for token in _TOKEN.finditer(data):
        group = token.lastindex
        if group:
            if is_name and node is not None:
                node.name = decode(token[group])
            else:
                place = node.next_place if node is not None else ""
                yield Value(node, place, *token.span(group), group == _TEXT)
            continue
        char = token[0]
        if char == b":":
            is_name = is_name and node is None
        elif char in b"{[":
            is_name = char == b"{"
            if node is not None and node.level >= MAX_DEPTH:
                deeper += 1
            else:
                node = Node(node, array=not is_name)
        elif char in b"}]":
            node, deeper = _closed(node, deeper)
        elif node is not None:
            is_name = char == b"," and not node.array
            node.count += char == b","


def _closed(node: Node | None, deeper: int) -> tuple[Node | None, int]:
    """Where the walk is after a closing bracket; one too many changes nothing."""
    if deeper or node is None:
        return node, max(0, deeper - 1)
    return node.parent or node, 0


def decode(literal: bytes) -> str:
    """What a string literal says, without its quotes; of a broken one as much as can be told."""
    text = literal.decode("utf-8", "surrogateescape")
    if "\\" not in text:
        return text
    try:
        decoded: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return decoded


def plain(literal: bytes) -> bytes:
    """What a string literal says as UTF-8; bytes that are no UTF-8 stay."""
    return _ESCAPE.sub(_character, literal) if b"\\" in literal else literal


def offsets(literal: bytes, wanted: Iterable[int]) -> list[int]:
    """Where in a string literal the given offsets of its `plain` text are; both ascending."""
    out: list[int] = []
    moved = 0
    waiting = iter(wanted)
    at = next(waiting, None)
    for found in _ESCAPE.finditer(literal):
        here = found.start() - moved
        while at is not None and at <= here:
            out.append(at + moved)
            at = next(waiting, None)
        after = here + _width(found)
        moved = found.end() - after
        while at is not None and at < after:  # inside a character: behind it
            out.append(found.end())
            at = next(waiting, None)
    while at is not None:
        out.append(at + moved)
        at = next(waiting, None)
    return out


def _character(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        high, low = int(escape[1][1:5], 16), int(escape[1][7:11], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).encode()
    if escape[2]:
        return chr(int(escape[2], 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(escape[0][1:], escape[0][1:])


def _width(escape: re.Match[bytes]) -> int:
    """The bytes of an escape's character in UTF-8."""
    if escape[1]:
        return _PAIR_BYTES
    if escape[2]:
        return len(chr(int(escape[2], 16)).encode("utf-8", "surrogatepass"))
    return len(escape[0]) - 1
