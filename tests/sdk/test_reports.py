import threading
import time
from types import SimpleNamespace
from typing import Any

import dashcam
import pytest

from tests.sdk.echo_server import EchoServer


def sent(api: EchoServer) -> list[dict[str, Any]]:
    """The rows of every POST, lists taken apart."""
    assert dashcam.flush()
    return [
        row
        for posted in api.posted
        for row in (posted.body if isinstance(posted.body, list) else [posted.body])
    ]


@pytest.mark.parametrize(
    ("said", "status", "mode"),
    [
        ("Completed", "Completed", None),
        ("Failed", "Failed", None),
        ("Tool Error", "Failed", "Tool Error"),
        ("Bad Decision", "Failed", "Bad Decision"),
        ("Bad Output", "Failed", "Bad Output"),
        ("Timeout", "Failed", "Timeout"),
        ("Cost Blowup", "Failed", "Cost Blowup"),
        ("tool_error", "Failed", "Tool Error"),
    ],
)
def test_outcome(api: EchoServer, said: Any, status: str, mode: str | None) -> None:
    dashcam.outcome(said, "why", retryable=False, user_impact="none", run="r/1")
    assert sent(api) == [
        {
            "status": status,
            "failureMode": mode,
            "reason": "why",
            "retryable": False,
            "userImpact": "none",
        }
    ]
    assert api.posted[0].path == "/api/v1/runs/r%2F1/outcome"


def test_an_unknown_outcome_is_told_by_flush_not_raised(api: EchoServer) -> None:
    dashcam.outcome("Exploded", run="r")  # type: ignore[arg-type]  # that is the point
    assert not dashcam.flush()
    assert api.posted == []


def test_outcome_of_the_run_around_it(api: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "process")
    dashcam.outcome("Completed")
    with dashcam.run("adopted"), dashcam.run("x", id="inner") as inner:
        dashcam.outcome("Failed")
    dashcam.outcome("Timeout", run=inner)
    assert dashcam.flush()
    outcomes = [posted.path for posted in api.posted if posted.path.endswith("/outcome")]
    assert outcomes == [f"/api/v1/runs/{name}/outcome" for name in ("process", "inner", "inner")]


def test_an_event(api: EchoServer) -> None:
    with dashcam.run("x", id="r"), dashcam.group("plan"), dashcam.step("s"):
        before = time.time()
        dashcam.event("tool_call", "crm", status="error", ended_at=5.0, data={"a": 1})
        after = time.time()
    _, row, _ = sent(api)
    assert before <= row.pop("startedAt") <= after
    assert row == {
        "runId": "r",
        "kind": "tool_call",
        "name": "crm",
        "status": "error",
        "endedAt": 5.0,
        "data": {"group": "plan", "step": "s", "a": 1},
    }


def test_state_returns_its_value(api: EchoServer) -> None:
    with dashcam.run("x", id="r"):
        assert dashcam.state("plan", "pro") == "pro"
    rows = sent(api)
    assert (rows[1]["kind"], rows[1]["name"], rows[1]["data"]) == (
        "state",
        "plan",
        {"value": "pro"},
    )


def test_retrieval_keeps_exactly_what_came_back(api: EchoServer) -> None:
    results = [
        "plain text",
        {"id": "a", "score": 0.9, "content": "t", "chunk_id": 3, "metadata": {"v": 1}},
        (SimpleNamespace(id="b", page_content="page", metadata={}), 0.5),
        {},
    ]
    dashcam.retrieval(
        "refund?", iter(results), name="kb", top_k=4, filter={"x": 1}, started_at=1.0, run="r"
    )
    (row,) = sent(api)
    assert (row["kind"], row["name"], row["startedAt"]) == ("retrieval", "kb", 1.0)
    assert row["endedAt"] > 1.0
    assert row["data"] == {
        "query": "refund?",
        "topK": 4,
        "filter": {"x": 1},
        "documents": [
            {"text": "plain text"},
            {"id": "a", "score": 0.9, "text": "t", "chunkId": 3, "metadata": {"v": 1}},
            {"id": "b", "text": "page", "metadata": {}, "score": 0.5},
            {},
        ],
    }


def test_values_are_taken_as_they_are_now(api: EchoServer) -> None:
    flags = {"beta": True}
    dashcam.state("flags", flags, run="r")
    flags["beta"] = False
    assert sent(api)[0]["data"] == {"value": {"beta": True}}


def test_values_that_json_lacks_become_text(api: EchoServer) -> None:
    dashcam.state("odd", {"nan": float("nan"), "at": threading.Lock, 1: "key"}, run="r")
    value = sent(api)[0]["data"]["value"]
    assert value["nan"] == "NaN"
    assert "Lock" in value["at"] or "lock" in value["at"]
    assert value["1"] == "key"


class Unreadable:
    @property
    def id(self) -> str:
        raise RuntimeError


def test_nothing_raises_and_flush_tells(api: EchoServer) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for report in (
        lambda: dashcam.state("circle", circle, run="r"),
        lambda: dashcam.retrieval("q", [Unreadable()], run="r"),
        lambda: dashcam.event("state", "outside of every run"),
        lambda: dashcam.outcome("Completed"),
    ):
        report()
        assert not dashcam.flush()
    assert api.posted == []


def test_without_a_dashcam_all_of_it_does_nothing() -> None:
    with dashcam.run("x"):
        dashcam.outcome("Failed")
        assert dashcam.state("a", 1) == 1
        dashcam.retrieval("q", ["r"])
    dashcam.outcome("Completed")
    assert dashcam.flush()


def test_reports_are_not_taken_for_calls_of_the_agent(api: EchoServer) -> None:
    with dashcam.run("x", id="r"):
        dashcam.outcome("Completed")
        assert dashcam.flush()
        dashcam.state("a", 1)
    assert dashcam.flush()
    assert [posted.own_headers for posted in api.posted] == [[]] * len(api.posted)
