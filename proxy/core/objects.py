"""Runs, events and exchanges as the JSON objects that `--json` prints and the API answers with."""

import base64
from typing import Any

from proxy.core.model import Body, Event, Exchange, Frame, Headers, Run, RunRow
from proxy.core.outcomes import iso


def run_object(run: Run) -> dict[str, Any]:
    """A run; `outcome` is its status, null while it is open."""
    return {
        "id": run.id,
        "label": run.label,
        "correlationId": run.correlation_id,
        "startedAt": iso(run.started_at),
        "endedAt": _iso(run.ended_at),
        "durationMs": duration_ms(run),
        "outcome": run.outcome,
        "failureMode": run.failure_mode,
        "metadata": run.metadata,
    }


def row_object(row: RunRow) -> dict[str, Any]:
    """A run with what a list shows of it."""
    counted = {"calls": row.calls, "errors": row.errors, "reason": row.reason}
    return run_object(row.run) | counted


def event_object(event: Event) -> dict[str, Any]:
    """A row of the timeline."""
    return {
        "id": event.id,
        "runId": event.run_id,
        "parentEventId": event.parent_event_id,
        "kind": event.kind,
        "name": event.name,
        "status": event.status,
        "startedAt": iso(event.started_at),
        "endedAt": _iso(event.ended_at),
        "data": event.data,
    }


def exchange_object(exchange: Exchange) -> dict[str, Any]:
    """An exchange with its bodies as they were on the wire: text where they are UTF-8, else base64.

    `parts` are the pieces a body came in: milliseconds since the start, and bytes.
    """
    request, response = exchange.request, exchange.response
    return {
        "id": exchange.id,
        "runId": exchange.run_id,
        "seq": exchange.seq,
        "via": exchange.via,
        "lane": exchange.lane,
        "startedAt": iso(exchange.started_at),
        "latencyMs": ms(exchange.ended_us),
        "ttfbMs": ms(exchange.first_byte_us),
        "end": str(exchange.end),
        "error": exchange.error,
        "attempt": exchange.attempt,
        "retryOf": exchange.retry_of,
        "retryReason": exchange.retry_reason,
        "backoffMs": ms(exchange.backoff_us),
        "servedFrom": exchange.served_from,
        "durability": exchange.durability,
        "notes": list(exchange.notes),
        "request": {
            "method": request.method,
            "url": request.url,
            "httpVersion": request.http_version,
            "headers": _headers(request.headers),
            "body": _body(exchange.request_body),
        },
        "response": response
        and {
            "statusCode": response.status,
            "reason": response.reason,
            "httpVersion": response.http_version,
            "headers": _headers(response.headers),
            "body": _body(exchange.response_body),
        },
        "frames": [_frame(frame) for frame in exchange.frames],
    }


def duration_ms(run: Run) -> float | None:
    """How long a run took; None while it is open."""
    return None if run.ended_at is None else round((run.ended_at - run.started_at) * 1000, 3)


def ms(microseconds: int | None) -> float | None:
    """Microseconds as milliseconds."""
    return None if microseconds is None else microseconds / 1000


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)


def _headers(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _bytes(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _body(body: Body) -> dict[str, Any]:
    made: dict[str, Any] = {"size": len(body.data), **_bytes(body.data)}
    made["parts"] = [[ms(part.at_us), part.size] for part in body.parts]
    if body.trailers:
        made["trailers"] = _headers(body.trailers)
    if body.missing:
        made["missing"] = body.missing
    return made


def _frame(frame: Frame) -> dict[str, Any]:
    sender = "client" if frame.from_client else "server"
    return {"atMs": ms(frame.at_us), "from": sender, "opcode": frame.opcode, **_bytes(frame.data)}
