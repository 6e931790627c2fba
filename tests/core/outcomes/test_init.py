"""What holds for the table as a whole."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import End, Event, Outcome, Run
from proxy.core.outcomes import (
    OUTCOME_RULES,
    as_object,
    current_outcome,
    iso,
    judge,
    suspicions,
    totals,
)
from proxy.core.outcomes._api import Facts, Rule
from tests.core.outcomes.facts import CRM, facts, llm, tool

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("steps", "impact"),
    [
        ((llm(401),), "No answer from the model"),
        ((llm(), tool(401), llm()), f"The answer was made without {CRM}"),
        ((llm(), tool(401)), f"The run ended without {CRM}"),
    ],
)
def test_user_impact_comes_from_the_evidence(
    steps: tuple[dict[str, Any], ...], impact: str
) -> None:
    assert judge(facts(*steps), created_at=0.0).user_impact == impact


def outcome(reason: str, source: str = "rules", at: float = 0.0) -> Outcome:
    return Outcome("r", "l", "Failed", "Tool Error", reason, None, None, at, source)


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([], None),
        ([outcome("old"), outcome("new")], "new"),
        ([outcome("mine", "caller"), outcome("new")], "mine"),
        ([outcome("mine", "caller"), outcome("again", "caller"), outcome("new")], "again"),
    ],
)
def test_the_callers_newest_outcome_counts(outcomes: list[Outcome], reason: str | None) -> None:
    current = current_outcome(outcomes)
    assert (current.reason if current else None) == reason


def test_the_object_has_exactly_the_agreed_keys() -> None:
    made = Outcome(
        "run_1",
        "SupportAgent",
        "Failed",
        "Tool Error",
        "CRM 401",
        True,
        "No reply sent",
        1770889282.114,
    )
    assert as_object(made) == {
        "runId": "run_1",
        "label": "SupportAgent",
        "status": "Failed",
        "failureMode": "Tool Error",
        "reason": "CRM 401",
        "retryable": True,
        "userImpact": "No reply sent",
        "createdAt": "2026-02-12T09:41:22.114Z",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1.9996, "1970-01-01T00:00:02.000Z")],
)
def test_iso(seconds: float, text: str) -> None:
    assert iso(seconds) == text


def test_every_rule_has_a_heading_in_the_docs_in_order() -> None:
    text = (ROOT / "docs" / "outcomes.md").read_text()
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == [rule.name for rule in OUTCOME_RULES]


@pytest.mark.parametrize("rule", OUTCOME_RULES[:-1], ids=lambda rule: rule.name)
def test_a_rule_says_nothing_about_what_is_not_its_own(rule: Rule) -> None:
    others = [facts(llm()), facts(tool(404), llm())]
    if rule.name != "http_status":
        others.append(facts(tool(500)))
    if rule.name != "network":
        others.append(facts(llm(None, end=End.UPSTREAM_RESET)))
    assert [rule.judge(given) for given in others] == [None] * len(others)


# What a recording from somewhere else may hold under the names that the rules read.
_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_ANY = st.recursive(_LEAF, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
_USE = st.fixed_dictionaries(
    {}, optional={"id": _ANY, "name": _ANY, "arguments": _ANY, "hosted": _ANY, "digest": _ANY}
)
_USES = st.lists(_USE, max_size=3) | _ANY
_CALL = st.fixed_dictionaries(
    {},
    optional={
        "toolUses": _USES,
        "toolResults": _USES,
        "finishReason": _ANY | st.sampled_from(["length", "stop", "SAFETY"]),
        "reply": _ANY,
        "refused": _ANY,
        "messages": _ANY,
        "settings": st.dictionaries(st.sampled_from(["max_tokens", "tool_choice"]), _ANY) | _ANY,
        "error": st.dictionaries(st.sampled_from(["type", "message", "where"]), _ANY) | _ANY,
        "rateLimits": st.dictionaries(st.sampled_from(["retry-after"]), _ANY) | _ANY,
        "costUsd": _ANY,
        "inputTokens": _ANY,
        "outputSchema": _ANY,
        "input": _ANY,
    },
)
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "call": _CALL | _ANY,
        "statusCode": st.sampled_from([200, 401, 429, 500]) | _ANY,
        "end": st.sampled_from(list(End)),
        "error": _ANY,
        "challenge": _ANY,
        "url": _ANY,
        "breaking": st.booleans(),
        "validator": st.sampled_from(["tool_arguments", "structured_output", "partial_json"]),
        "subject": _ANY,
        "violations": st.lists(
            st.fixed_dictionaries(
                {"breaking": st.booleans()}, optional={"keyword": _ANY, "path": _ANY}
            ),
            max_size=2,
        )
        | _ANY,
    },
)
_EVENT = st.builds(
    Event,
    run_id=st.just("r"),
    kind=st.sampled_from(["llm_call", "llm_call", "tool_call", "http", "validation", "state"]),
    name=st.sampled_from(["a", "b"]),
    started_at=st.sampled_from([1.0, 2.0, 3.0]),
    status=st.sampled_from(["ok", "ok", "error"]),
    data=_DATA,
    parent_event_id=st.none() | st.integers(1, 4),
)


@given(st.lists(_EVENT, max_size=6), st.dictionaries(st.just("budgetUsd"), _ANY))
@settings(deadline=None, max_examples=60)
def test_every_timeline_has_an_outcome(events: list[Event], metadata: dict[str, Any]) -> None:
    for number, event in enumerate(events, 1):
        event.id = number
    run = Run("r", "l", "c", started_at=0.0, metadata=metadata)
    got = judge(Facts(run, events), created_at=1.0)
    assert (got.status == "Failed") == (got.failure_mode is not None)
    assert set(got.evidence) <= set(range(1, len(events) + 1))
    suspicions(events)
    totals(events)
