"""The planner went round in circles: the same tool with the same arguments, and the same result.

One tool again and again, or two or three in turn. Asking again is no loop while the results change:
that is waiting for something. A run that ended in the circle fails sooner than one that left it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from proxy.core import loose
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._turns import Use

name = "loop"

# How many tools take turns -> rounds that are too many at the run's end, and anywhere in it.
_ROUNDS = {1: (3, 6), 2: (3, 5), 3: (3, 5)}


class Circle(NamedTuple):
    """A stretch of tool uses that repeat each other."""

    uses: tuple[Use, ...]
    period: int
    at_end: bool

    @property
    def rounds(self) -> int:
        """How many times round."""
        return len(self.uses) // self.period

    @property
    def words(self) -> str:
        """Which tools, how often."""
        names = " → ".join(use.name for use in self.uses[: self.period])
        known = [use.result for use in self.uses if use.result is not None]
        same = ", always with the same result" if known else ""
        kind = "the same arguments" if self.period == 1 else "the same arguments in turn"
        return f"{names} called {self.rounds} times with {kind}{same}"


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with the turns of the circle."""
    found = [circle for circle in circles(turns.all_uses(facts.events)) if _too_many(facts, circle)]
    if not found:
        return None
    worst = max(found, key=lambda circle: len(circle.uses))
    return Verdict(
        "Failed",
        "Bad Decision",
        worst.words,
        retryable=None,
        user_impact="No answer was made" if _ended_in(facts, worst) else None,
        evidence=turns.evidence(*(use.event for use in worst.uses)),
    )


def circles(uses: Sequence[Use], least: int = 3) -> list[Circle]:
    """The stretches of at least `least` rounds, longest periods last, none inside another."""
    found: list[Circle] = []
    for period in _ROUNDS:
        start = 0
        while start + period * least <= len(uses):
            length = _repeats(uses, start, period)
            stretch = tuple(uses[start : start + length])
            # x x x x is one tool, not two in turn
            simple = period == 1 or len({_key(use) for use in stretch[:period]}) == period
            if length >= period * least and simple:
                found.append(Circle(stretch, period, start + length == len(uses)))
                start += length
            else:
                start += 1
    return found


def _repeats(uses: Sequence[Use], start: int, period: int) -> int:
    """How long the uses from `start` on repeat themselves, in whole rounds."""
    at = start + period
    results: list[str | None] = [use.result for use in uses[start:at]]
    while at < len(uses):
        slot = (at - start) % period
        use, same = uses[at], results[slot]
        if _key(use) != _key(uses[at - period]) or use.event is uses[at - period].event:
            break
        if None not in (use.result, same) and use.result != same:
            break
        results[slot] = same or use.result
        at += 1
    return (at - start) // period * period


def _key(use: Use) -> tuple[str, bytes]:
    return use.name, use.arguments


def _too_many(facts: Facts, circle: Circle) -> bool:
    at_end, anywhere = _ROUNDS[circle.period]
    answered = [use for use in circle.uses if use.result is not None]
    if len(answered) < circle.rounds * circle.period - circle.period:
        # nobody saw what came back: samples of one question look the same
        at_end = anywhere
        if not _grows(circle):
            return False
    return circle.rounds >= (at_end if _ended_in(facts, circle) else anywhere)


def _grows(circle: Circle) -> bool:
    """Whether each turn has a longer history than the one before it."""
    firsts = circle.uses[:: circle.period]
    sizes = [loose.count(turns.said(use.event).get("messages")) or 0 for use in firsts]
    return all(one < other for one, other in pairwise(sizes))


def _ended_in(facts: Facts, circle: Circle) -> bool:
    """Whether the model never got to anything else."""
    last = turns.models(facts.events)[-1]
    return circle.at_end and last is circle.uses[-1].event
