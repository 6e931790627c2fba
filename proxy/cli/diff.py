"""`dashcam diff`: two runs, step by step."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._header import outcome_spans
from proxy.cli._print import Line, Span, put, put_json
from proxy.cli._source import Source, source
from proxy.cli._text import duration
from proxy.cli._timeline import one_line, status
from proxy.core import plain
from proxy.core.diff import changes as request_changes
from proxy.core.matching import MatchRequest, normalised
from proxy.core.model import CALL_KINDS, Event
from proxy.core.objects import run_object
from proxy.core.outcomes import as_object, current_outcome
from proxy.errors import RecordingNotFound

_REQUESTS = 500  # pairs whose requests are compared
_TOLD = 5  # differences of one request

# What is compared of two aligned calls: how it is called, and where it is found.
COMPARED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("status", ("statusCode",)),
    ("end", ("end",)),
    ("error", ("error",)),
    ("url", ("url",)),
    ("model", ("call", "model")),
    ("settings", ("call", "settings")),
    ("tools", ("call", "tools")),
    ("asks for", ("call", "toolUses")),
    ("input", ("call", "input")),
    ("output", ("call", "output")),
    ("reply", ("call", "reply")),
    ("finish", ("call", "finishReason")),
    ("input tokens", ("call", "inputTokens")),
    ("output tokens", ("call", "outputTokens")),
)


class Change(NamedTuple):
    """One thing that is not the same in two aligned calls."""

    what: str
    before: Any
    after: Any


class Pair(NamedTuple):
    """Two aligned calls; one of them is None where the other run has no such step."""

    before: Event | None
    after: Event | None
    changes: list[Change]

    @property
    def step(self) -> str:
        """The step's name."""
        event = self.before or self.after
        return event.name if event else ""

    @property
    def same(self) -> bool:
        """Both are there, and nothing that is compared differs."""
        return self.before is not None and self.after is not None and not self.changes


@subcommand()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
def command(cli: Cli, *, before: str, after: str) -> None:
    """Compare two runs step by step.

    Calls are aligned by their step; the first difference is the one to look at. Of each call its
    request comes first, then its answer. A and B are ids, unique prefixes, `last`, or recordings'
    files.
    """
    with source(cli, before) as one, source(cli, after) as other:
        pairs = list(asked(one, other, align(calls(one), calls(other))))
        if cli.json:
            put_json(document(one, other, pairs))
        else:
            put(page(one, other, pairs))


def calls(found: Source) -> list[Event]:
    """The calls of a run by their number."""
    return ordered([event for event in found.events if event.kind in CALL_KINDS])


def ordered(found: Sequence[Event]) -> list[Event]:
    """Calls by their number."""
    return sorted(found, key=lambda event: (event.data.get("seq") or 0, event.started_at))


def align(one: Sequence[Event], other: Sequence[Event]) -> list[Pair]:
    """Pairs of calls with the same step, in order, and the calls that only one run has.

    Steps that ended alike are paired first, so that a retry in one run does not shift the others.
    """
    pairs: list[Pair] = []
    for same, ours, theirs in _blocks(one, other, lambda event: (event.name, status(event))):
        inner = [(same, ours, theirs)] if same else _blocks(ours, theirs, lambda event: event.name)
        for both, was, now in inner:
            if both:
                pairs += [Pair(a, b, changes(a, b)) for a, b in zip(was, now, strict=True)]
            else:
                pairs += [Pair(event, None, []) for event in was]
                pairs += [Pair(None, event, []) for event in now]
    return pairs


def asked(one: Source, other: Source, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The pairs with what differs in their requests first, as matching sees them: it is the cause.

    After _REQUESTS pairs requests are no longer looked at: the first differences matter.
    """
    for pair in pairs[:_REQUESTS]:
        before, after = _request(one, pair.before), _request(other, pair.after)
        if before is None or after is None:
            yield pair
        else:
            found = request_changes(before, after, limit=_TOLD)
            made = [Change(f"asked {_place(one.path)}", one.recorded, one.live) for one in found]
            yield pair._replace(changes=[*made, *pair.changes])
    yield from pairs[_REQUESTS:]


def _request(found: Source, event: Event | None) -> Any:
    """A call's request without what changes from run to run; None where it is not kept."""
    exchange_id = event.data.get("exchangeId") if event is not None else None
    if not isinstance(exchange_id, str):
        return None
    try:
        exchange = found.exchange(exchange_id)
    except (RecordingNotFound, KeyError):
        return None
    head, body = exchange.request, exchange.request_body.data
    return normalised.view(MatchRequest("", head, plain.request(head, body))).tree


def _place(path: str) -> str:
    return path.removeprefix("$.").removeprefix("body.").removeprefix("json.")


def _blocks(
    one: Sequence[Event], other: Sequence[Event], key: Callable[[Event], Hashable]
) -> Iterator[tuple[bool, Sequence[Event], Sequence[Event]]]:
    """The longest common parts by `key`, and what stands between them."""
    matcher = SequenceMatcher(None, [*map(key, one)], [*map(key, other)], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        yield tag == "equal", one[a:b], other[c:d]


def _told(event: Event, path: tuple[str, ...]) -> Any:
    """What is compared: of the tools that a model asks for not the ids, which are new each time."""
    found = _at(event, path)
    if path[-1] == "toolUses" and isinstance(found, list):
        return [{key: use[key] for key in use if key != "id"} for use in found]
    return found


def changes(before: Event, after: Event) -> list[Change]:
    """What differs between two calls of the same step."""
    found = ((what, _told(before, path), _told(after, path)) for what, path in COMPARED)
    return [Change(what, was, now) for what, was, now in found if was != now]


def document(one: Source, other: Source, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The comparison as a JSON object."""
    first = next((at for at, pair in enumerate(pairs) if not pair.same), None)
    return {
        "a": _run(one),
        "b": _run(other),
        "same": first is None,
        "firstDifference": first,
        "steps": [
            {
                "step": pair.step,
                "a": pair.before and pair.before.data.get("seq"),
                "b": pair.after and pair.after.data.get("seq"),
                "changes": [change._asdict() for change in pair.changes],
            }
            for pair in pairs
        ],
    }


def page(one: Source, other: Source, pairs: Sequence[Pair]) -> Iterator[Line]:
    """The comparison for reading."""
    for sign, found, style in (("-", one, "red"), ("+", other, "green")):
        verdict = outcome_spans(current_outcome(found.outcomes))
        yield [(f"{sign} {found.run.id}", style), (f"  {found.run.label}  ", ""), *verdict]
    yield []
    first = True
    for pair in pairs:
        mark: Span = ("   first difference", "bold yellow") if first and not pair.same else ("", "")
        first = first and pair.same
        yield [*_title(pair), mark]
        for change in pair.changes:
            yield [(f"      {change.what}", "bold")]
            if change.before is not None:
                yield [(f"      - {one_line(change.before)}", "red")]
            if change.after is not None:
                yield [(f"      + {one_line(change.after)}", "green")]
    yield []
    different = sum(not pair.same for pair in pairs)
    total = f"{len(pairs)} steps, {different} different" if different else "no difference"
    yield [(total, "bold")]


def _title(pair: Pair) -> Iterator[Span]:
    for event, sign, style in ((pair.before, "-", "red"), (pair.after, "+", "green")):
        if event is not None and (pair.before is None or pair.after is None):
            yield (f"{sign} #{event.data.get('seq')} {event.name}  {status(event)}", style)
    if pair.before is not None and pair.after is not None:
        style = "dim" if pair.same else "yellow"
        sign = " " if pair.same else "~"
        yield (f"{sign} #{pair.before.data.get('seq')} {pair.before.name}", style)
        yield (f"  {_took(pair.before)} → {_took(pair.after)}", "dim")


def _took(event: Event) -> str:
    latency = event.data.get("latencyMs")
    return duration(latency if isinstance(latency, int | float) else None)


def _at(event: Event, path: Sequence[str]) -> Any:
    found: Any = event.data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _run(found: Source) -> dict[str, Any]:
    verdict = current_outcome(found.outcomes)
    return run_object(found.run) | {"verdict": as_object(verdict) if verdict else None}
