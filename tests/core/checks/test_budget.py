from typing import Any

import pytest

from proxy.core.checks.budget import check
from proxy.core.model import Event
from proxy.errors import ConfigError
from tests.core.checks.trials import missed, tool, trial


def model(**call: Any) -> Event:
    return Event("r", "llm_call", "openai.chat", 1.0, data={"call": call})


RUN = trial(
    model(inputTokens=900, outputTokens=100, costUsd=0.01),
    tool("GET a/b"),
    model(inputTokens=1000, outputTokens=0, costUsd=0.02),
)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"cost_usd": 0.03, "tokens": 2000, "calls": 3, "llm_calls": 2, "tool_calls": 1}, []),
        ({"cost_usd": 0.02}, ["$0.03 were used, and $0.02 may be"]),
        ({"tokens": 1999}, ["2000 tokens were used, and 1999 may be"]),
        ({"input_tokens": 1899}, ["1900 input tokens were used, and 1899 may be"]),
        ({"output_tokens": 99}, ["100 output tokens were used, and 99 may be"]),
        (
            {"calls": 2, "llm_calls": 1, "tool_calls": 0},
            [
                "3 calls were made, and 2 may be",
                "2 llm calls were made, and 1 may be",
                "1 tool calls were made, and 0 may be",
            ],
        ),
    ],
)
def test_limits(wanted: Any, said: list[str]) -> None:
    assert list(check(RUN, wanted)) == said


def test_what_is_not_known_is_not_nothing() -> None:
    unknown = trial(*RUN.calls, model(inputTokens=5))
    assert list(check(unknown, {"cost_usd": 1, "tokens": 9999})) == [
        "of 1 model calls the cost_usd are not known, so $1 cannot be held",
        "of 1 model calls the tokens are not known, so 9999 cannot be held",
    ]
    assert list(check(unknown, {"input_tokens": 1905})) == []
    assert list(check(trial(*RUN.calls, missed()), {"cost_usd": 1})) == []


@pytest.mark.parametrize("wanted", [5, {}, {"money": 1}, {"tokens": "1"}, {"tokens": -1}, True])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(RUN, wanted))
