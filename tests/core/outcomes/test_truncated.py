"""Runs that the rule `truncated` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, turn

CASES: Cases = {
    "out of tokens": (
        facts(
            turn(),
            turn(
                reply="It is",
                finish="length",
                call={"outputTokens": 7, "settings": {"max_tokens": 7}},
            ),
        ),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer was cut off after 7 tokens (length; 7 were allowed)",
            True,
            "truncated",
            (2,),
        ),
    ),
    "in another provider's words": (
        facts(turn(reply="It is", finish="MAX_TOKENS")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer was cut off (max_tokens)",
            True,
            "truncated",
            (1,),
        ),
    ),
    "and then it went on": (
        facts(turn(reply="It is", finish="length"), turn(reply="done")),
        COMPLETED,
    ),
    "a probe": (
        facts(turn(reply="I", finish="max_tokens", call={"settings": {"max_tokens": 1}})),
        COMPLETED,
    ),
    "in the middle of a tool's arguments": (
        facts(turn(("find", None), finish="length")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer was cut off (length)",
            True,
            "truncated",
            (1,),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
