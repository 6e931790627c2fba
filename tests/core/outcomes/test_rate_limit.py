"""Runs that the rule `rate_limit` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, CRM, Cases, check, facts, llm, tool

WORSE = "made worse by 3 attempts within 2.0 s, though it asked to wait 20 s"
CASES: Cases = {
    "three attempts": (
        facts(*[llm(429, error="slow down")] * 3),
        ("Failed", "Tool Error", "openai.chat 429: slow down", True, "rate_limit", (1, 2, 3)),
    ),
    "sooner than it asked": (
        facts(*[llm(429, error="slow down", call={"rateLimits": {"retry-after": "20"}})] * 3),
        (
            "Failed",
            "Tool Error",
            f"openai.chat 429: slow down; {WORSE}",
            True,
            "rate_limit",
            (1, 2, 3),
        ),
    ),
    "as late as it asked": (
        facts(*[llm(429, error="slow down", call={"rateLimits": {"retry-after-ms": "500"}})] * 3),
        ("Failed", "Tool Error", "openai.chat 429: slow down", True, "rate_limit", (1, 2, 3)),
    ),
    "far too many attempts": (
        facts(llm(), *[tool(429, call={"rateLimits": {"retry-after": "Wed, 21 Oct"}})] * 6),
        (
            "Failed",
            "Tool Error",
            f"{CRM} 429: rate limited; made worse by 6 attempts within 5.0 s",
            True,
            "rate_limit",
            (2, 3, 4, 5, 6, 7),
        ),
    ),
    "inside a 200": (
        facts(llm(), tool(200, status="error", call={"error": {"message": "Rate limit hit"}})),
        ("Failed", "Tool Error", f"{CRM} (inside a 200): Rate limit hit", True, "rate_limit", (2,)),
    ),
    "the second attempt went well": (facts(llm(429), llm()), COMPLETED),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
