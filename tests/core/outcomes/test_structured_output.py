"""Runs that the rule `structured_output` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, breach, check, facts, turn

SO = "structured_output"
FORM = {"outputSchema": "digest"}
CASES: Cases = {
    "broken, and that was it": (
        facts(turn(reply="x"), breach(1, SO, "required")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer breaks its schema: $.a: wrong",
            True,
            SO,
            (1, 2),
        ),
    ),
    "asked again, and better": (
        facts(turn(reply="x", call=FORM), breach(1, SO, "required"), turn(reply="{}", call=FORM)),
        COMPLETED,
    ),
    "another form makes nothing good": (
        facts(
            turn(reply="x", call=FORM),
            breach(1, SO, "required"),
            turn(reply="{}", call={"outputSchema": "other"}),
        ),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer breaks its schema: $.a: wrong",
            True,
            SO,
            (1, 2),
        ),
    ),
    "asked again, and no better": (
        facts(
            turn(reply="x", call=FORM),
            breach(1, SO, "required"),
            turn(reply="y", call=FORM),
            breach(3, SO, "type"),
        ),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer breaks its schema: $.a: wrong",
            True,
            SO,
            (3, 4),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
