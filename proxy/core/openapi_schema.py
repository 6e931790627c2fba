"""Gemini's `Schema` objects as JSON Schema.

They are a subset of OpenAPI 3.0 schemas with type names in upper case and `nullable`
(https://ai.google.dev/api/caching#Schema); clients may also send plain JSON Schema beside them.
"""

from collections.abc import Mapping
from typing import Any

from proxy.core import loose

_MAX_DEPTH = 100
_NUMBERS = frozenset(
    ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
)
_DROPPED = frozenset(("nullable", "propertyOrdering", "property_ordering", "example"))
_SCHEMAS = frozenset(("items", "additionalProperties", "not"))
_LISTS = frozenset(("anyOf", "any_of", "oneOf", "allOf", "prefixItems"))
_MAPS = frozenset(("properties", "$defs", "defs", "patternProperties"))


def to_json_schema(schema: Any, depth: int = 0) -> Mapping[str, Any] | None:
    """The same schema in JSON Schema's words; None if it is no object."""
    if not isinstance(schema, dict):
        return None
    if depth > _MAX_DEPTH:
        return {}
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        found["anyOf" if key == "any_of" else key] = _value(key, value, depth + 1)
    if schema.get("nullable") is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def _value(key: str, value: Any, depth: int) -> Any:
    if key == "type" and isinstance(value, str):
        return value.lower()
    if key in _NUMBERS and isinstance(value, str):  # int64 is a string in proto JSON
        return int(value) if value.isdecimal() and len(value) < 19 else value  # noqa: PLR2004 - fits 64 bits
    if key in _SCHEMAS:
        return value if not isinstance(value, dict) else to_json_schema(value, depth)
    if key in _LISTS:
        return [to_json_schema(item, depth) for item in loose.objects(value)]
    if key in _MAPS:
        inner = loose.obj(value).items()
        return {name: to_json_schema(item, depth) or {} for name, item in inner}
    return value
