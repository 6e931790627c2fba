"""What else was strange in a run, beside what decided it; for a person to look at."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.core import loose, retrievals
from proxy.core.model import Event
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes.loop import circles

_OFTEN = 3  # the same tool with the same arguments


class Suspicion(NamedTuple):
    """One sentence, and the event that it is about."""

    event: Event
    text: str


def suspicions(
    events: Sequence[Event],
    known: Collection[int] = (),
    expected: Mapping[str, Any] | None = None,
) -> list[Suspicion]:
    """All of them, by time.

    `known` are the ids of events that the outcome rests on; `expected` is what is expected of the
    run's label, see `core.expectations`.
    """
    found = [
        *_violations(events),
        *_repetitions(events),
        *_tool_errors(events),
        *_cut_off(events),
        *_sources(events, expected or {}),
    ]
    new = [one for one in found if one.event.id not in known]
    return sorted(new, key=lambda one: (one.event.started_at, one.event.id or 0))


def _violations(events: Sequence[Event]) -> Iterator[Suspicion]:
    """Payloads that were not as they should be, breaking or not."""
    for event in events:
        if event.kind != "validation" or event.status != "error":
            continue
        told = list(loose.objects(event.data.get("violations")))
        if not told:
            continue
        path = told[0].get("path")
        place = "" if path in ("$", None) else f"{path}: "
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        yield Suspicion(event, f"{event.name}: {place}{told[0].get('message')}{more}")


def _repetitions(events: Sequence[Event]) -> Iterator[Suspicion]:
    """Circles, and tools that were asked the same thing again and again in between."""
    uses = turns.all_uses(events)
    round_about = circles(uses)
    for circle in round_about:
        yield Suspicion(circle.uses[-1].event, circle.words)
    named = {(use.name, use.arguments) for circle in round_about for use in circle.uses}
    counts = Counter((use.name, use.arguments) for use in uses)
    last = {(use.name, use.arguments): use.event for use in uses}
    for (name, arguments), count in counts.items():
        if count >= _OFTEN and (name, arguments) not in named:
            text = f"{name} was asked for {count} times with the same arguments"
            yield Suspicion(last[name, arguments], text)


def _tool_errors(events: Sequence[Event]) -> Iterator[Suspicion]:
    """Errors that the model was told of by a tool that nobody saw being called."""
    for use in turns.all_uses(events):
        if use.failed:
            yield Suspicion(use.event, f"{use.name} told the model that it failed")


def _cut_off(events: Sequence[Event]) -> Iterator[Suspicion]:
    """Answers that ended early or were withheld, and were not the last."""
    for event in turns.models(events):
        if turns.finish(event) in turns.LIMITS:
            yield Suspicion(event, f"the answer was cut off ({turns.finish(event)})")
        elif turns.withheld(event):
            yield Suspicion(event, "the model declined to answer, or a filter held it back")


def _sources(events: Sequence[Event], expected: Mapping[str, Any]) -> Iterator[Suspicion]:
    """Searches that found nothing, or not what they should have, or what is out of date."""
    made = retrievals.searches(events)
    for event, results in made:
        if not results:
            yield Suspicion(event, "the search found nothing")
    wanted = [str(one) for one in loose.array(expected.get("documents"))]
    days = loose.amount(expected.get("freshness_days"))
    found = retrievals.coverage(events, "", families=wanted, freshness_days=days)
    if found is None:
        return
    last = made[-1][0]
    for family, seen in found.families.items():
        if not seen:
            yield Suspicion(last, f"no document {family} was found")
    if found.stale:
        worst = max(found.stale, key=lambda name: found.stale[name])
        more = f" (and {len(found.stale) - 1} more)" if len(found.stale) > 1 else ""
        text = f"{worst} is {found.stale[worst]:g} days old, {days:g} are allowed{more}"
        yield Suspicion(last, text)
