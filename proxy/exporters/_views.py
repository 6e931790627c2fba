"""What several formats need of a run: texts of bodies, times, the event of an exchange."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from proxy.core.model import Event, Exchange, Headers, Snapshot, header
from proxy.core.outcomes import as_object, current_outcome
from proxy.core.replay import plain


class Text(NamedTuple):
    """Bytes as text; `base64` says that they are no text and were encoded."""

    text: str
    base64: bool
    size: int


def text_of(data: bytes) -> Text:
    """Decoded bytes as text, or as base64 where they are none."""
    try:
        return Text(data.decode(), base64=False, size=len(data))
    except UnicodeDecodeError:
        return Text(b64encode(data).decode(), base64=True, size=len(data))


def value_of(data: bytes) -> Any:
    """Decoded bytes as a JSON value where they are one, else as text; None when empty."""
    if not data:
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        found = text_of(data)
        return {"base64": found.text} if found.base64 else found.text


def request_body(exchange: Exchange) -> bytes:
    """The request's body without its Content-Encoding."""
    return plain.request(exchange.request, exchange.request_body.data)


def response_body(exchange: Exchange) -> bytes:
    """The answer's body without its Content-Encoding."""
    return plain.answer(exchange)


def content_type(headers: Headers) -> str:
    """The value of Content-Type; "" when there is none."""
    return (header(headers, b"content-type") or b"").decode("latin-1")


def milliseconds(micros: int | None) -> float | None:
    """Microseconds as milliseconds; None stays None."""
    return None if micros is None else micros / 1000


def calls(snapshot: Snapshot) -> Iterator[tuple[Exchange, Event | None]]:
    """The exchanges by place in the run, each with its event."""
    events = {event.data.get("exchangeId"): event for event in snapshot.events}
    for exchange in sorted(snapshot.exchanges, key=lambda one: (one.seq, one.started_at, one.id)):
        yield exchange, events.get(exchange.id)


def outcome(snapshot: Snapshot) -> dict[str, Any] | None:
    """The outcome that counts, as the object that callers exchange."""
    found = current_outcome(sorted(snapshot.outcomes, key=lambda one: one.created_at))
    return as_object(found) if found else None
