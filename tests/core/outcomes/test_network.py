"""Runs that the rule `network` decides."""

from typing import Any

import pytest

from proxy.core.model import End
from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import CRM, Cases, check, facts, llm, tool

CASES: Cases = {
    "refused connection": (
        facts(tool(None, end=End.UPSTREAM_REFUSED, error="[Errno 111] refused"), llm()),
        (
            "Failed",
            "Tool Error",
            f"{CRM}: connection refused ([Errno 111] refused)",
            True,
            "network",
            (1,),
        ),
    ),
    "bad certificate": (
        facts(tool(None, end=End.UPSTREAM_TLS), llm()),
        (
            "Failed",
            "Tool Error",
            f"{CRM}: the certificate was not accepted",
            False,
            "network",
            (1,),
        ),
    ),
    "a client that does not trust us": (
        facts(tool(None, end=End.CLIENT_TLS), exit_code=1),
        (
            "Failed",
            "Tool Error",
            f"{CRM}: the client does not trust Dashcam's certificate",
            False,
            "network",
            (1,),
        ),
    ),
    "a 200 stream cut off": (
        facts(llm(200, end=End.UPSTREAM_TRUNCATED), exit_code=None, ended_by="idle"),
        ("Failed", "Tool Error", "openai.chat: the answer was cut off", True, "network", (1,)),
    ),
    "a replay miss": (
        facts(llm(424, end=End.MISSED), exit_code=1),
        ("Failed", "Tool Error", "openai.chat: not in the recording", False, "network", (1,)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "network"
    check(given, expected)
