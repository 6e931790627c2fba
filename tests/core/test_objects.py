"""The JSON that the command line prints and the API answers with."""

from typing import Any

import orjson
import pytest

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Part,
    RequestHead,
    ResponseHead,
    Run,
    RunRow,
)
from proxy.core.objects import (
    duration_ms,
    event_object,
    exchange_object,
    ms,
    row_object,
    run_object,
)

OPEN = Run("run_1", "agent", "c1", 1_767_225_600.5)
ENDED = Run(
    "run_1", "agent", "c1", 1_767_225_600.5, 1_767_225_602.75, "Failed", "Timeout", {"a": [1]}
)
OPEN_OBJECT: dict[str, Any] = {
    "id": "run_1",
    "label": "agent",
    "correlationId": "c1",
    "startedAt": "2026-01-01T00:00:00.500Z",
    "endedAt": None,
    "durationMs": None,
    "outcome": None,
    "failureMode": None,
    "metadata": {},
}
ENDED_OBJECT = OPEN_OBJECT | {
    "endedAt": "2026-01-01T00:00:02.750Z",
    "durationMs": 2250.0,
    "outcome": "Failed",
    "failureMode": "Timeout",
    "metadata": {"a": [1]},
}


@pytest.mark.parametrize(("run", "made"), [(OPEN, OPEN_OBJECT), (ENDED, ENDED_OBJECT)])
def test_runs(run: Run, made: dict[str, Any]) -> None:
    assert run_object(run) == made
    assert row_object(RunRow(run, 3, 1, "it timed out")) == made | {
        "calls": 3,
        "errors": 1,
        "reason": "it timed out",
    }


@pytest.mark.parametrize(
    ("ended", "duration"),
    [(None, None), (1_767_225_600.5, 0.0), (1_767_225_600.5004561, 0.456)],
)
def test_durations(ended: float | None, duration: float | None) -> None:
    run = Run("r", "l", "c", 1_767_225_600.5, ended)
    assert duration_ms(run) == duration


@pytest.mark.parametrize(
    ("microseconds", "made"), [(None, None), (0, 0.0), (1, 0.001), (1_234_567, 1234.567)]
)
def test_ms(microseconds: int | None, made: float | None) -> None:
    assert ms(microseconds) == made


def test_events() -> None:
    event = Event("run_1", "llm_call", "openai.chat", 1_767_225_600.0, data={"seq": 1}, id=7)
    assert event_object(event) == {
        "id": 7,
        "runId": "run_1",
        "parentEventId": None,
        "kind": "llm_call",
        "name": "openai.chat",
        "status": "ok",
        "startedAt": "2026-01-01T00:00:00.000Z",
        "endedAt": None,
        "data": {"seq": 1},
    }


def test_an_exchange() -> None:
    exchange = Exchange(
        id="x1",
        run_id="run_1",
        seq=2,
        via="forward",
        started_at=1_767_225_600.0,
        request=RequestHead(
            "POST", "https", "api.example", 8443, "/v1?q", "HTTP/2", ((b"X-A", b"caf\xe9"),)
        ),
        request_body=Body("caf\u00e9".encode(), (Part(1500, 5),)),
        response=ResponseHead(200, "OK", "HTTP/1.1", ((b"A", b"b"), (b"a", b""))),
        response_body=Body(b"\xff\x00", (Part(2000, 1), Part(3000, 1)), ((b"X-T", b"t"),)),
        frames=(Frame(10, True, 1, b"hi"), Frame(20, False, 2, b"\x80"), Frame(30, False, 8, b"")),
        end=End.UPSTREAM_RESET,
        error="it broke",
        first_byte_us=1000,
        ended_us=4000,
        attempt=2,
        retry_of="x0",
        retry_reason="status 529",
        backoff_us=500_000,
        served_from="x9",
        durability="fast",
        lane="slow",
        notes=("a", "b"),
    )
    made = exchange_object(exchange)
    assert made == {
        "id": "x1",
        "runId": "run_1",
        "seq": 2,
        "via": "forward",
        "lane": "slow",
        "startedAt": "2026-01-01T00:00:00.000Z",
        "latencyMs": 4.0,
        "ttfbMs": 1.0,
        "end": "upstream_reset",
        "error": "it broke",
        "attempt": 2,
        "retryOf": "x0",
        "retryReason": "status 529",
        "backoffMs": 500.0,
        "servedFrom": "x9",
        "durability": "fast",
        "notes": ["a", "b"],
        "request": {
            "method": "POST",
            "url": "https://api.example:8443/v1?q",
            "httpVersion": "HTTP/2",
            "headers": [["X-A", "caf\u00e9"]],
            "body": {"size": 5, "text": "caf\u00e9", "parts": [[1.5, 5]]},
        },
        "response": {
            "statusCode": 200,
            "reason": "OK",
            "httpVersion": "HTTP/1.1",
            "headers": [["A", "b"], ["a", ""]],
            "body": {
                "size": 2,
                "base64": "/wA=",
                "parts": [[2.0, 1], [3.0, 1]],
                "trailers": [["X-T", "t"]],
            },
        },
        "frames": [
            {"atMs": 0.01, "from": "client", "opcode": 1, "text": "hi"},
            {"atMs": 0.02, "from": "server", "opcode": 2, "base64": "gA=="},
            {"atMs": 0.03, "from": "server", "opcode": 8, "text": ""},
        ],
    }
    assert type(made["end"]) is str
    assert orjson.loads(orjson.dumps(made)) == made


def test_an_exchange_without_an_answer() -> None:
    head = RequestHead("GET", "http", "::1", 80, "/")
    made = exchange_object(
        Exchange("x", "r", 1, "forward", 0.0, head, end=End.UPSTREAM_REFUSED, error="refused")
    )
    assert made["response"] is made["latencyMs"] is made["ttfbMs"] is made["backoffMs"] is None
    assert made["end"] == "upstream_refused"
    assert made["request"]["url"] == "http://[::1]/"
    assert made["request"]["body"] == {"size": 0, "text": "", "parts": []}
