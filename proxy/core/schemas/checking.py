"""A plain HTTP call's payloads against a declared schema: what is wrong with them, in words."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from proxy.core import heads, loose
from proxy.core.model import Headers, RequestHead, ResponseHead
from proxy.core.schemas.declared import Declared
from proxy.core.validators._api import Violation
from proxy.core.validators._misfits import misfits

_FORM: Final = "application/x-www-form-urlencoded"
_BODILESS: Final = frozenset(("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"))
_EMPTY: Final = frozenset((204, 205, 304))
_FIELDS: Final = 1000
_NUMBERS: Final = {"integer": int, "number": float}
_WORDS: Final = {"true": True, "false": False}
_TEXT_MAX: Final = 1 << 20


class Value(NamedTuple):
    """What a body says; `fault` is why it says nothing, and `keyword` that fault in one word."""

    value: Any = None
    fault: str | None = None
    keyword: str = "not_json"


def of_request(declared: Declared, head: RequestHead, body: bytes) -> list[Violation]:
    """What of a request does not fit; `body` is without its Content-Encoding."""
    found: list[Violation] = []
    if declared.query is not None:
        query = coerced(pairs(head.query), declared.query)
        found += misfits(declared.query, query, side="request", subject=declared.name, at="$.query")
    if declared.request is None:
        return found
    if not body and declared.route is not None and not declared.body_needed:
        return found
    if not body and head.method in _BODILESS:
        query = coerced(pairs(head.query), declared.request)
        return found + misfits(declared.request, query, side="request", subject=declared.name)
    said = value(head.headers, body)
    if heads.media_type(head.headers) == _FORM:
        said = said._replace(value=coerced(said.value, declared.request))
    return found + _misfits(declared, declared.request, said, "request", len(body))


def of_response(
    declared: Declared, head: RequestHead, response: ResponseHead, body: bytes
) -> list[Violation]:
    """What of an answer does not fit; errors are answers that nobody relies on."""
    schema = declared.response(response.status)
    if schema is None or head.method == "HEAD" or response.status in _EMPTY:
        return []
    return _misfits(declared, schema, value(response.headers, body), "response", len(body))


def value(headers: Headers, body: bytes) -> Value:
    """The JSON of a body, whatever its content type says, or a form's fields."""
    if not body.strip():
        return Value(None, "the body is empty", "empty")
    if heads.media_type(headers) == _FORM:
        return Value(pairs(body[:_TEXT_MAX].decode("utf-8", "replace")))
    parsed = loose.parse(body)
    if parsed.value is not None or parsed.note is None:
        return Value(parsed.value)
    if "end of data" in parsed.note:
        return Value(None, f"the JSON is cut off after {len(body)} bytes", "cut_off")
    return Value(None, f"the body is no JSON: {parsed.note}"[:300])


def pairs(query: str) -> dict[str, Any]:
    """A query or form as a mapping; a name that comes twice has a list."""
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:  # more fields than that
        return {}
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def coerced(given: Any, schema: Mapping[str, Any]) -> Any:
    """Texts of a query as the numbers and truth values that the schema wants there, if they are."""
    kinds = loose.obj(schema.get("properties"))
    if not isinstance(given, dict):
        return given
    return {name: _coerced(text, loose.obj(kinds.get(name))) for name, text in given.items()}


def _coerced(text: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array":
        items = text if isinstance(text, list) else [text]
        return [_coerced(item, loose.obj(schema.get("items"))) for item in items]
    if isinstance(text, str) and isinstance(kind, str):
        if kind == "boolean":
            return _WORDS.get(text.lower(), text)
        if kind in _NUMBERS and len(text) < 40:  # noqa: PLR2004 - no number is longer
            try:
                return _NUMBERS[kind](text)
            except ValueError:
                return text
    return text


def _misfits(
    declared: Declared, schema: Mapping[str, Any], said: Value, side: str, size: int
) -> list[Violation]:
    if said.fault is not None:
        return [Violation("$", said.fault, said.keyword, side, declared.name)]
    return misfits(schema, said.value, side=side, subject=declared.name, size=size)
