"""The values of a run as JSON and back: the lines of a recording.

Each class has a table of its fields in the order they are written. A field that has its default
is left out. Reading is strict: an unknown field, a missing one or one of the wrong type is a
ValueError whose message names the field.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.core import record_forms as forms
from proxy.core.matching import IgnoreRule
from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Outcome,
    Own,
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


class Record(NamedTuple):
    """A class and the fields it is written with."""

    make: type
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


def _plain(name: str, reader: Callable[[Any], Any], default: Any = _REQUIRED) -> Field:
    return Field(name, reader, default=default)


def _of(record: Record) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Reader and writer of a nested record."""
    return (lambda value: read(record, value)), (lambda value: write(record, value))


_HEADERS = Field("headers", forms.read_headers, forms.write_headers, ())
_VERSION = _plain("http_version", forms.text, "HTTP/1.1")

_REQUEST = Record(
    RequestHead,
    (
        _plain("method", forms.text),
        _plain("scheme", forms.text),
        _plain("host", forms.text),
        _plain("port", forms.whole_number),
        _plain("target", forms.text),
        _VERSION,
        _HEADERS,
    ),
)

_RESPONSE = Record(
    ResponseHead,
    (_plain("status", forms.whole_number), _plain("reason", forms.text, ""), _VERSION, _HEADERS),
)

_OWN = Record(
    Own,
    (
        *(
            _plain(name, forms.or_none(forms.text), None)
            for name in ("run", "label", "group", "step", "parent", "replay")
        ),
        Field("meta", forms.an_object, forms.in_order, {}),
    ),
)

EXCHANGE = Record(
    Exchange,
    (
        _plain("id", forms.text),
        _plain("run_id", forms.text),
        _plain("seq", forms.whole_number),
        _plain("via", forms.text),
        _plain("started_at", forms.number),
        Field("own", *_of(_OWN), Own()),
        Field("request", *_of(_REQUEST)),
        Field("response", *_of(_RESPONSE), None),
        Field("end", forms.end, str, End.COMPLETE),
        _plain("error", forms.or_none(forms.text), None),
        _plain("request_end_us", forms.or_none(forms.whole_number), None),
        _plain("first_byte_us", forms.or_none(forms.whole_number), None),
        _plain("ended_us", forms.or_none(forms.whole_number), None),
        _plain("attempt", forms.whole_number, 1),
        _plain("retry_of", forms.or_none(forms.text), None),
        _plain("retry_reason", forms.or_none(forms.text), None),
        _plain("backoff_us", forms.or_none(forms.whole_number), None),
        _plain("served_from", forms.or_none(forms.text), None),
        _plain("durability", forms.text, "durable"),
        _plain("lane", forms.text, ""),
        Field("notes", forms.tuple_of(forms.text), list, ()),
        Field("request_body", forms.read_body, forms.write_body, Body()),
        Field("response_body", forms.read_body, forms.write_body, Body()),
        Field(
            "frames",
            forms.tuple_of(forms.read_frame),
            lambda frames: list(map(forms.write_frame, frames)),
            (),
        ),
    ),
)

EVENT = Record(
    Event,
    (
        _plain("id", forms.or_none(forms.whole_number), None),
        _plain("parent_event_id", forms.or_none(forms.whole_number), None),
        _plain("run_id", forms.text),
        _plain("kind", forms.text),
        _plain("name", forms.text),
        _plain("started_at", forms.number),
        _plain("ended_at", forms.or_none(forms.number), None),
        _plain("status", forms.text, "ok"),
        Field("data", forms.an_object, forms.in_order, {}),
    ),
)

OUTCOME = Record(
    Outcome,
    (
        _plain("run_id", forms.text),
        _plain("label", forms.text),
        _plain("status", forms.text),
        _plain("failure_mode", forms.or_none(forms.text)),
        _plain("reason", forms.or_none(forms.text)),
        _plain("retryable", forms.or_none(forms.boolean)),
        _plain("user_impact", forms.or_none(forms.text)),
        _plain("created_at", forms.number),
        _plain("source", forms.text, "rules"),
        _plain("rule", forms.or_none(forms.text), None),
        Field("evidence", forms.tuple_of(forms.whole_number), list, ()),
    ),
)

RUN = Record(
    Run,
    (
        _plain("id", forms.text),
        _plain("label", forms.text),
        _plain("correlation_id", forms.text),
        _plain("started_at", forms.number),
        _plain("ended_at", forms.or_none(forms.number), None),
        _plain("outcome", forms.or_none(forms.text), None),
        _plain("failure_mode", forms.or_none(forms.text), None),
        Field("metadata", forms.an_object, forms.in_order, {}),
    ),
)

IGNORE = Record(
    IgnoreRule,
    (_plain("target", forms.text), _plain("pattern", forms.text), _plain("step", forms.text, "*")),
)
