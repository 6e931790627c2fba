"""The strings of JSON records, grouped so that what was streamed in pieces stands together.

A key may arrive as `{"delta":"sk-pro"}` and `{"delta":"j-abc…"}`. Strings at the same path of
successive records are one text: array positions count only where the element has no index of its
own, and the values of index fields are part of the path. Fields that never stream (ids, types,
models) are kept apart, each on its own.

There are two readers with one result: `pieces` takes what a JSON parser made, which is fast;
`literals` goes by tokens, knows where each string is, and reads broken JSON too.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from proxy.core.redaction.tokens import MAX_DEPTH, Node, Value, decode, walk

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
        "response_id",
        "responseId",
        "call_id",
        "tool_call_id",
        "modelVersion",
        "created_at",
        "provider",
        "jsonrpc",
        "method",
        "type",
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
_NUMBER = re.compile(rb"-?[0-9]{1,18}")

type Key = tuple[str, ...]


class Literal(NamedTuple):
    """One string of a record: `raw[start:end]` between its quotes, still escaped."""

    key: Key
    start: int
    end: int


def pieces(record: Any) -> list[tuple[Key, str]]:
    """The streamed strings of a parsed record, with their keys.

    Raises:
        ValueError: It is nested too deep.
    """
    out: list[tuple[Key, str]] = []
    if isinstance(record, dict):
        _object(record, (), out, 0)
    elif isinstance(record, list):
        _array(record, (), out, 0)
    elif isinstance(record, str):
        out.append(((), record))
    return out


def _object(record: dict[str, Any], key: Key, out: list[tuple[Key, str]], depth: int) -> None:
    if tags := _tags(record):
        key = (*key, *tags)
    if depth == 0 and type(record.get(ROOT_TAG)) is str:
        key = (*key, record[ROOT_TAG])
    for name, value in record.items():
        kind = type(value)
        if kind is str:
            if name not in WHOLE:
                out.append(((*key, name), value))
        elif kind is dict:
            _object(value, (*key, name), out, _deeper(depth))
        elif kind is list:
            _array(value, (*key, name), out, _deeper(depth))


def _array(record: list[Any], key: Key, out: list[tuple[Key, str]], depth: int) -> None:
    for at, value in enumerate(record):
        kind = type(value)
        place = str(at) if depth else ""
        if kind is str:
            out.append(((*key, place), value))
        elif kind is dict:
            if depth and _tags(value):
                place = ""
            _object(value, (*key, place), out, depth and _deeper(depth))
        elif kind is list:
            _array(value, (*key, place), out, _deeper(depth))


def _tags(record: dict[str, Any]) -> list[str]:
    if TAGS.isdisjoint(record):
        return []
    tags = ((name, record[name]) for name in record.keys() & TAGS)
    return sorted(f"{name}={value}" for name, value in tags if type(value) in (int, str))


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deep")
    return depth + 1


class _Keys:
    """The keys of one record's open objects and arrays, made when all their tags are known."""

    def __init__(self) -> None:
        self._tags: dict[Node, dict[str, str]] = {}
        self._types: dict[Node, str] = {}
        self._keys: dict[Node, Key] = {}

    def note(self, value: Value, record: bytes) -> bool:
        """Takes down tags and the type; says whether the value is a streamed string."""
        node = value.node
        if node is None or node.array:
            return value.is_string
        raw = record[value.start : value.end]
        if value.place in TAGS and (value.is_string or _NUMBER.fullmatch(raw)):
            said = decode(raw) if value.is_string else str(int(raw))
            self._tags.setdefault(node, {})[value.place] = said
        if value.is_string and value.place == ROOT_TAG and _is_record(node):
            self._types[node] = decode(raw)
        return value.is_string and value.place not in WHOLE

    def of(self, node: Node) -> Key:
        """The key of everything in `node`."""
        key = self._keys.get(node)
        if key is None:
            tags = sorted(f"{name}={value}" for name, value in self._tags.get(node, {}).items())
            kind = self._types.get(node)
            above: Key = ()
            if node.parent is not None:
                place = "" if node.parent.array and (tags or not node.parent.level) else node.place
                above = (*self.of(node.parent), place)
            self._keys[node] = key = (*above, *tags, *((kind,) if kind is not None else ()))
        return key


def _is_record(node: Node) -> bool:
    """Whether an object is a record: the root, or right in a root array."""
    return node.parent is None or (node.parent.parent is None and node.parent.array)


def literals(record: bytes, values: Iterable[Value] | None = None) -> list[Literal]:
    """The streamed strings of a record, with the keys that `pieces` gives them; never raises.

    `values` are all of it, where they are known.
    """
    keys = _Keys()
    values = walk(record) if values is None else values
    found = [value for value in values if keys.note(value, record)]
    return [Literal(_key(keys, value.node, value.place), value.start, value.end) for value in found]


def _key(keys: _Keys, node: Node | None, place: str) -> Key:
    if node is None:
        return ()
    return (*keys.of(node), "" if node.array and not node.level else place)
