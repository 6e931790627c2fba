from typing import Any

from proxy.core.outcomes import Totals, totals
from tests.core.outcomes.facts import facts, llm, tool


def spent(cost: float | None, tokens: int | None = None) -> dict[str, Any]:
    return llm(call={"costUsd": cost, "inputTokens": tokens, "outputTokens": tokens})


def test_sums_of_what_is_known() -> None:
    events = facts(spent(0.5, 10), spent(None, 5), spent(0.25), tool()).events
    assert totals(events) == Totals(3, 15, 15, 0.75, 1)


def test_nothing_known_is_none_and_not_zero() -> None:
    assert totals(facts(spent(None)).events) == Totals(1, None, None, None, 1)
    assert totals(facts(tool()).events) == Totals(0, None, None, None, 0)


def test_failed_and_replayed_calls_have_no_price_to_miss() -> None:
    replayed = spent(0.5)
    replayed["data"]["servedFrom"] = "ex_1"
    assert totals(facts(llm(500), replayed).events) == Totals(2, None, None, None, 0)
