"""What several formats need of a run: texts of bodies, times, the event of an exchange."""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from proxy.core import plain
from proxy.core.model import End, Event, Exchange, Headers, Snapshot, header
from proxy.core.outcomes import as_object, current_outcome, iso

_CONTROL: Final = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OUTCOME_ROWS: Final = (
    ("Reason", "reason"),
    ("Retryable", "retryable"),
    ("User impact", "userImpact"),
)


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


def failed(exchange: Exchange, event: Event | None) -> bool:
    """Whether the call failed for its client, who may leave at a stream's last event."""
    return event.status == "error" if event is not None else not exchange.ok


def outcome(snapshot: Snapshot) -> dict[str, Any] | None:
    """The outcome that counts, as the object that callers exchange."""
    found = current_outcome(sorted(snapshot.outcomes, key=lambda one: one.created_at))
    return as_object(found) if found else None


def pretty(data: bytes, limit: int) -> str:
    """A decoded body to read: JSON indented, text as it is, at most `limit` characters."""
    value = value_of(data)
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict) and value.keys() == {"base64"}:
        text = "\0"
    else:
        text = "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if _CONTROL.search(text):
        return f"{len(data)} bytes that are no text"
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit} more characters"


def headline(exchange: Exchange, event: Event | None) -> str:
    """What a call was, in a few words: its name, and the model where there is one."""
    if event is None:
        return f"{exchange.request.method} {exchange.request.url}"
    call = event.data.get("call")
    model = call.get("model") if isinstance(call, dict) else None
    return f"{event.name} · {model}" if model else event.name


def status(exchange: Exchange) -> str:
    """`200`, `reset after 200`, or how it ended without an answer."""
    code = exchange.response.status if exchange.response else None
    if exchange.end is End.COMPLETE:
        return str(code) if code is not None else "no answer"
    told = str(exchange.end).replace("_", " ")
    return f"{told} after {code}" if code is not None else told


def duration(micros: int | None) -> str:
    """`412 ms`, `3.21 s`; `?` when it is not known."""
    if micros is None:
        return "?"
    return f"{micros / 1000:.0f} ms" if micros < 1_000_000 else f"{micros / 1e6:.2f} s"  # noqa: PLR2004 - a second


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What is said of a run before its calls."""
    run = snapshot.run
    found = outcome(snapshot)
    errors = sum(failed(exchange, event) for exchange, event in calls(snapshot))
    ended = run.ended_at
    rows = [
        ("Run", run.id),
        ("Label", run.label),
        ("Correlation id", run.correlation_id),
        ("Started", iso(run.started_at)),
        ("Took", duration(round((ended - run.started_at) * 1e6)) if ended is not None else "?"),
        ("Calls", f"{len(snapshot.exchanges)}, {errors} of them failed"),
    ]
    if found:
        mode = f" ({found['failureMode']})" if found["failureMode"] else ""
        rows.append(("Outcome", f"{found['status']}{mode}"))
        rows += [(name, str(found[key])) for name, key in _OUTCOME_ROWS if found[key] is not None]
    rows += [(f"Meta: {key}", _short(run.metadata[key])) for key in sorted(run.metadata)]
    return rows


def _short(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
