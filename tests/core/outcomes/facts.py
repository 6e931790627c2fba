"""Short words for the timelines that the rules' tables are made of."""

from typing import Any

from proxy.core.model import FAILURE_MODES, End, Event, Run
from proxy.core.outcomes import judge
from proxy.core.outcomes._api import Facts

CRM = "GET crm.local/customers/{id}"
COMPLETED = ("Completed", None, None, None, "completed", ())

# name -> what the run did, and (status, failure mode, reason, retryable, rule, evidence)
type Cases = dict[str, tuple[Facts, tuple[Any, ...]]]


def call(
    kind: str, name: str, code: int | None = 200, *, end: End = End.COMPLETE, **data: Any
) -> dict[str, Any]:
    ok = code is not None and code < 400 and end is End.COMPLETE
    status = data.pop("status", "ok" if ok else "error")
    return {
        "kind": kind,
        "name": name,
        "status": status,
        "data": {"statusCode": code, "end": str(end), **data},
    }


def llm(code: int | None = 200, **data: Any) -> dict[str, Any]:
    return call("llm_call", data.pop("name", "openai.chat"), code, **data)


def tool(code: int | None = 200, **data: Any) -> dict[str, Any]:
    url = data.pop("url", "https://crm.local/customers/1")
    return call(
        data.pop("kind", "http"), data.pop("name", CRM), code, method="GET", url=url, **data
    )


def turn(
    *uses: tuple[str, Any], results: tuple[str, ...] = (), reply: str | None = None, **more: Any
) -> dict[str, Any]:
    """A model call that asks for tools; `results` are digests of what its request brings back."""
    call_ids = more.pop("ids", [f"{name}-{arguments}" for name, arguments in uses])
    summary = {
        "toolUses": [
            {"id": id_, "name": name, "arguments": arguments}
            for id_, (name, arguments) in zip(call_ids, uses, strict=True)
        ],
        "toolResults": [
            dict(zip(("id", "digest"), result.split("="), strict=True)) for result in results
        ],
        "reply": reply,
        "finishReason": more.pop("finish", "tool_calls" if uses else "stop"),
        **more.pop("call", {}),
    }
    return llm(call=summary, **more)


def breach(
    of: int,
    validator: str,
    keyword: str,
    *,
    subject: str | None = None,
    side: str = "response",
    **more: Any,
) -> dict[str, Any]:
    """A validation of the step number `of`; `more` is data of it."""
    violation = {"path": "$.a", "message": "wrong", "keyword": keyword, "breaking": True}
    data = {"validator": validator, "subject": subject, "side": side, "breaking": True, **more}
    return {
        "kind": "validation",
        "name": validator,
        "status": "error",
        "parent_event_id": of,
        "data": {**data, "violations": [violation]},
    }


def facts(
    *steps: dict[str, Any],
    exit_code: int | None = 0,
    ended_by: str = "exit",
    metadata: dict[str, Any] | None = None,
) -> Facts:
    events = [
        Event(run_id="run_1", started_at=float(at), ended_at=at + 0.5, id=at, **step)
        for at, step in enumerate(steps, 1)
    ]
    run = Run("run_1", "SupportAgent", "c", started_at=0.0, metadata=metadata or {})
    return Facts(run, events, exit_code, ended_by)


def check(given: Facts, expected: tuple[Any, ...]) -> None:
    """The one outcome of the run is the expected one, and is filled in as it should be."""
    got = judge(given, created_at=5.0)
    judged = (got.status, got.failure_mode, got.reason, got.retryable, got.rule, got.evidence)
    assert judged == expected
    assert (got.run_id, got.label) == ("run_1", "SupportAgent")
    assert (got.source, got.created_at) == ("rules", 5.0)
    assert (got.failure_mode in FAILURE_MODES) == (got.status == "Failed")
