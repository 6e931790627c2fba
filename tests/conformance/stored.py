"""What the tests of stores write. A new store is one more line in STORES_UNDER_TEST."""

from collections.abc import Callable
from pathlib import Path

from proxy.core.model import (
    Body,
    Event,
    Exchange,
    Outcome,
    Part,
    RequestHead,
    ResponseHead,
    Run,
)
from proxy.stores._api import (
    AddExchange,
)

START = 1_763_000_000.123456

STORES_UNDER_TEST: dict[str, Callable[[Path], str]] = {
    "memory": lambda _: "memory:",
    "sqlite": lambda folder: f"sqlite:///{folder / 'recordings' / 'dashcam.db'}",
}


def run(run_id: str = "run_a", **values: object) -> Run:
    return Run(**{"id": run_id, "label": "", "correlation_id": "", "started_at": START, **values})  # type: ignore[arg-type]


def exchange(number: int, run_id: str = "run_a", **values: object) -> Exchange:
    given: dict[str, object] = {
        "id": f"ex_{run_id}_{number}",
        "run_id": run_id,
        "seq": 0,
        "via": "forward",
        "started_at": START + number,
        "request": RequestHead("POST", "https", "api.example.com", 443, "/v1/chat"),
        "request_body": Body(b'{"n":%d}' % number, (Part(0, 7),)),
        "response": ResponseHead(200, "OK"),
        "response_body": Body(b"ok"),
        "ended_us": 500_000,
    }
    return Exchange(**{**given, **values})  # type: ignore[arg-type]


def event(of: Exchange, **values: object) -> Event:
    given: dict[str, object] = {
        "run_id": of.run_id,
        "kind": "llm_call",
        "name": "openai.chat",
        "started_at": of.started_at,
        "data": {"latencyMs": 500.0},
    }
    return Event(**{**given, **values})  # type: ignore[arg-type]


def call(number: int, run_id: str = "run_a", **values: object) -> AddExchange:
    made = exchange(number, run_id, **values)
    return AddExchange(made, event(made))


def outcome(run_id: str = "run_a", **values: object) -> Outcome:
    given: dict[str, object] = {
        "run_id": run_id,
        "label": "triage",
        "status": "Completed",
        "failure_mode": None,
        "reason": None,
        "retryable": None,
        "user_impact": None,
        "created_at": START,
    }
    return Outcome(**{**given, **values})  # type: ignore[arg-type]
