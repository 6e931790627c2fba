"""The contract of an outcome rule. `OUTCOME_RULES` lists them; position is precedence.

A rule looks at a whole finished run and returns its verdict with the events that prove it, or
None. The first verdict wins; a caller's own outcome outranks every rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from proxy.core.model import Event, Run


class Verdict(NamedTuple):
    """What a rule concludes; `evidence` are event ids."""

    status: str
    failure_mode: str | None
    reason: str | None
    retryable: bool | None = None
    user_impact: str | None = None
    evidence: tuple[int, ...] = ()


@dataclass(slots=True, frozen=True)
class Facts:
    """All that a rule may know: the run, its timeline, and how the child process ended."""

    run: Run
    events: Sequence[Event]
    exit_code: int | None = None
    ended_by: str = "told"  # told | exit | idle | signal | crash


class Rule(Protocol):
    """One rule."""

    name: str

    def judge(self, facts: Facts) -> Verdict | None:
        """The verdict, or None when this rule has nothing to say."""
