"""The contract of an outcome rule. `OUTCOME_RULES` lists them; position is precedence.

A rule looks at a whole finished run and returns its verdict with the events that prove it, or
None. The first verdict wins; a caller's own outcome outranks every rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from proxy.core.model import Event, Run


class Verdict(NamedTuple):
    """What a rule concludes; `evidence` are event ids."""

    status: str
    failure_mode: str | None
    reason: str | None
    retryable: bool | None = None
    user_impact: str | None = None
    evidence: tuple[int, ...] = ()


class Spent(NamedTuple):
    """What an earlier run consumed; None where it is not known."""

    tokens: int | None
    cost_usd: float | None


@dataclass(slots=True, frozen=True)
class Facts:
    """All that a rule may know: the run, its timeline, and how the child process ended.

    `expected` is what the user expects of runs with this label, see `core.expectations`; `output`
    the whole of the last answer where that is checked; `earlier` what runs with the label consumed.
    """

    run: Run
    events: Sequence[Event]
    exit_code: int | None = None
    ended_by: str = "told"  # told | exit | idle | signal | crash
    expected: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    earlier: Sequence[Spent] = ()


class Rule(Protocol):
    """One rule."""

    name: str

    def judge(self, facts: Facts) -> Verdict | None:
        """The verdict, or None when this rule has nothing to say."""
