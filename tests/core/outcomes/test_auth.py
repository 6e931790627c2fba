"""Runs that the rule `auth` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, CRM, Cases, check, facts, llm, tool

CASES: Cases = {
    "expired token, the model answers all the same": (
        facts(llm(), tool(401, error="token expired"), llm()),
        ("Failed", "Tool Error", f"{CRM} 401: token expired", True, "auth", (2,)),
    ),
    "wrong key": (
        facts(llm(401, error={"message": "Incorrect API key"}), exit_code=1),
        ("Failed", "Tool Error", "openai.chat 401: Incorrect API key", False, "auth", (1,)),
    ),
    "decoded error wins over the transport's": (
        facts(llm(403, error="403", call={"error": {"message": "no such scope"}})),
        ("Failed", "Tool Error", "openai.chat 403: no such scope", False, "auth", (1,)),
    ),
    "the cause stands in the type": (
        facts(llm(), tool(403, call={"error": {"message": "No.", "type": "insufficient_scope"}})),
        ("Failed", "Tool Error", f"{CRM} 403: No. (missing scope)", False, "auth", (2,)),
    ),
    "the cause stands in a header": (
        facts(
            llm(),
            tool(
                401,
                challenge='Bearer error="invalid_token", error_description="It has expired"',
                error="401 Unauthorized",
            ),
        ),
        ("Failed", "Tool Error", f"{CRM} 401: Unauthorized (expired token)", True, "auth", (2,)),
    ),
    "only the header has words": (
        facts(llm(), tool(401, challenge='Bearer error_description="no such key"')),
        ("Failed", "Tool Error", f"{CRM} 401: no such key", False, "auth", (2,)),
    ),
    "another tenant": (
        facts(llm(), tool(403, error="organization mismatch")),
        (
            "Failed",
            "Tool Error",
            f"{CRM} 403: organization mismatch (wrong tenant)",
            False,
            "auth",
            (2,),
        ),
    ),
    "without a word": (
        facts(llm(), tool(401)),
        ("Failed", "Tool Error", f"{CRM} 401: unauthorized", False, "auth", (2,)),
    ),
    "inside a 200": (
        facts(
            llm(),
            tool(200, status="error", call={"error": {"message": "token expired", "type": "x"}}),
        ),
        ("Failed", "Tool Error", f"{CRM} (inside a 200): token expired", True, "auth", (2,)),
    ),
    "a new token made it good": (
        facts(llm(), tool(401), tool(200, name="POST crm.local/oauth/token"), tool(200), llm()),
        COMPLETED,
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
