"""What the model did in a run, turn by turn, and what was wrong with the payloads."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.core import canonical, loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline

# What the providers call an answer that ended because no more tokens were allowed.
LIMITS = frozenset(
    ("length", "max_tokens", "max_output_tokens", "incomplete", "model_context_window_exceeded")
)
# And one that was withheld.
WITHHELD = frozenset(
    (
        *("content_filter", "content_filtered", "guardrail_intervened", "refusal", "safety"),
        *("recitation", "blocklist", "prohibited_content", "spii", "image_safety", "error_toxic"),
    )
)


class Use(NamedTuple):
    """The model asks for a tool: where, what for, and what came back, if that was seen."""

    event: Event
    id: str | None
    name: str
    arguments: bytes  # canonical enough to compare
    result: str | None = None  # a digest
    failed: bool = False  # the tool's answer was marked as an error
    error: str | None = None  # what it says of one, marked or not
    empty: bool = False  # there was nothing in it
    place: int = 0  # among the uses of its turn


class Breach(NamedTuple):
    """A validation event, and the call that it is of."""

    found: Event
    call: Event

    @property
    def validator(self) -> str:
        """Who found it."""
        return str(self.found.data.get("validator"))

    @property
    def subject(self) -> str:
        """The tool, or what else it is about."""
        return str(self.found.data.get("subject") or "")

    @property
    def violations(self) -> list[Mapping[str, Any]]:
        """All that is wrong and breaks a reader."""
        told = loose.objects(self.found.data.get("violations"))
        return [one for one in told if one.get("breaking") is True]

    @property
    def keywords(self) -> frozenset[str]:
        """The keywords of the violations."""
        return frozenset(str(one.get("keyword")) for one in self.violations)

    @property
    def words(self) -> str:
        """The first violation, and how many there are beside it."""
        first, *others = self.violations or [{}]
        path = "" if first.get("path") in ("$", None) else f"{first['path']}: "
        more = f" (and {len(others)} more)" if others else ""
        return f"{path}{first.get('message')}{more}"


def models(events: Sequence[Event]) -> list[Event]:
    """The model calls that were answered, in order."""
    found = timeline.calls(events)
    return [event for event in found if event.kind == "llm_call" and not timeline.failed(event)]


def said(event: Event) -> Mapping[str, Any]:
    """The call's summary."""
    return loose.obj(event.data.get("call"))


def finish(event: Event) -> str:
    """Why the model stopped, in lower case; empty when it did not say."""
    return str(said(event).get("finishReason") or "").lower()


def withheld(event: Event) -> bool:
    """Whether the model, or a filter before it, declined."""
    return finish(event) in WITHHELD or said(event).get("refused") is True


def uses(event: Event) -> Iterator[Use]:
    """The tools that the model asks the agent for; not those that the provider runs itself."""
    for place, use in enumerate(loose.objects(said(event).get("toolUses"))):
        if not use.get("hosted"):
            arguments = _comparable(use.get("arguments"))
            id_ = loose.text(use.get("id"))
            yield Use(event, id_, str(use.get("name")), arguments, place=place)


def results(event: Event) -> list[Mapping[str, Any]]:
    """What the call tells its model of the tools that an earlier turn asked for."""
    return list(loose.objects(said(event).get("toolResults")))


def _comparable(value: Any) -> bytes:
    try:
        return canonical.canonical(value)
    except (TypeError, ValueError):
        return repr(value).encode("utf-8", "replace")


def all_uses(events: Sequence[Event]) -> list[Use]:
    """Every tool use of the run in order, with its result where a later request brought it.

    Results are joined by id; without ids, by name in the next request.
    """
    turns = models(events)
    brought = [results(event) for event in turns]
    by_id: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}  # some agents use ids again
    for at, told in enumerate(brought):
        for result in told:
            if isinstance(result.get("id"), str):
                by_id.setdefault(result["id"], []).append((at, result))
    found: list[Use] = []
    for at, event in enumerate(turns):
        following = brought[at + 1] if at + 1 < len(brought) else []
        for use in uses(event):
            if use.id is not None:
                known = by_id.get(use.id, [])
                later = [result for _, result in known[bisect_right(known, at, key=_place) :][:1]]
            else:
                later = [result for result in following if result.get("name") == use.name]
            result = later[0] if later else {}
            digest, failed = loose.text(result.get("digest")), result.get("isError") is True
            error, empty = loose.text(result.get("error")), result.get("empty") is True
            found.append(use._replace(result=digest, failed=failed, error=error, empty=empty))
    return found


def _place(item: tuple[int, Any]) -> int:
    return item[0]


def breaches(events: Sequence[Event]) -> list[Breach]:
    """The validations that found something breaking, with their calls, in the order of these."""
    ordered = timeline.calls(events)
    known = {event.id: (at, event) for at, event in enumerate(ordered) if event.id is not None}
    found = [
        (*known[event.parent_event_id], event)
        for event in events
        if event.kind == "validation"
        and event.data.get("breaking") is True
        and event.parent_event_id in known
    ]
    return [Breach(event, call) for _, call, event in sorted(found, key=lambda item: item[0])]


def after(events: Sequence[Event], event: Event) -> list[Event]:
    """The calls that began after this one did; telemetry is left out.

    An agent may call a tool before the stream that asks for it has ended.
    """
    return [
        call
        for call in timeline.calls(events)
        if call.started_at > event.started_at and not timeline.telemetry(call)
    ]


def between(events: Sequence[Event], one: Event, other: Event) -> list[Event]:
    """The calls to tools that began after one model call did and before another."""
    found = after(events, one)
    return [c for c in found if c.kind != "llm_call" and c.started_at < other.started_at]


def evidence(*events: Event | None) -> tuple[int, ...]:
    """The ids of the events, each once, in order."""
    ids = [event.id for event in events if event is not None and event.id is not None]
    return tuple(sorted(dict.fromkeys(ids)))
