"""What a run looked up, as `explain` shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.cli._print import Line
from proxy.cli._source import Source
from proxy.core import expectations, loose, retrievals
from proxy.core.outcomes import answer
from proxy.core.retrievals import Coverage

_SHOWN = 5


def of(found: Source, labels: Mapping[str, Mapping[str, Any]]) -> Coverage | None:
    """The coverage of a run's searches, by what is expected of its label."""
    expected = expectations.of(labels, found.run.label)
    return retrievals.coverage(
        found.events,
        answer(found.events),
        families=[str(one) for one in loose.array(expected.get("documents"))],
        freshness_days=loose.amount(expected.get("freshness_days")),
    )


def lines(found: Coverage | None) -> Iterator[Line]:
    """For reading; nothing when nothing was searched."""
    if found is None:
        return
    yield []
    yield [("looked up", "bold")]
    score = "" if found.top_score is None else f", top score {found.top_score:g}"
    counted = (
        (found.searches, "search", "es"),
        (found.results, "result", "s"),
        (found.unique_docs, "document", "s"),
    )
    words = ", ".join(f"{n} {word}{'' if n == 1 else more}" for n, word, more in counted)
    yield [(f"  {words}{score}", "")]
    for family, seen in found.families.items():
        yield [(f"  {family}: ", ""), ("found", "green") if seen else ("missing", "red")]
    for name, days in list(found.stale.items())[:_SHOWN]:
        yield [(f"  {name} is {days:g} days old", "yellow")]
    if found.cited:
        yield [(f"  the answer cites {', '.join(found.cited[:_SHOWN])}", "")]
    if found.made_up:
        yield [(f"  no search found {', '.join(found.made_up[:_SHOWN])}, which it cites", "red")]


def as_object(found: Coverage | None) -> dict[str, Any] | None:
    """As JSON."""
    if found is None:
        return None
    return {
        "searches": found.searches,
        "results": found.results,
        "uniqueDocs": found.unique_docs,
        "topScore": found.top_score,
        "families": dict(found.families),
        "stale": dict(found.stale),
        "cited": list(found.cited),
        "madeUp": list(found.made_up),
    }
