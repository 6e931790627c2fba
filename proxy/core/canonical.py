"""Canonical JSON and digests that name their algorithm.

orjson does the work. What it cannot carry (integers beyond 64 bits, lone surrogates, more than 254
levels when writing) goes through the standard library, so that no value changes on the way.
"""

import hashlib
import json
from typing import Any

import orjson

_EXACT = 1 << 63  # orjson reads integers beyond 64 bits as floats


def dumps(value: Any) -> bytes:
    """`value` as compact JSON, keys in the order they have; UTF-8 wherever it can be."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _spell(value, sort=False)


def canonical(value: Any) -> bytes:
    """`value` as compact JSON with sorted keys: equal values give equal bytes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _spell(value, sort=True)


def loads(data: bytes | str) -> Any:
    """The value of a JSON text, large integers and lone surrogates kept; ValueError if it is none.

    More than about a thousand levels are refused as well.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as why:
        if "surrogate" not in str(why):
            raise
        return _loads_slowly(data)
    try:
        return _loads_slowly(data) if _has_rounded(value) else value
    except RecursionError:
        raise ValueError("nested too deep for JSON") from None


def digest(data: bytes) -> str:
    """`sha256:` and the digest in hex: what is kept says how it was made."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _spell(value: Any, *, sort: bool) -> bytes:
    try:
        return json.dumps(value, sort_keys=sort, separators=(",", ":")).encode()
    except RecursionError:
        raise ValueError("nested too deep for JSON") from None


def _loads_slowly(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep for JSON") from None


def _has_rounded(value: Any) -> bool:
    """Whether a float in `value` may be a rounded integer; looks at numbers only."""
    if type(value) is float:
        return (value >= _EXACT or value <= -_EXACT) and value.is_integer()
    if type(value) is dict:
        return any(map(_has_rounded, value.values()))
    return type(value) is list and any(map(_has_rounded, value))
