"""The values of a run as JSON and back: the lines of a recording.

Each class has a table of its fields in the order they are written. A field that has its default
is left out. Reading is strict: an unknown field, a missing one or one of the wrong type is a
ValueError whose message names the field.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from proxy.core.matching import IgnoreRule
from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Headers,
    Outcome,
    Own,
    Part,
    RequestHead,
    ResponseHead,
    Run,
)

_REQUIRED: Any = object()


class Field(NamedTuple):
    """One field: its name, how it is read from JSON and written to it, and its default."""

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value
    default: Any = _REQUIRED


class Raw(NamedTuple):
    """A JSON text that was taken out of its line as it is."""

    data: bytes


class Record(NamedTuple):
    """A class and the fields it is written with."""

    make: Callable[..., Any]
    fields: tuple[Field, ...]


def write(record: Record, value: Any) -> dict[str, Any]:
    """`value` as a JSON object, defaults left out."""
    out = {}
    for name, _, to_json, default in record.fields:
        if (part := getattr(value, name)) != default:
            out[name] = to_json(part)
    return out


def read(record: Record, data: Any, **given: Any) -> Any:
    """The value of a JSON object; `given` are fields that the object may leave out."""
    if type(data) is not dict:
        raise ValueError("not an object")
    rest = dict(data)
    values = dict(given)
    for name, from_json, _, default in record.fields:
        if name in rest:
            try:
                values[name] = from_json(rest.pop(name))
            except ValueError as why:
                raise ValueError(f"{name}: {why}") from None
        elif default is _REQUIRED and name not in given:
            raise ValueError(f"{name} is missing")
    if rest:
        raise ValueError(f"unknown field {min(rest)!r}")
    return record.make(**values)


# --- single values ---------------------------------------------------------------------------


def _a(kind: type, name: str) -> Callable[[Any], Any]:
    """A reader that takes exactly one type (a bool is not an int)."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{name} expected")
        return value

    return check


def _or_none(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else reader(value)


def _tuple_of(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: tuple(map(reader, _list(value)))


_text = _a(str, "text")
_int = _a(int, "a whole number")
_bool = _a(bool, "true or false")
_list = _a(list, "a list")
_object = _a(dict, "an object")


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError("a number expected")
    return float(value)


def _end(value: Any) -> End:
    try:
        return End(_text(value))
    except ValueError:
        raise ValueError(f"unknown end {value!r}") from None


def _pair(value: Any) -> list[Any]:
    if len(_list(value)) != 2:  # noqa: PLR2004 - a pair
        raise ValueError("a pair expected")
    return value  # type: ignore[no-any-return]  # checked by _list


def _sorted(value: Any) -> Any:
    """Objects of the user's with their keys in order: stores do not agree on one."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


# --- bytes -----------------------------------------------------------------------------------


def _write_bytes(data: bytes) -> dict[str, Any]:
    """As JSON where that gives the same bytes back, else as text, else as base64."""
    if data[:1] in (b"{", b"["):
        try:
            if orjson.dumps(orjson.loads(data)) == data:
                return {"json": orjson.Fragment(data)}
        except (orjson.JSONDecodeError, TypeError):
            pass
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error:
        raise ValueError("broken base64") from None


def _json(value: Any) -> bytes:
    if type(value) is Raw:
        return value.data
    try:
        return orjson.dumps(value)
    except TypeError as why:
        raise ValueError(f"json: {why}") from None


_BYTES: Mapping[str, Callable[[Any], bytes]] = {
    "json": _json,
    "text": lambda value: _text(value).encode(),
    "base64": _base64,
}


def _read_bytes(data: dict[str, Any]) -> bytes:
    """Takes the one form out of `data`; no form at all means no bytes."""
    forms = [form for form in _BYTES if form in data]
    if len(forms) > 1:
        raise ValueError(f"both {forms[0]} and {forms[1]}")
    return _BYTES[forms[0]](data.pop(forms[0])) if forms else b""


def _write_headers(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _header_text(value: Any) -> bytes:
    try:
        return _text(value).encode("latin-1")  # type: ignore[no-any-return]  # checked by _text
    except UnicodeEncodeError:
        raise ValueError("a header is Latin-1") from None


def _read_headers(value: Any) -> Headers:
    return tuple(
        (_header_text(name), _header_text(text)) for name, text in map(_pair, _list(value))
    )


def _write_body(body: Body) -> dict[str, Any]:
    out = _write_bytes(body.data) if body.data else {}
    if "json" in out:  # its size lets a reader take it out of the line without parsing it
        out = {"bytes": len(body.data), **out}
    if body.parts:
        out["parts"] = [list(part) for part in body.parts]
    if body.trailers:
        out["trailers"] = _write_headers(body.trailers)
    return out


def _read_body(value: Any) -> Body:
    rest = dict(_object(value))
    _int(rest.pop("bytes", 0))
    data = _read_bytes(rest)
    pairs = map(_pair, _list(rest.pop("parts", [])))
    parts = tuple(Part(_int(at), _int(size)) for at, size in pairs)
    trailers = _read_headers(rest.pop("trailers", []))
    if rest:
        raise ValueError(f"unknown field {min(rest)!r}")
    if parts and sum(part.size for part in parts) != len(data):
        raise ValueError(f"its parts do not add up to its {len(data)} bytes")
    return Body(data, parts, trailers)


def _write_frame(frame: Frame) -> dict[str, Any]:
    at, from_client, opcode, data = frame
    head = {"at_us": at, "from": "client" if from_client else "server", "opcode": opcode}
    return head | (_write_bytes(data) if data else {})


def _read_frame(value: Any) -> Frame:
    rest = dict(_object(value))
    data = _read_bytes(rest)
    sender = rest.pop("from", None)
    if sender not in ("client", "server"):
        raise ValueError("from: client or server expected")
    frame = Frame(
        _int(rest.pop("at_us", None)), sender == "client", _int(rest.pop("opcode", None)), data
    )
    if rest:
        raise ValueError(f"unknown field {min(rest)!r}")
    return frame


# --- the tables ------------------------------------------------------------------------------


def _plain(name: str, reader: Callable[[Any], Any], default: Any = _REQUIRED) -> Field:
    return Field(name, reader, default=default)


def _of(record: Record) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Reader and writer of a nested record."""
    return (lambda value: read(record, value)), (lambda value: write(record, value))


_HEADERS = Field("headers", _read_headers, _write_headers, ())
_VERSION = _plain("http_version", _text, "HTTP/1.1")

_REQUEST = Record(
    RequestHead,
    (
        _plain("method", _text),
        _plain("scheme", _text),
        _plain("host", _text),
        _plain("port", _int),
        _plain("target", _text),
        _VERSION,
        _HEADERS,
    ),
)

_RESPONSE = Record(
    ResponseHead, (_plain("status", _int), _plain("reason", _text, ""), _VERSION, _HEADERS)
)

_OWN = Record(
    Own,
    (
        *(
            _plain(name, _or_none(_text), None)
            for name in ("run", "label", "group", "step", "parent", "replay")
        ),
        Field("meta", _object, _sorted, {}),
    ),
)

EXCHANGE = Record(
    Exchange,
    (
        _plain("id", _text),
        _plain("run_id", _text),
        _plain("seq", _int),
        _plain("via", _text),
        _plain("started_at", _number),
        Field("own", *_of(_OWN), Own()),
        Field("request", *_of(_REQUEST)),
        Field("response", *_of(_RESPONSE), None),
        Field("end", _end, str, End.COMPLETE),
        _plain("error", _or_none(_text), None),
        _plain("request_end_us", _or_none(_int), None),
        _plain("first_byte_us", _or_none(_int), None),
        _plain("ended_us", _or_none(_int), None),
        _plain("attempt", _int, 1),
        _plain("retry_of", _or_none(_text), None),
        _plain("retry_reason", _or_none(_text), None),
        _plain("backoff_us", _or_none(_int), None),
        _plain("served_from", _or_none(_text), None),
        _plain("durability", _text, "durable"),
        _plain("lane", _text, ""),
        Field("notes", _tuple_of(_text), list, ()),
        Field("request_body", _read_body, _write_body, Body()),
        Field("response_body", _read_body, _write_body, Body()),
        Field("frames", _tuple_of(_read_frame), lambda frames: list(map(_write_frame, frames)), ()),
    ),
)

EVENT = Record(
    Event,
    (
        _plain("id", _or_none(_int), None),
        _plain("parent_event_id", _or_none(_int), None),
        _plain("run_id", _text),
        _plain("kind", _text),
        _plain("name", _text),
        _plain("started_at", _number),
        _plain("ended_at", _or_none(_number), None),
        _plain("status", _text, "ok"),
        Field("data", _object, _sorted, {}),
    ),
)

OUTCOME = Record(
    Outcome,
    (
        _plain("run_id", _text),
        _plain("label", _text),
        _plain("status", _text),
        _plain("failure_mode", _or_none(_text)),
        _plain("reason", _or_none(_text)),
        _plain("retryable", _or_none(_bool)),
        _plain("user_impact", _or_none(_text)),
        _plain("created_at", _number),
        _plain("source", _text, "rules"),
        _plain("rule", _or_none(_text), None),
        Field("evidence", _tuple_of(_int), list, ()),
    ),
)

RUN = Record(
    Run,
    (
        _plain("id", _text),
        _plain("label", _text),
        _plain("correlation_id", _text),
        _plain("started_at", _number),
        _plain("ended_at", _or_none(_number), None),
        _plain("outcome", _or_none(_text), None),
        _plain("failure_mode", _or_none(_text), None),
        Field("metadata", _object, _sorted, {}),
    ),
)

IGNORE = Record(
    IgnoreRule, (_plain("target", _text), _plain("pattern", _text), _plain("step", _text, "*"))
)
