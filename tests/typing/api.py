"""The SDK's public types, for mypy to hold: this file is checked, not run."""

from typing import assert_type

import dashcam
from dashcam import Block, Run, Verdict


def sync() -> None:
    with dashcam.run("refund", id="r", user_plan="pro", attempt=2) as run:
        assert_type(run, Run)
        assert_type(run.id, str)
        assert_type(run.parent, str | None)
        assert_type(run.outcome("Tool Error", "why", retryable=True, user_impact="none"), None)
        with dashcam.group("plan") as phase, dashcam.step("search") as step:
            assert_type(phase, Block)
            assert_type(step, Block)


async def asynchronous() -> None:
    async with dashcam.run("refund") as run, dashcam.group("plan") as phase:
        assert_type(run, Run)
        assert_type(phase, Block)


def reports(run: Run) -> None:
    verdict: Verdict = "Bad Output"
    assert_type(dashcam.outcome(verdict, reason=None, retryable=None, run=run), None)
    dashcam.outcome("Completed", run="id")
    dashcam.outcome("Exploded")  # type: ignore[arg-type]  # there is no such outcome
    assert_type(dashcam.state("flag", 3), int)
    dashcam.event("tool_call", "crm", status="error", started_at=1.0, data={"a": 1}, run=run)
    dashcam.event("tool_call", "crm", status="odd")  # type: ignore[arg-type]  # ok or error
    dashcam.retrieval("query", [("text", 0.5)], top_k=3, filter={"a": 1}, run="id")
    assert_type(dashcam.flush(timeout=1.0), bool)
    dashcam.configure(api="http://127.0.0.1:8081", token=None)
