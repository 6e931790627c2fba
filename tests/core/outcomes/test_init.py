"""What holds for the table as a whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from proxy.core.model import End, Outcome
from proxy.core.outcomes import OUTCOME_RULES, as_object, current_outcome, iso, judge
from proxy.core.outcomes._api import Rule
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
