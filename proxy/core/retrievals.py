"""What a run looked up: which documents, how well they fit, how old they were, what it cites.

Searches that went over HTTP and those that an agent reported look alike here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from proxy.core import loose
from proxy.core.model import Event

_DAY: Final = 86_400.0
_MILLISECONDS: Final = 1e11  # a time above it is not in seconds
# Where documents say how new they are, the surest first.
UPDATED: Final = (
    *("updated_at", "updatedAt", "last_updated", "lastUpdated", "last_modified", "lastModified"),
    *("modified_at", "modified", "updated", "source_version", "sourceVersion", "published_at"),
    *("indexed_at", "timestamp", "created_at", "date", "version"),
)
# No link, no footnote's definition; `[sic]` and `[x]` are words, and not ids.
MARK: Final = re.compile(r"[\[【]([^\s\[\]【】^][^\s\[\]【】]{0,199})[\]】](?!\()")
_FAMILY: Final = re.compile(r"([A-Za-z][A-Za-z-]*[_:/.#-])\S*\d")


class Found(NamedTuple):
    """One result. `updated` is what it says of its age: a time, or a version."""

    doc_id: str | None
    chunk_id: str | None
    score: float | None
    updated: Any


@dataclass(slots=True, frozen=True)
class Coverage:
    """What a run's searches came to.

    `families` says of each pattern whether a document of it was found. `stale` are documents older
    than they may be, with their age in days. `made_up` are ids that the answer cites as documents
    are named here, and no search found.
    """

    searches: int
    results: int
    unique_docs: int
    top_score: float | None
    families: Mapping[str, bool]
    stale: Mapping[str, float]
    cited: tuple[str, ...]
    made_up: tuple[str, ...]


def searches(events: Sequence[Event]) -> list[tuple[Event, list[Found]]]:
    """The searches that were answered, with their results."""
    found = [event for event in events if event.kind == "retrieval" and event.status == "ok"]
    ordered = sorted(found, key=lambda event: (event.started_at, event.id or 0))
    return [(event, list(_results(event))) for event in ordered]


def query(event: Event) -> str | None:
    """What was searched for; of a search by vector, the text that the vector was made of."""
    told = loose.obj(loose.obj(event.data.get("call")).get("retrieval")) or event.data
    made_of = loose.obj(event.data.get("embedding")).get("input")
    return loose.text(told.get("query")) or loose.text(made_of)


def coverage(
    events: Sequence[Event],
    answer: str,
    *,
    families: Sequence[str] = (),
    freshness_days: float | None = None,
) -> Coverage | None:
    """The coverage of a run; None when it searched nothing."""
    made = searches(events)
    if not made:
        return None
    results = [(event, one) for event, found in made for one in found]
    documents = dict.fromkeys(one.doc_id for _, one in results if one.doc_id)
    scores = [one.score for _, one in results if one.score is not None]
    stale: dict[str, float] = {}
    for event, one in results:
        age = age_days(one.updated, event.started_at)
        name = one.doc_id or one.chunk_id
        if freshness_days is not None and age is not None and age > freshness_days and name:
            stale[name] = round(age, 1)
    names = [n for _, one in results for n in (one.doc_id, one.chunk_id) if n]
    return Coverage(
        searches=len(made),
        results=len(results),
        unique_docs=len(documents),
        top_score=max(scores, default=None),
        families={p: any(fnmatchcase(one, p) for one in documents) for p in families},
        stale=stale,
        cited=tuple(one for one in documents if _stands_in(one, answer)),
        made_up=tuple(made_up(answer, names)),
    )


def made_up(answer: str, known: Sequence[str]) -> Iterator[str]:
    """The ids in the answer that look like the known ones, and are none of them."""
    families = {match[1] for name in known if (match := _FAMILY.match(name))}
    for mark in dict.fromkeys(MARK.findall(answer)):
        match = _FAMILY.match(mark)
        if match and match[1] in families and mark not in known:
            yield mark


def age_days(updated: Any, now: float) -> float | None:
    """How old a document was at a time (Unix seconds); None when it does not say."""
    when: float | None = None
    if isinstance(updated, int | float) and not isinstance(updated, bool):
        when = updated / 1000 if updated > _MILLISECONDS else float(updated)
    elif isinstance(updated, str):
        try:
            parsed = datetime.fromisoformat(updated.strip())
        except ValueError:
            return None
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        when = parsed.timestamp()
    if when is None or not _DAY < when < now + _DAY:
        return None
    return max(0.0, (now - when) / _DAY)


def updated_of(metadata: Mapping[str, Any]) -> Any:
    """What a document's metadata say of its age."""
    for name in UPDATED:
        value = metadata.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return value
    return None


def _results(event: Event) -> Iterator[Found]:
    told = loose.obj(loose.obj(event.data.get("call")).get("retrieval"))
    listed = told.get("results") or event.data.get("results") or event.data.get("documents")
    for one in loose.objects(listed):
        meta = loose.obj(one.get("metadata"))
        yield Found(
            _name(one.get("docId") or one.get("id")),
            _name(one.get("chunkId")),
            loose.number(one.get("score")),
            one.get("updated") if one.get("updated") is not None else updated_of({**meta, **one}),
        )


def _name(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _stands_in(one: str, text: str) -> bool:
    """Whether an id stands in a text, and not as a part of a longer one; a number only as `[7]`."""
    if one.isdecimal():
        return f"[{one}]" in text
    return re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text) is not None
