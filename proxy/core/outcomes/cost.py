"""The run consumed more than the budget that it was given.

A budget is known from the run's metadata: `budgetUsd`, `budgetTokens` (also `budget_usd`,
`budget_tokens`), or from what is expected of its label; without one, the label's earlier runs say
what is usual. What a replay served was not paid for and does not count.
"""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "cost"

# A run is far over the history of its label from so many runs, and so many times their median, on.
_ENOUGH = 8
_TIMES = 5
_SHOWN = 5  # calls that are evidence: the largest


class Spent(NamedTuple):
    """A sum over model calls, and of how many of them it is not known."""

    amount: float
    unknown: int
    largest: tuple[Event, ...]


def judge(facts: Facts) -> Verdict | None:
    """Cost Blowup, with what was spent, what was allowed, and the largest calls."""
    for unit, keys, amount in _BUDGETS:
        given = (facts.run.metadata, facts.expected)
        told = (loose.amount(one.get(key)) for one in given for key in keys)
        budget = next((n for n in told if n), None)
        found = spent(facts.events, amount)
        if budget is None or found.amount <= budget:
            continue
        unknown = f"; of {found.unknown} calls it is not known" if found.unknown else ""
        return Verdict(
            "Failed",
            "Cost Blowup",
            f"{unit(found.amount)} spent of a budget of {unit(budget)}{unknown}",
            retryable=False,
            evidence=turns.evidence(*found.largest),
        )
    return _unusual(facts)


def _unusual(facts: Facts) -> Verdict | None:
    """Far more than the runs with this label consumed before."""
    for unit, least, amount, column in _USUAL:
        known = [n for one in facts.earlier if (n := one[column]) is not None and n > 0]
        found = spent(facts.events, amount)
        if len(known) < _ENOUGH or found.amount < least:
            continue
        usual = median(known)
        if found.amount <= _TIMES * usual or found.amount <= 2 * max(known):
            continue
        return Verdict(
            "Failed",
            "Cost Blowup",
            f"{unit(found.amount)} spent, {found.amount / usual:.0f} times what the last"
            f" {len(known)} runs of {facts.run.label} did (half of them at most {unit(usual)})",
            retryable=None,
            evidence=turns.evidence(*found.largest),
        )
    return None


def spent(events: Sequence[Event], amount: Callable[[Event], float | None]) -> Spent:
    """The sum of `amount` over the model calls of a run."""
    paid = [
        event
        for event in timeline.calls(events)
        if event.kind == "llm_call" and not event.data.get("servedFrom")
    ]
    known = [(amount(event), event) for event in paid]
    sums = sorted(
        ((value, event) for value, event in known if value is not None), key=lambda pair: -pair[0]
    )
    total = sum(value for value, _ in sums)
    unknown = sum(value is None for value, _ in known)
    return Spent(total, unknown, tuple(event for _, event in sums[:_SHOWN]))


def dollars(event: Event) -> float | None:
    """What a call cost."""
    return loose.number(turns.said(event).get("costUsd"))


def tokens(event: Event) -> float | None:
    """What a call consumed, in and out; None when neither is known."""
    call = turns.said(event)
    return loose.total(loose.count(call.get("inputTokens")), loose.count(call.get("outputTokens")))


def in_dollars(value: float) -> str:
    """An amount, with enough places to say something."""
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}"


_BUDGETS: tuple[
    tuple[Callable[[float], str], tuple[str, ...], Callable[[Event], float | None]], ...
] = (
    (in_dollars, ("budgetUsd", "budget_usd"), dollars),
    (lambda value: f"{value:,.0f} tokens", ("budgetTokens", "budget_tokens"), tokens),
)
# Below these amounts nobody minds; the column is that of `Spent`.
_USUAL: tuple[tuple[Callable[[float], str], float, Callable[[Event], float | None], int], ...] = (
    (in_dollars, 0.05, dollars, 1),
    (lambda value: f"{value:,.0f} tokens", 20_000, tokens, 0),
)
