from dataclasses import replace
from typing import Any

import pytest

from proxy.core.checks.outcome import check
from proxy.core.model import Outcome
from proxy.errors import ConfigError
from tests.core.checks.trials import COMPLETED, TOOL_ERROR, trial

LONG = replace(TOOL_ERROR, reason="first\nsecond")


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        (COMPLETED, "Completed", []),
        (TOOL_ERROR, "Tool Error", []),
        (TOOL_ERROR, "Failed", []),
        (TOOL_ERROR, ["Completed", "Tool Error"], []),
        (TOOL_ERROR, "Completed", ["the run ended as Tool Error: crm 401"]),
        (TOOL_ERROR, ["Timeout"], ["the run ended as Tool Error: crm 401"]),
        (COMPLETED, "Failed", ["the run ended as Completed"]),
        (LONG, "Completed", ["the run ended as Tool Error: first"]),
        (None, "Completed", ["the run has no outcome, and not Completed"]),
    ],
)
def test_outcome(found: Outcome | None, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(outcome=found), wanted)) == said


@pytest.mark.parametrize("wanted", ["completed", "", None, ["Completed", 1]])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(), wanted))
