"""JSON columns. Writing never fails for what a peer sent: what JSON cannot say is said as text."""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

_DEPTH = 100


def dumps(value: Any) -> str:
    """Compact JSON that SQLite reads: no NaN, no lone surrogates, whole numbers of any size."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError):
        return json.dumps(_plain(value, 0), separators=(",", ":"))


def loads(text: str) -> Any:
    """The value; whole numbers keep their size, which orjson's reader would make floats of."""
    return json.loads(text)


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        return "[nested too deep]"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
