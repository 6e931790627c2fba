"""What a run's model calls consumed."""

from collections.abc import Sequence
from typing import NamedTuple

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns


class Totals(NamedTuple):
    """Sums over the calls of which it is known; None when it is known of none.

    `unpriced` calls were answered and have no known price. What a replay served costs nothing.
    """

    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    unpriced: int


def totals(events: Sequence[Event]) -> Totals:
    """The sums of a timeline."""
    calls = [event for event in timeline.calls(events) if event.kind == "llm_call"]
    paid = [event for event in turns.models(events) if not event.data.get("servedFrom")]
    costs = [loose.number(turns.said(event).get("costUsd")) for event in paid]
    known = [cost for cost in costs if cost is not None]
    return Totals(
        len(calls),
        _sum(calls, "inputTokens"),
        _sum(calls, "outputTokens"),
        sum(known) if known else None,
        len(costs) - len(known),
    )


def _sum(calls: Sequence[Event], key: str) -> int | None:
    return loose.total(*(loose.count(turns.said(event).get(key)) for event in calls))
