"""Reading JSON that nobody vouches for.

`parse` never raises and never returns a value that could not be written as JSON again; the other
functions take any value and return it if it has the wanted type, else nothing.
"""

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from proxy.core import jsonparts

MAX_DEPTH = 190  # orjson writes 254 levels; a value is wrapped in a few more before it is kept
_MAX_COUNT = 1 << 53  # beyond this a JSON number is not an exact integer everywhere
_BOM = b"\xef\xbb\xbf"
_LARGE = 64 * 1024  # bytes: what takes so long that other threads would wait for it
_AT_ONCE = 16 * 1024  # bytes that are repaired in one step
_BEGINNINGS = re.compile(rb"[ \t\r\n]*[{\[\"\-0-9tfnNI]")  # of a JSON text, NaN and Infinity
# Pairs of surrogate escapes are characters, single ones are not; escaped backslashes are skipped.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


class Parsed(NamedTuple):
    """A JSON value, or None and why there is none; a note may also come with a repaired value."""

    value: Any
    note: str | None = None


def parse(data: bytes | str) -> Parsed:
    """Parse a JSON text, repairing what real senders get wrong.

    Invalid UTF-8 and lone surrogates become U+FFFD, NaN and infinities become None, each with a
    note. Values nested deeper than `MAX_DEPTH` are not kept.
    """
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    note = None
    try:
        value = jsonparts.loads(raw)
    except orjson.JSONDecodeError as err:
        if raw.startswith(_BOM):
            return parse(raw.removeprefix(_BOM))
        if not raw.strip():
            return Parsed(None, "empty")
        value, note = _repaired(raw, str(err))
    if (
        len(raw) > 2 * MAX_DEPTH
        and raw.count(b"[") + raw.count(b"{") > MAX_DEPTH
        and not (_writable(value) if len(raw) < _LARGE else _shallow(value))
    ):
        return Parsed(None, f"nested deeper than {MAX_DEPTH} levels")
    return Parsed(value, note)


def _repaired(raw: bytes, reason: str) -> Parsed:
    fixed = raw
    notes = []
    if not _BEGINNINGS.match(raw):
        return Parsed(None, f"not JSON: {reason}")
    try:
        raw.decode()
    except UnicodeDecodeError:
        fixed = _decodable(raw)
        notes.append("invalid UTF-8 was replaced")
    if b"\\u" in fixed:
        whole = _ESCAPE.sub(lambda m: b"\\ufffd" if m[1] else m[0], fixed)
        if whole != fixed:
            fixed = whole
            notes.append("lone surrogates were replaced")
    constants = b"NaN" in fixed or b"Infinity" in fixed
    try:
        if constants:
            notes.append("NaN or infinity was read as null")
            value = json.loads(fixed, parse_constant=lambda _: None, parse_int=_whole)
        elif notes:
            value = orjson.loads(fixed)
        else:
            return Parsed(None, f"not JSON: {reason}")
    except (ValueError, RecursionError):
        return Parsed(None, f"not JSON: {reason}")
    return Parsed(value, "; ".join(notes))


def _decodable(raw: bytes) -> bytes:
    """The bytes with U+FFFD in place of what is no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    parts = range(0, len(raw), _AT_ONCE)
    texts = [decoder.decode(raw[at : at + _AT_ONCE]) for at in parts]
    return "".join([*texts, decoder.decode(b"", final=True)]).encode()


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)  # noqa: PLR2004 - fits 64 bits


def _writable(value: Any) -> bool:
    for _ in range(254 - MAX_DEPTH):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:  # orjson's encode error is one
        return False
    return True


def _shallow(value: Any) -> bool:
    """The same, in steps between which other threads have their turn."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def text(value: Any) -> str | None:
    """The string, or None."""
    return value if isinstance(value, str) else None


def count(value: Any) -> int | None:
    """A count: a whole number from 0 to 2^53, or None. Some providers send them as 5.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return value
    return None


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def amount(value: Any) -> float | None:
    """A number above zero, which may be written as a text: metadata from flags often are."""
    try:
        found = float(value) if isinstance(value, str) else number(value)
    except ValueError:
        return None
    return found if found is not None and 0 < found < float("inf") else None


def obj(value: Any) -> Mapping[str, Any]:
    """The JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: Any) -> list[Any]:
    """The JSON array, or an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The JSON objects in an array; whatever else is in it is passed over."""
    return (item for item in array(value) if isinstance(item, dict))


def total(*counts: int | None) -> int | None:
    """The sum of the counts that are known; None when none is."""
    known = [c for c in counts if c is not None]
    return sum(known) if known else None


def dumps(value: Any) -> bytes:
    """Compact JSON; what cannot be written becomes its text."""
    return orjson.dumps(value, default=str)
