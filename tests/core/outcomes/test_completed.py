"""Runs that the rule `completed` decides."""

from itertools import product
from typing import Any

import pytest

from proxy.core.model import End
from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, llm, tool

CASES: Cases = {
    "all well": (facts(llm(), tool(), llm()), COMPLETED),
    "nothing seen": (
        facts(),
        ("Completed", None, "no calls were seen", None, "completed", ()),
    ),
    "a retried call": (facts(llm(500), llm(200), tool()), COMPLETED),
    "another model took over": (facts(llm(529), llm(200, name="anthropic.messages")), COMPLETED),
    "the same tool call worked later": (facts(tool(503), llm(), tool(200)), COMPLETED),
    "a 404 is an answer": (facts(tool(404), llm()), COMPLETED),
    "telemetry fails": (
        facts(
            llm(), tool(403, name="POST sentry", url="https://o1.ingest.sentry.io/api/1/envelope/")
        ),
        COMPLETED,
    ),
    **{
        f"telemetry fails: {kind} {code} {end}": (
            facts(
                llm(),
                {**tool(code, url=url, end=end, kind=kind), "status": "error"},
                tool(),
            ),
            COMPLETED,
        )
        for (kind, url), (code, end) in product(
            (
                ("http", "https://http-intake.logs.us5.datadoghq.com/api/v2/logs"),
                ("tool_call", "https://statsig.anthropic.com/v1/rgstr"),
                ("llm_call", "https://o1.ingest.sentry.io/api/1/envelope/"),
            ),
            (
                (401, End.COMPLETE),
                (200, End.COMPLETE),  # with an error inside
                (None, End.UPSTREAM_REFUSED),
                (None, End.CLIENT_TLS),
                (None, End.CLIENT_GONE),
                (599, End.MISSED),
            ),
        )
    },
    "reset, then an answer": (facts(llm(None, end=End.UPSTREAM_RESET), llm()), COMPLETED),
    "client left an event stream": (
        facts(tool(200, end=End.CLIENT_GONE, status="error"), llm()),
        COMPLETED,
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "completed"
    check(given, expected)
