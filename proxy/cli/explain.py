"""`dashcam explain`: the verdict on a run, and what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from proxy.cli import _coverage
from proxy.cli._common import Cli, subcommand
from proxy.cli._header import calls_text, outcome_spans, spent_text
from proxy.cli._print import Line, put, put_json
from proxy.cli._source import Source, source
from proxy.cli._text import duration
from proxy.cli._timeline import details, one_line, status, violation_lines
from proxy.core import expectations
from proxy.core.model import Event, Outcome
from proxy.core.objects import event_object, run_object
from proxy.core.outcomes import (
    as_object,
    current_outcome,
    failures,
    judge,
    recoveries,
    suspicions,
    totals,
)
from proxy.core.outcomes._api import Facts

type Labels = Mapping[str, Mapping[str, Any]]

_SHOWN = 8  # of each kind: it stays a page


@subcommand()
@click.argument("run")
def command(cli: Cli, *, run: str) -> None:
    """Say why a run ended as it did, with the evidence.

    Prints the outcome that counts, the rule that spoke, the calls that prove it, what failed but
    was recovered, what else failed, what it looked up, and what else was strange. RUN is an id, a
    unique prefix, `last`, or a recording's file.
    """
    with source(cli, run) as found:
        if cli.json:
            put_json(document(found, cli.settings().labels))
        else:
            put(page(found, cli.settings().labels))


def page(found: Source, labels: Labels) -> Iterator[Line]:
    """The explanation for reading."""
    outcome = current_outcome(found.outcomes)
    yield [(found.run.id, "bold"), (f"  {found.run.label}  {calls_text(found)}", "")]
    yield outcome_spans(outcome)
    verdict = outcome or judge_now(found)
    if outcome is None:
        yield [("as far as it went: ", "dim"), *outcome_spans(verdict)]
    yield [(origin(verdict), "dim")]
    if spent := spent_text(totals(found.events)):
        yield [(spent, "dim")]
    proof = evidence(found.events, verdict)
    yield from _part("evidence", proof[:_SHOWN], "red")
    yield from _more(proof)
    mended = recoveries(found.events)
    if mended:
        yield []
        yield [("recovered on the way", "bold")]
        for failed, by in mended[:_SHOWN]:
            yield _line(failed)
            yield [(f"     then {label(by)}: {status(by)}", "green")]
        yield from _more(mended)
    rest = [event for event in failures(found.events) if event not in proof]
    yield from _part("also failed, and did not decide", rest[:_SHOWN], "yellow")
    yield from _more(rest)
    yield from _coverage.lines(_coverage.of(found, labels))
    expected = expectations.of(labels, found.run.label)
    strange = suspicions(found.events, verdict.evidence, expected)
    if strange:
        yield []
        yield [("also worth a look", "bold")]
    numbers = {event.id: label(event) for event in found.events}
    for one in strange[:_SHOWN]:
        place = numbers.get(one.event.parent_event_id) if one.event.kind == "validation" else None
        yield [(f"  {place or label(one.event)}", "bold"), (f"  {one_line(one.text, 400)}", "")]
    yield from _more(strange)


def document(found: Source, labels: Labels) -> dict[str, Any]:
    """The explanation as a JSON object."""
    outcome = current_outcome(found.outcomes)
    verdict = outcome or judge_now(found)
    proof = evidence(found.events, verdict)
    rest = [event for event in failures(found.events) if event not in proof]
    spent = totals(found.events)
    return {
        "run": run_object(found.run),
        "final": outcome is not None,
        "outcome": as_object(verdict),
        "source": verdict.source,
        "rule": verdict.rule,
        "evidence": [event_object(event) for event in proof],
        "recovered": [
            {"failed": event_object(failed), "by": event_object(by)}
            for failed, by in recoveries(found.events)
        ],
        "alsoFailed": [event_object(event) for event in rest],
        "suspicious": [
            {"event": event_object(one.event), "text": one.text}
            for one in suspicions(
                found.events, verdict.evidence, expectations.of(labels, found.run.label)
            )
        ],
        "retrieval": _coverage.as_object(_coverage.of(found, labels)),
        "totals": {
            "modelCalls": spent.calls,
            "inputTokens": spent.input_tokens,
            "outputTokens": spent.output_tokens,
            "costUsd": spent.cost_usd,
            "callsWithoutPrice": spent.unpriced,
        },
    }


def judge_now(found: Source) -> Outcome:
    """What the rules say of a run that has no outcome yet."""
    ended = max((event.ended_at or event.started_at for event in found.events), default=None)
    return judge(Facts(found.run, found.events), created_at=ended or found.run.started_at)


def evidence(events: Sequence[Event], outcome: Outcome) -> list[Event]:
    """The events that an outcome rests on."""
    return [event for event in events if event.id in outcome.evidence]


def origin(outcome: Outcome) -> str:
    """Who said so."""
    if outcome.source == "caller":
        return "said by the caller, who outranks the rules"
    if outcome.source == "judge":
        return "said by a judge that was asked"
    return f"by the rule {outcome.rule}" if outcome.rule else "by the rules"


def label(event: Event) -> str:
    """A call's number and name."""
    seq = event.data.get("seq")
    return event.name if seq is None else f"#{seq} {event.name}"


def _part(title: str, events: Sequence[Event], style: str) -> Iterator[Line]:
    if events:
        yield []
        yield [(title, "bold")]
    for event in events:
        yield _line(event)
        if event.data.get("error"):
            yield [(f"     {one_line(event.data['error'], 400)}", style)]
        for text in violation_lines(event):
            yield [(f"     {text}", style)]


def _more(items: Sequence[object]) -> Iterator[Line]:
    """What a page has no room for."""
    if len(items) > _SHOWN:
        yield [(f"  and {len(items) - _SHOWN} more; --json has all of them", "dim")]


def _line(event: Event) -> Line:
    latency = event.data.get("latencyMs")
    took = f"  {duration(latency)}" if isinstance(latency, int | float) else ""
    more = "".join(f" · {text}" for text in details(event))
    return [(f"  {label(event)}", "bold"), (f"  {status(event)}{took}", ""), (more, "dim")]
