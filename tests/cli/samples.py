"""A run as it might have been: two phases, a retry, an expired token, a streamed answer."""

import gzip
import json
from typing import Any

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Outcome,
    Own,
    Part,
    RequestHead,
    ResponseHead,
    Run,
    Snapshot,
)

START = 1770889282.0  # 2026-02-12T09:41:22Z
EVIL = "\x1b]0;owned\x07\x1b[2J[bold red]token expired[/]\u202e"
STREAM = b'event: delta\ndata: {"text":"Hi"}\n\ndata: [DONE]\n\n'


def exchange(seq: int, run_id: str = "run_a", **changes: Any) -> Exchange:
    """A small JSON call; `changes` are fields of Exchange."""
    fields: dict[str, Any] = {
        "id": f"ex_{run_id}_{seq}",
        "run_id": run_id,
        "seq": seq,
        "via": "forward",
        "started_at": START + seq,
        "request": RequestHead(
            "POST",
            "https",
            "api.local",
            443,
            "/v1/chat?x=1",
            headers=((b"Host", b"api.local"), (b"Content-Type", b"application/json")),
        ),
        "request_body": Body(b'{"q":"\\u00e9","n":[1,2]}', (Part(10, 24),)),
        "response": ResponseHead(200, "OK", headers=((b"Content-Type", b"application/json"),)),
        "response_body": Body(b'{"ok":true}', (Part(311_000, 11),)),
        "request_end_us": 20,
        "first_byte_us": 311_000,
        "ended_us": 812_000,
    }
    return Exchange(**fields | changes)


def event(made: Exchange, kind: str, name: str, **data: Any) -> Event:
    """The timeline row of an exchange."""
    code = made.response.status if made.response else None
    bad = made.end is not End.COMPLETE or (code or 0) >= 400 or "error" in data
    return Event(
        run_id=made.run_id,
        kind=kind,
        name=name,
        started_at=made.started_at,
        ended_at=made.started_at + (made.ended_us or 0) / 1e6,
        status="error" if bad else "ok",
        data={
            "exchangeId": made.id,
            "seq": made.seq,
            "method": made.request.method,
            "url": made.request.url,
            "statusCode": code,
            "end": str(made.end),
            "latencyMs": (made.ended_us or 0) / 1000,
            "ttfbMs": made.first_byte_us and made.first_byte_us / 1000,
            "requestBytes": len(made.request_body.data),
            "responseBytes": len(made.response_body.data),
            "attempt": made.attempt,
            **data,
        },
    )


def support_run(
    run_id: str = "run_a", *, label: str = "SupportAgent", at: float = START
) -> Snapshot:
    """Calls 1, 2 in `plan`, 3 to 6 in `act`: 4 is 3 tried again, 5 fails for good, 6 streams."""
    plan, act = Own(group="plan"), Own(group="act")
    calls = [
        exchange(1, run_id, own=plan),
        exchange(2, run_id, own=plan),
        exchange(
            3, run_id, own=act, response=ResponseHead(503, "Service Unavailable"), ended_us=5_000
        ),
        exchange(
            4,
            run_id,
            own=act,
            attempt=2,
            retry_of=f"ex_{run_id}_3",
            retry_reason="503 Service Unavailable",
            backoff_us=512_000,
        ),
        exchange(
            5,
            run_id,
            own=act,
            response=ResponseHead(401, "Unauthorized"),
            response_body=Body(json.dumps({"error": EVIL}).encode()),
        ),
        exchange(
            6,
            run_id,
            own=act,
            response=ResponseHead(
                200,
                "OK",
                headers=((b"Content-Type", b"text/event-stream"), (b"Content-Encoding", b"gzip")),
            ),
            response_body=streamed(STREAM, gzipped=True),
        ),
    ]
    for made in calls:
        made.started_at += at - START
    llm = {"model": "gpt-4o", "inputTokens": 120, "outputTokens": 30, "finishReason": "tool_calls"}
    rows = [
        event(
            calls[0], "llm_call", "openai.chat", call={**llm, "toolUses": [{"name": "kb.search"}]}
        ),
        event(calls[1], "retrieval", "kb.search", call={"retrieval": {"results": [{}, {}]}}),
        event(calls[2], "tool_call", "crm.find", error="503 Service Unavailable"),
        event(
            calls[3],
            "tool_call",
            "crm.find",
            retryOf=calls[2].id,
            retryReason="503 Service Unavailable",
            backoffMs=512.0,
        ),
        event(calls[4], "http", "GET crm.local/customers/{id}", error=f"401 {EVIL}"),
        event(calls[5], "llm_call", "openai.chat", call={"model": "gpt-4o", "reply": "Hi"}),
    ]
    groups = [
        Event(run_id, "group", "plan", at + 1, at + 2.8, data={"path": "plan"}, id=1),
        Event(run_id, "group", "act", at + 3, at + 6.8, data={"path": "act"}, id=4),
    ]
    ids = (2, 3, 5, 6, 7, 8)
    for row, number in zip(rows, ids, strict=True):
        row.id = number
        row.parent_event_id = 1 if number < 4 else 4
    outcome = Outcome(
        run_id,
        label,
        "Failed",
        "Tool Error",
        "CRM 401: token expired",
        retryable=True,
        user_impact="No reply sent",
        created_at=at + 8.114,
        rule="http_status",
        evidence=(7,),
    )
    run = Run(
        run_id,
        label,
        "ticket-18422",
        at,
        at + 8,
        "Failed",
        "Tool Error",
        {"command": ["sh", "-c"], "ticketId": 18422},
    )
    events = sorted([*groups, *rows], key=lambda row: row.id or 0)
    return Snapshot(run, calls, events, [outcome])


def streamed(data: bytes, *, gzipped: bool = False) -> Body:
    """A body that came in two pieces, at 100 ms and 250 ms; compressed, each piece can be read."""
    half = data.index(b"\n\n") + 2
    pieces = [data[:half], data[half:]]
    if gzipped:
        pieces = [gzip.compress(piece, mtime=0) for piece in pieces]
    parts = (Part(100_000, len(pieces[0])), Part(250_000, len(pieces[1])))
    return Body(b"".join(pieces), parts)


def socket_call() -> Exchange:
    """A WebSocket conversation."""
    frames = (
        Frame(1_000, True, 1, b'{"type":"hello"}'),
        Frame(2_500, False, 2, bytes(range(20))),
        Frame(9_000, False, 8, b"\x03\xe8bye"),
    )
    return exchange(1, response=ResponseHead(101, "Switching Protocols"), frames=frames)
