"""Runs that the rule `withheld` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, turn

REFUSED = (
    "Failed",
    "Bad Output",
    "openai.chat: the model refused to answer",
    False,
    "withheld",
    (1,),
)
CASES: Cases = {
    "in words": (
        facts(turn(reply="I'm sorry, but I can't assist with that request.")),
        REFUSED,
    ),
    "in other words": (
        facts(turn(reply="As an AI language model, I do not know customers.")),
        REFUSED,
    ),
    "not that, but this": (
        facts(turn(reply="I can't do that, but here is how you can.")),
        COMPLETED,
    ),
    "words in a long answer": (
        facts(turn(reply="I can't help with that. " + "Read the manual. " * 40)),
        COMPLETED,
    ),
    "a filter": (
        facts(turn(finish="content_filter")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer was held back (content_filter)",
            False,
            "withheld",
            (1,),
        ),
    ),
    "Gemini's": (
        facts(turn(finish="SAFETY")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer was held back (safety)",
            False,
            "withheld",
            (1,),
        ),
    ),
    "Anthropic's refusal": (
        facts(turn(reply="I cannot", finish="refusal")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the model refused to answer",
            False,
            "withheld",
            (1,),
        ),
    ),
    "OpenAI's refusal": (
        facts(turn(reply="I cannot", call={"refused": True})),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the model refused to answer",
            False,
            "withheld",
            (1,),
        ),
    ),
    "asked in other words": (facts(turn(finish="refusal"), turn(reply="yes")), COMPLETED),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
