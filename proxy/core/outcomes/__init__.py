"""Every run ends in one outcome. The rules in order; the first verdict wins.

A caller's own outcome outranks the rules' for ever, see `current_outcome`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from proxy.core.model import Event, Outcome
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes import (
    auth,
    completed,
    cost,
    embedded_error,
    exit_code,
    http_status,
    interrupted,
    loop,
    made_up_source,
    mcp_error,
    network,
    odd_finish,
    output_checks,
    phase_order,
    premature_end,
    promised,
    rate_limit,
    refused,
    rejected,
    schema,
    structured_output,
    timeout,
    told_error,
    truncated,
    unknown_tool,
    withheld,
    wrong_tool,
)
from proxy.core.outcomes._api import Facts, Rule, Verdict
from proxy.core.outcomes._suspicions import Suspicion, suspicions
from proxy.core.outcomes._timeline import failures, recoveries
from proxy.core.outcomes._totals import Totals, totals

__all__ = [
    "OUTCOME_RULES",
    "Suspicion",
    "Totals",
    "answer",
    "as_object",
    "current_outcome",
    "failures",
    "iso",
    "judge",
    "recoveries",
    "suspicions",
    "totals",
]

# Each rule is a module: `name`, and `judge(facts)`. Position is precedence.
OUTCOME_RULES: tuple[Rule, ...] = (
    refused,
    timeout,
    auth,
    rate_limit,
    http_status,
    network,
    mcp_error,
    embedded_error,
    told_error,
    interrupted,
    cost,
    loop,
    schema,
    rejected,
    unknown_tool,
    wrong_tool,
    phase_order,
    structured_output,
    truncated,
    withheld,
    odd_finish,
    premature_end,
    promised,
    made_up_source,
    output_checks,
    exit_code,
    completed,
)


def judge(facts: Facts, *, created_at: float) -> Outcome:
    """The rules' outcome of a finished run, made at `created_at` (Unix seconds)."""
    verdicts = ((rule.name, rule.judge(facts)) for rule in OUTCOME_RULES)
    # The last rule always has a verdict.
    name, verdict = next((name, verdict) for name, verdict in verdicts if verdict is not None)
    return Outcome(
        run_id=facts.run.id,
        label=facts.run.label,
        status=verdict.status,
        failure_mode=verdict.failure_mode,
        reason=verdict.reason,
        retryable=verdict.retryable,
        user_impact=verdict.user_impact or _impact(facts, verdict),
        created_at=created_at,
        source="rules",
        rule=name,
        evidence=verdict.evidence,
    )


def answer(events: Sequence[Event]) -> str:
    """The beginning of the last answer that is one; empty when there is none."""
    replies = [str(turns.said(event).get("reply") or "") for event in turns.models(events)]
    return next((text for text in reversed(replies) if text), "")


def _impact(facts: Facts, verdict: Verdict) -> str | None:
    """What is left to say for whoever waited, when the rule says nothing: was there an answer?"""
    models = turns.models(facts.events)
    if verdict.status != "Failed" or not models:
        return None
    answered = bool(turns.said(models[-1]).get("reply")) and not any(turns.uses(models[-1]))
    return "An answer was made" if answered else "No answer was made"


def current_outcome(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The one that counts (`outcomes` oldest first): the caller's newest, else the newest."""
    own = [outcome for outcome in outcomes if outcome.source == "caller"]
    counting = own or outcomes
    return counting[-1] if counting else None


def as_object(outcome: Outcome) -> dict[str, Any]:
    """The outcome as the JSON object that callers exchange."""
    return {
        "runId": outcome.run_id,
        "label": outcome.label,
        "status": outcome.status,
        "failureMode": outcome.failure_mode,
        "reason": outcome.reason,
        "retryable": outcome.retryable,
        "userImpact": outcome.user_impact,
        "createdAt": iso(outcome.created_at),
    }


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC with milliseconds, `2026-02-12T09:41:22.114Z`."""
    when = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
