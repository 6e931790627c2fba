from dataclasses import replace

import pytest

from proxy.core.outcomes import judge
from tests.core.outcomes.facts import facts, tool, turn

SAID = facts(turn(("crm", 1), ids=["a"]), tool(), turn(reply="As an AI I say: done."))


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ({"banned": ["as an AI"]}, "the output says 'as an AI'"),
        ({"max_length": 5}, "21 characters, and may have 5"),
        ({"sections": ["Summary"]}, "no section 'Summary'"),
        ({"citations": True}, "cites 0 of 0 documents"),
        ({"schema": {"type": "object"}}, "not JSON"),
        ({"banned": ["as an AI"], "max_length": 5}, "(and 1 more)"),
        ({"schema": {"$ref": "https://nowhere.test/x"}}, "not JSON"),
    ],
)
def test_what_is_wrong_with_the_answer(expected: dict[str, object], reason: str) -> None:
    found = judge(replace(SAID, expected=expected), created_at=1.0)
    assert (found.failure_mode, found.rule, found.evidence) == ("Bad Output", "output_checks", (3,))
    assert reason in str(found.reason)


@pytest.mark.parametrize(
    "expected",
    [{}, {"max_length": 100}, {"banned": ["sorry"]}, {"phases": ["plan"]}, {"citations": False}],
)
def test_what_is_as_it_should_be(expected: dict[str, object]) -> None:
    assert judge(replace(SAID, expected=expected), created_at=1.0).status == "Completed"


def test_the_whole_answer_counts() -> None:
    whole = replace(SAID, expected={"max_length": 100}, output="x" * 101)
    assert judge(whole, created_at=1.0).rule == "output_checks"


def test_without_an_answer_there_is_nothing_to_check() -> None:
    assert judge(replace(facts(tool()), expected={"max_length": 0}), created_at=1.0).rule == (
        "completed"
    )


def test_a_schema_that_cannot_be_checked_says_nothing() -> None:
    given = replace(SAID, expected={"schema": {"$ref": "https://nowhere.test/x"}}, output="{}")
    assert judge(given, created_at=1.0).status == "Completed"
