from pathlib import Path
from typing import Any

import pytest

from proxy.core import expectations

DOCS = Path(__file__).parents[2] / "docs" / "outcomes.md"


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, None),
        ({"A": {"max_length": 9, "banned": ["x"], "before": {"a": ["b"]}}}, None),
        ({"A": {"citations": True, "budget_usd": 0.5, "freshness_days": 30}}, None),
        ([], "labels takes tables"),
        ({"A": 1}, "labels.A takes a table"),
        ({"A": {"max_lenght": 9}}, "labels.A.max_lenght is not known"),
        ({"A": {"max_length": "9"}}, "labels.A.max_length takes a number of characters"),
        ({"A": {"max_length": True}}, "takes a number of characters"),
        ({"A": {"banned": "x"}}, "takes a list of texts"),
        ({"A": {"before": {"a": "b"}}}, "takes a table of a tool"),
        ({"A": {"budget_usd": 0}}, "takes a number above 0"),
        ({"A": {"schema": 7}}, "a JSON Schema"),
        ({"A": {"judge": {"model": "openai/gpt-5-mini", "asks": "Kind?"}}}, None),
        ({"A": {"judge": {"model": "gpt-5-mini", "asks": "Kind?"}}}, "PROVIDER/MODEL"),
        ({"A": {"judge": {"model": "openai/gpt-5-mini"}}}, "PROVIDER/MODEL"),
        ({"A": {"judge": {"model": "openai/m", "asks": ["Kind?"]}}}, "PROVIDER/MODEL"),
    ],
)
def test_problem(tables: Any, words: str | None) -> None:
    found = expectations.problem(tables)
    assert found is None if words is None else words in str(found)


def test_the_nearest_table_wins() -> None:
    tables = {
        "*": {"max_length": 1, "budget_usd": 1},
        "Support*": {"max_length": 2, "budget_ms": 2},
        "SupportAgent": {"max_length": 3},
    }
    assert expectations.of(tables, "SupportAgent") == {
        "max_length": 3,
        "budget_usd": 1,
        "budget_ms": 2,
    }
    assert expectations.of(tables, "Other") == {"max_length": 1, "budget_usd": 1}
    assert expectations.of({}, "Other") == {}


def test_all_of_them_are_documented() -> None:
    text = DOCS.read_text("utf-8")
    assert [name for name in expectations.KNOWN if f"`{name}`" not in text] == []
