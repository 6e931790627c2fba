"""A first schema from payloads that were good: what all of them have in common.

Fields that were always there are required, whatever is not known is allowed. An enum or a format
is only claimed where enough was seen; objects whose keys are data (ids) become maps.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from proxy.core import steps

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_DEPTH: Final = 60
_ENUM_MOST, _ENUM_LONGEST = 6, 40
_ENUM_SEEN: Final = 12  # observations below which no list of texts is taken for complete
_ENUM_SHARE: Final = 4  # times that each of them was seen, on average
_MAP_KEYS: Final = 8  # keys that look like ids, of which an object is a map
_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_FORMATS: Final = (
    (
        "date-time",
        re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)"),
    ),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("email", re.compile(r"[^@\s]{1,64}@[^@\s]{1,200}\.[A-Za-z]{2,20}")),
    ("uri", re.compile(r"[a-z][a-z+.-]{1,20}://\S{1,2000}")),
)
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z _-]*")


def infer(payloads: Iterable[Any]) -> dict[str, Any]:
    """The schema of JSON values, all of which fit it; of none, the one that allows anything."""
    seen = list(payloads)
    return {"$schema": _DRAFT, **_infer(seen, 0)} if seen else {}


def _infer(seen: Sequence[Any], depth: int) -> dict[str, Any]:
    """Without `$schema`; what is nested deeper than anybody looks is left open."""
    kinds = {_type(value) for value in seen}
    if "number" in kinds:
        kinds.discard("integer")
    found: dict[str, Any] = {}
    if kinds:
        names = [name for name in _TYPES if name in kinds]
        found["type"] = names[0] if len(names) == 1 else names
    if depth >= _MAX_DEPTH:
        return found
    objects = [value for value in seen if isinstance(value, dict)]
    if objects:
        found |= _objects(objects, depth)
    items = [item for value in seen if isinstance(value, list) for item in value]
    if items:
        found["items"] = _infer(items, depth + 1)
    texts = [value for value in seen if isinstance(value, str)]
    if texts:
        found |= _texts(texts, nullable="null" in kinds, alone=kinds <= {"string", "null"})
    return found


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _objects(objects: Sequence[dict[str, Any]], depth: int) -> dict[str, Any]:
    fields: dict[str, list[Any]] = {}
    for one in objects:
        for name, value in one.items():
            fields.setdefault(name, []).append(value)
    if len(fields) >= _MAP_KEYS and all(map(steps.is_id, fields)):
        values = [value for found in fields.values() for value in found]
        return {"additionalProperties": _infer(values, depth + 1)}
    needed = [name for name, found in fields.items() if len(found) == len(objects)]
    made: dict[str, Any] = {
        "properties": {name: _infer(found, depth + 1) for name, found in fields.items()}
    }
    return made | ({"required": needed} if needed else {})


def _texts(texts: Sequence[str], *, nullable: bool, alone: bool) -> dict[str, Any]:
    """The format that all have, else the list of words that all are of, if it seems complete."""
    for name, pattern in _FORMATS:
        if all(pattern.fullmatch(text) for text in texts):
            return {"format": name}
    words = list(dict.fromkeys(texts))
    few = 1 < len(words) <= _ENUM_MOST and len(texts) >= max(_ENUM_SEEN, _ENUM_SHARE * len(words))
    plain = all(len(word) <= _ENUM_LONGEST and _WORD.fullmatch(word) for word in words)
    if alone and few and plain:
        return {"enum": sorted(words) + ([None] if nullable else [])}
    return {}
