"""`dashcam explain`: the verdict on a run, and what it rests on."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._header import calls_text, outcome_spans
from proxy.cli._print import Line, put, put_json
from proxy.cli._source import Source, source
from proxy.cli._text import duration
from proxy.cli._timeline import details, one_line, status
from proxy.core.model import Event, Outcome
from proxy.core.objects import event_object, run_object
from proxy.core.outcomes import as_object, current_outcome, failures, judge, recoveries
from proxy.core.outcomes._api import Facts


@subcommand()
@click.argument("run")
def command(cli: Cli, *, run: str) -> None:
    """Say why a run ended as it did, with the evidence.

    Prints the outcome that counts, the rule that spoke, the calls that prove it, what failed but
    was recovered, and what else failed. RUN is an id, a unique prefix, `last`, or a recording's
    file.
    """
    with source(cli, run) as found:
        if cli.json:
            put_json(document(found))
        else:
            put(page(found))


def page(found: Source) -> Iterator[Line]:
    """The explanation for reading."""
    outcome = current_outcome(found.outcomes)
    yield [(found.run.id, "bold"), (f"  {found.run.label}  {calls_text(found)}", "")]
    yield outcome_spans(outcome)
    verdict = outcome or judge_now(found)
    if outcome is None:
        yield [("as far as it went: ", "dim"), *outcome_spans(verdict)]
    yield [(origin(verdict), "dim")]
    proof = evidence(found.events, verdict)
    yield from _part("evidence", proof, "red")
    mended = recoveries(found.events)
    if mended:
        yield []
        yield [("recovered on the way", "bold")]
        for failed, by in mended:
            yield _line(failed)
            yield [(f"     then {label(by)}: {status(by)}", "green")]
    rest = [event for event in failures(found.events) if event not in proof]
    yield from _part("also failed, and did not decide", rest, "yellow")


def document(found: Source) -> dict[str, Any]:
    """The explanation as a JSON object."""
    outcome = current_outcome(found.outcomes)
    verdict = outcome or judge_now(found)
    proof = evidence(found.events, verdict)
    rest = [event for event in failures(found.events) if event not in proof]
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


def _line(event: Event) -> Line:
    latency = event.data.get("latencyMs")
    took = f"  {duration(latency)}" if isinstance(latency, int | float) else ""
    more = "".join(f" · {text}" for text in details(event))
    return [(f"  {label(event)}", "bold"), (f"  {status(event)}{took}", ""), (more, "dim")]
