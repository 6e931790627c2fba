"""What a test may ask of a run. `CHECKS` maps the names in test files to functions.

check({"outcome": "Completed", "max_length": 900}, trial)     [Failure(check, message), …]
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from proxy.core.checks import (
    banned,
    budget,
    citations,
    follows,
    max_length,
    outcome,
    recovers,
    schema,
    sections,
    tool_called,
    tool_not_called,
)
from proxy.core.checks._api import Check, Trial
from proxy.errors import ConfigError

__all__ = ["CHECKS", "Check", "Failure", "Trial", "check"]

CHECKS: Final[Mapping[str, Check]] = {
    "outcome": outcome.check,
    "recovers": recovers.check,
    "follows": follows.check,
    "tool_called": tool_called.check,
    "tool_not_called": tool_not_called.check,
    "schema": schema.check,
    "sections": sections.check,
    "max_length": max_length.check,
    "banned": banned.check,
    "citations": citations.check,
    "budget": budget.check,
}


class Failure(NamedTuple):
    """One thing that is not as it should be."""

    check: str
    message: str


def check(wanted: Mapping[str, Any], trial: Trial) -> list[Failure]:
    """Everything that is wrong with a run, in the table's order. Raises ConfigError."""
    if unknown := [name for name in wanted if name not in CHECKS]:
        raise ConfigError(
            f"there is no check {unknown[0]!r}", hint=f"choose from {', '.join(CHECKS)}"
        )
    return [
        Failure(name, message)
        for name, function in CHECKS.items()
        if name in wanted
        for message in function(trial, wanted[name])
    ]
