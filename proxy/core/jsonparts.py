"""Reading a large JSON text in parts: the parser does not let another thread work meanwhile.

The large texts of agents are lists of objects: messages, rows, vectors. Such a list is read so many
objects at a time, and the rest of the text around what is left of it. Where a part ends is a guess,
and the parser proves it: what begins where a value begins, and is a sequence of whole objects, is
that, whatever follows.
"""

import re
from typing import Any

import orjson

from proxy.core import slices

PART = 64 * 1024  # bytes
_LARGE = 4  # parts: smaller texts are read at once
_LISTS = 16  # that are tried
_ENDS = 4  # of a part, that are tried
_MARK = "\x00 here are those that were read before"
_BETWEEN = re.compile(rb"\}([ \t\r\n]{0,64},[ \t\r\n]{0,64})\{")
_ROOT = re.compile(rb"[ \t\r\n]{0,64}\[(?=[ \t\r\n]{0,64}\{)")
_LIST = re.compile(rb'"\w{1,64}"[ \t\r\n]{0,64}:[ \t\r\n]{0,64}\[(?=[ \t\r\n]{0,64}\{)')


def loads(data: bytes) -> Any:
    """As `orjson.loads(data)`, and raises what that raises."""
    if len(data) < _LARGE * PART:
        return orjson.loads(data)
    try:
        return _in_parts(data)
    except ValueError:
        return orjson.loads(data)


def _in_parts(data: bytes) -> Any:
    """The value. Raises ValueError where it is not JSON, or a guess was wrong."""
    for start in _lists(data):
        read: list[Any] = []
        at = start
        while len(data) - at > 2 * PART and (part := _part(data, at)) is not None:
            read += part[0]
            at = part[1]
        if read:
            return _with(orjson.loads(b"".join((data[:start], _NEW, data[at:]))), read)
    raise ValueError("no list of objects that is large")


_NEW = orjson.dumps(_MARK) + b","


def _lists(data: bytes) -> list[int]:
    """Where lists of objects may begin: behind their brackets."""
    if root := _ROOT.match(data):
        return [root.end()]
    found: list[int] = []
    for one in slices.finditer(_LIST, data):
        found.append(one.end())
        if len(found) == _LISTS:
            break
    return found


def _part(data: bytes, at: int) -> tuple[list[Any], int] | None:
    """The objects from `at` on, about a part of them, and where the next one begins."""
    behind = at + PART
    for _ in range(_ENDS):
        end = slices.search(_BETWEEN, data, behind)
        if end is None:
            return None
        try:
            found = orjson.loads(b"".join((b"[", data[at : end.start() + 1], b"]")))
        except orjson.JSONDecodeError:
            behind = end.end(1)
        else:
            return found, end.end(1)
    return None


def _with(value: Any, read: list[Any]) -> Any:
    """The value with what was read before in the list that begins with the mark."""
    within = value.values() if isinstance(value, dict) else [value]
    marked = [one for one in within if isinstance(one, list) and one and one[0] == _MARK]
    if len(marked) != 1:
        raise ValueError("it was no list of the value's own")
    marked[0][:1] = read
    return value
