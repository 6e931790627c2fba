"""How much work a schema and a payload can make, before anybody begins with it."""

import math
from collections.abc import Mapping
from typing import Any

_DYNAMIC = ("$dynamicRef", "$recursiveRef")
_MAX_POINTER = 64


def expansion(schema: Any) -> float:
    """The nodes of a schema with every reference replaced by what it refers to.

    Infinite for a schema that contains itself, and for references that only a resolver can follow.
    """
    try:
        return _Expansion(schema).of(schema)
    except RecursionError:
        return math.inf


class _Expansion:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[int, float] = {}  # infinite while it is being counted

    def of(self, node: Any) -> float:
        if not isinstance(node, dict | list):
            return 0
        if (known := self._known.get(id(node))) is not None:
            return known
        self._known[id(node)] = math.inf
        inner = node.values() if isinstance(node, dict) else node
        total = 1 + sum(map(self.of, inner))
        if isinstance(node, dict):
            total += self._referred(node)
        self._known[id(node)] = total
        return total

    def _referred(self, node: Mapping[str, Any]) -> float:
        if any(isinstance(node.get(name), str) for name in _DYNAMIC):
            return math.inf
        if node is not self._root and isinstance(node.get("$id"), str):
            return math.inf  # what is in it refers to itself
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return 0
        if not ref.startswith("#"):
            return math.inf
        target = pointed(self._root, ref[1:])
        return math.inf if target is None else self.of(target)


def pointed(root: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points to; None when it is nothing or no pointer."""
    if pointer and not pointer.startswith("/"):
        return None
    keys = pointer.split("/")[1:]
    if len(keys) > _MAX_POINTER:
        return None
    at = root
    for raw in keys:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = at.get(key)
        elif isinstance(at, list) and key.isdecimal() and len(key) < 6:  # noqa: PLR2004 - an index
            at = at[int(key)] if int(key) < len(at) else None
        else:
            return None
    return at


class Weights:
    """The sizes of all containers in a payload, in bytes of JSON or about that."""

    def __init__(self, payload: Any) -> None:
        self._known: dict[int, int] = {}
        self.nodes = 0
        self.total = self._weigh(payload)

    def of(self, value: Any) -> int:
        """The size of a part of the payload."""
        if isinstance(value, dict | list):
            return self._known.get(id(value), 0)
        return len(value) if isinstance(value, str) else 1

    def _weigh(self, value: Any) -> int:
        self.nodes += 1
        if not isinstance(value, dict | list):
            return len(value) if isinstance(value, str) else 1
        if isinstance(value, dict):
            size = sum(len(key) + self._weigh(inner) for key, inner in value.items())
        else:
            size = sum(map(self._weigh, value))
        self._known[id(value)] = size + 2
        return size + 2
