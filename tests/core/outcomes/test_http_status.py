"""Runs that the rule `http_status` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import CRM, Cases, check, facts, llm, tool

CASES: Cases = {
    "quota by its code, status not said twice": (
        facts(
            llm(
                429,
                error="429 rate_limit: stop",
                call={"error": {"message": "stop", "code": "insufficient_quota"}},
            )
        ),
        ("Failed", "Tool Error", "openai.chat 429: stop", False, "http_status", (1,)),
    ),
    "the status line is all that there is": (
        facts(tool(502, error="502 Bad Gateway")),
        ("Failed", "Tool Error", f"{CRM} 502: Bad Gateway", True, "http_status", (1,)),
    ),
    "status without a word": (
        facts(tool(503)),
        ("Failed", "Tool Error", f"{CRM} 503: service unavailable", True, "http_status", (1,)),
    ),
    "quota does not come back": (
        facts(llm(429, error="You exceeded your current quota")),
        (
            "Failed",
            "Tool Error",
            "openai.chat 429: You exceeded your current quota",
            False,
            "http_status",
            (1,),
        ),
    ),
    "the last of two failures": (
        facts(tool(500, name="a", url="http://a/"), tool(502, name="b", url="http://b/"), llm()),
        ("Failed", "Tool Error", "b 502: bad gateway", True, "http_status", (2,)),
    ),
    "context too long": (
        facts(llm(), llm(400, error="context_length_exceeded")),
        (
            "Failed",
            "Tool Error",
            "openai.chat 400: context_length_exceeded",
            False,
            "http_status",
            (2,),
        ),
    ),
    "another customer does not make it good": (
        facts(tool(503), tool(200, url="https://crm.local/customers/2"), llm()),
        ("Failed", "Tool Error", f"{CRM} 503: service unavailable", True, "http_status", (1,)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "http_status"
    check(given, expected)
