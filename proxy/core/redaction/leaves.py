"""The strings of JSON records, grouped so that what was streamed in pieces stands together.

A key may arrive as `{"delta":"sk-pro"}` and `{"delta":"j-abc…"}`. Strings at the same path of
successive records are one text: array positions count only where the element has no index of its
own, and the values of index fields are part of the path. Fields that never stream (ids, types,
models) are kept apart, each on its own.

There are two readers with one result: `pieces`, by a JSON parser, which is fast; and `literals`, by
tokens, which knows where each string is, and reads broken JSON too.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# Strings that are whole in every record: they are not joined, and not told from one another.
ENVELOPE = frozenset(
    (
        "id",
        "object",
        "model",
        "role",
        "status",
        "finish_reason",
        "stop_reason",
        "finishReason",
        "stopReason",
        "system_fingerprint",
        "service_tier",
        "serviceTier",
        "obfuscation",
        "event_id",
        "response_id",
        "responseId",
        "call_id",
        "tool_call_id",
        "modelVersion",
        "created_at",
        "provider",
        "jsonrpc",
        "method",
        "p",
    )
)
# Fields whose value tells one streamed text from another.
TAGS = frozenset(
    (
        "index",
        "output_index",
        "content_index",
        "summary_index",
        "contentBlockIndex",
        "content_block_index",
        "item_id",
        "partIndex",
    )
)
ROOT_TAG = "type"  # of the record itself: events of different types are different texts
WHOLE = ENVELOPE | TAGS
MAX_DEPTH = 64  # what is nested deeper is one text
_TOKEN = re.compile(
    rb"\"(?P<text>(?:[^\"\\]++|\\.)*+)(?P<end>\"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:\"]+", re.DOTALL
)
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|.)",
    re.DOTALL,
)
_NUMBER = re.compile(rb"-?[0-9]{1,18}")
_MAX_NAMES = 4096  # names that are remembered

type Key = tuple[str, ...]


class Piece(NamedTuple):
    """One string of a record: the text it is part of, and what it says."""

    key: Key
    text: str


class Literal(NamedTuple):
    """One string of a record: `raw[start:end]` between its quotes, still escaped."""

    key: Key
    start: int
    end: int


class Reading(NamedTuple):
    """The strings of one record: streamed ones with their key, the rest, and fields to look at."""

    pieces: list[Piece]
    others: set[str]
    suspects: list[tuple[str, Any]]


class Reader:
    """Reads parsed records; remembers which names of fields are harmless."""

    def __init__(self, is_suspect: Callable[[str], bool]) -> None:
        self._is_suspect = is_suspect
        self._harmless: set[str] = set()

    def read(self, record: Any) -> Reading:
        """The strings of `record`.

        Raises:
            ValueError: It is nested too deep.
        """
        out = Reading([], set(), [])
        if isinstance(record, dict):
            self._object(record, (), out, 0)
        elif isinstance(record, list):
            self._array(record, (), out, 0)
        elif isinstance(record, str):
            out.pieces.append(Piece((), record))
        return out

    def _object(self, record: dict[str, Any], key: Key, out: Reading, depth: int) -> None:
        if not self._harmless.issuperset(record):
            self._look(record, out)
        if tags := _tags(record):
            key = (*key, *tags)
        if depth == 0 and type(record.get(ROOT_TAG)) is str:
            key = (*key, record[ROOT_TAG])
        for name, value in record.items():
            kind = type(value)
            if kind is str:
                if name in WHOLE or (name == ROOT_TAG and depth == 0):
                    out.others.add(value)
                else:
                    out.pieces.append(Piece((*key, name), value))
            elif kind is dict:
                self._object(value, (*key, name), out, _deeper(depth))
            elif kind is list:
                self._array(value, (*key, name), out, _deeper(depth))

    def _array(self, record: list[Any], key: Key, out: Reading, depth: int) -> None:
        for at, value in enumerate(record):
            kind = type(value)
            place = str(at) if depth else ""
            if kind is str:
                out.pieces.append(Piece((*key, place), value))
            elif kind is dict:
                if depth and _tags(value):
                    place = ""
                self._object(value, (*key, place), out, depth and _deeper(depth))
            elif kind is list:
                self._array(value, (*key, place), out, _deeper(depth))

    def _look(self, record: dict[str, Any], out: Reading) -> None:
        """Sorts new names into harmless ones and suspects."""
        for name in record.keys() - self._harmless:
            if self._is_suspect(name):
                out.suspects.append((name, record))
            else:
                out.others.add(name)
                if len(self._harmless) < _MAX_NAMES:
                    self._harmless.add(name)


def _tags(record: dict[str, Any]) -> list[str]:
    if TAGS.isdisjoint(record):
        return []
    tags = ((name, record[name]) for name in record.keys() & TAGS)
    return sorted(f"{name}={value}" for name, value in tags if type(value) in (int, str))


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deep")
    return depth + 1


class _Node:
    """An object or array that is open, or was.

    `depth` is 0 for a record: the root, and every object right in a root array.
    """

    __slots__ = ("_key", "array", "count", "depth", "name", "parent", "place", "tags", "type")

    def __init__(self, parent: "_Node | None", place: str, *, array: bool) -> None:
        self.parent = parent
        self.place = place
        self.array = array
        in_root_array = parent is not None and parent.array and not parent.depth
        self.depth = 0 if parent is None or (in_root_array and not array) else parent.depth + 1
        self.count = 0
        self.name: str | None = None
        self.tags: dict[str, str] = {}
        self.type = ""
        self._key: Key | None = None

    def key(self) -> Key:
        if self._key is None:
            key: Key = ()
            if self.parent:
                place = self.place
                if self.parent.array and (self.parent.depth == 0 or self.tags):
                    place = ""
                key = (*self.parent.key(), place)
            key = (*key, *sorted(f"{name}={value}" for name, value in self.tags.items()))
            self._key = (*key, self.type) if self.type else key
        return self._key


def literals(record: bytes) -> list[Literal]:
    """The streamed strings of a record, with the keys that `Reader` gives them.

    Of broken JSON as much as can be told; never raises. What is nested deeper than MAX_DEPTH is
    taken as part of the object at that depth.
    """
    found: list[tuple[_Node | None, str, int, int]] = []
    node: _Node | None = None
    deeper = 0
    is_value = True
    for token in _TOKEN.finditer(record):
        char = token[0][:1]
        if char in b"{[":
            if node and node.depth >= MAX_DEPTH:
                deeper += 1
            else:
                node = _Node(node, _place(node), array=char == b"[")
            is_value = char == b"["
        elif char in b"}]":
            if deeper:
                deeper -= 1
            elif node:
                node = node.parent or node
        elif char == b",":
            is_value = node is None or node.array
            if node:
                node.count += 1
                node.name = None
        elif char == b":":
            is_value = True
        elif char == b'"' and not is_value and node:
            node.name = decode(token["text"])
        elif char == b'"':
            _string(node, token, found)
        elif node and node.name in TAGS and not node.array:
            if _NUMBER.fullmatch(token[0]):
                node.tags[node.name] = str(int(token[0]))
    return [
        Literal((*node.key(), name) if node else (), start, end) for node, name, start, end in found
    ]


def _string(
    node: _Node | None, token: re.Match[bytes], found: list[tuple[_Node | None, str, int, int]]
) -> None:
    """A string that is a value: a tag, a field that never streams, or a piece."""
    name = _place(node)
    if node and not node.array:
        if name in TAGS:
            node.tags[name] = decode(token["text"])
        if name == ROOT_TAG and node.depth == 0:
            node.type = decode(token["text"])
            return
        if name in WHOLE:
            return
    found.append((node, name, token.start("text"), token.end("text")))


def _place(node: _Node | None) -> str:
    if node is None:
        return ""
    if node.array:
        return str(node.count) if node.depth else ""
    return node.name or ""


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


def offsets(literal: bytes, wanted: Iterable[int]) -> list[int]:
    """Where in a string literal the given byte offsets of its UTF-8 text are (ascending)."""
    out: list[int] = []
    plain = moved = 0
    waiting = iter(wanted)
    at = next(waiting, None)
    for found in _ESCAPE.finditer(literal):
        here = found.start() - moved
        while at is not None and at <= here:
            out.append(at + moved)
            at = next(waiting, None)
        plain = here + _width(found)
        moved = found.end() - plain
        while at is not None and at < plain:  # inside one character: after it
            out.append(found.end())
            at = next(waiting, None)
    while at is not None:
        out.append(at + moved)
        at = next(waiting, None)
    return out


def _width(escape: re.Match[bytes]) -> int:
    """The bytes that an escape's character takes in UTF-8."""
    if escape[1]:
        return 4
    return len(chr(int(escape[2], 16)).encode("utf-8", "surrogatepass")) if escape[2] else 1
