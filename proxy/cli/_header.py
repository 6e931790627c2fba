"""The head of a run's page: who, when, how many, and how it ended."""

import json
from collections.abc import Iterator

from proxy.cli._print import Line, Span
from proxy.cli._source import Source
from proxy.cli._text import count, duration, moment
from proxy.core.model import CALL_KINDS, Outcome
from proxy.core.objects import duration_ms
from proxy.core.outcomes import Totals, current_outcome, totals

_SAID_BY = {"caller": "said by the caller", "judge": "said by a judge"}


def header_lines(found: Source) -> Iterator[Line]:
    """A few lines, `name  value`."""
    run = found.run
    yield _line("run", (run.id, "bold"), (f"  {run.label}", ""))
    if run.correlation_id and run.correlation_id != run.id:
        yield _line("correlation", (run.correlation_id, ""))
    took = duration_ms(run)
    lasted = "still open" if took is None else f"took {duration(took)}"
    yield _line("started", (f"{moment(run.started_at)}  {lasted}", ""))
    yield _line("calls", (calls_text(found), ""))
    if spent := spent_text(totals(found.events)):
        yield _line("used", (spent, ""))
    yield _line("outcome", *outcome_spans(current_outcome(found.outcomes)))
    for key, value in sorted(run.metadata.items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield _line(key, (text, ""))


def calls_text(found: Source) -> str:
    """`6 calls, 1 with an error, 2 retries`."""
    calls = [event for event in found.events if event.kind in CALL_KINDS]
    errors = sum(event.status == "error" for event in calls)
    retries = sum((event.data.get("attempt") or 1) > 1 for event in calls)
    parts = [count(len(calls), "call")]
    if errors:
        parts.append(f"{errors} with an error")
    if retries:
        parts.append("1 retry" if retries == 1 else f"{retries} retries")
    return ", ".join(parts)


def spent_text(spent: Totals) -> str | None:
    """What the model calls consumed, in words; None when there is nothing to say."""
    parts = []
    if spent.input_tokens is not None or spent.output_tokens is not None:
        given, made = (
            "?" if n is None else f"{n:,}" for n in (spent.input_tokens, spent.output_tokens)
        )
        parts.append(f"{given} → {made} tokens")
    if spent.cost_usd is not None:
        parts.append(f"${spent.cost_usd:.4f}")
        if spent.unpriced:
            parts.append(f"{count(spent.unpriced, 'call')} without a known price")
    return ", ".join(parts) or None


def outcome_spans(outcome: Outcome | None) -> list[Span]:
    """The outcome on one line."""
    if outcome is None:
        return [("none yet", "yellow")]
    style = "bold green" if outcome.status == "Completed" else "bold red"
    rest = [outcome.failure_mode, outcome.reason]
    if outcome.retryable is not None:
        rest.append("retryable" if outcome.retryable else "not retryable")
    rest += [outcome.user_impact, _SAID_BY.get(outcome.source)]
    said = "".join(f" · {text}" for text in rest if text)
    return [(outcome.status, style), (said, "")]


def _line(name: str, *spans: Span) -> Line:
    return [(f"{name:<12} ", "dim"), *spans]
