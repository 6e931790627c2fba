"""Drift between what was and what is."""

from typing import Any

import pytest

from proxy.core.schemas.comparing import compare
from proxy.core.schemas.inferring import infer

BEFORE = {"customerId": "7", "tier": "gold", "orders": [{"id": 1, "total": 2.5}], "note": None}


def drift(before: list[Any], now: list[Any]) -> list[tuple[str, str, bool]]:
    found = compare(infer(before), infer(now))
    return [(one.path, one.change, one.breaking) for one in found]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (BEFORE, []),
        ({**BEFORE, "orders": []}, []),
        ({**BEFORE, "orders": [{"id": 1, "total": 2}]}, []),
        ({**BEFORE, "extra": 1}, [("$.extra", "added", False)]),
        (
            {"customer_id": "7", "tier": "gold", "orders": [], "note": None},
            [("$.customerId", "renamed", True)],
        ),
        (
            {"customer_id": 7, "tier": "gold", "orders": [], "note": None},
            [("$.customerId", "renamed", True), ("$.customer_id", "type", True)],
        ),
        ({**BEFORE, "tier": 3}, [("$.tier", "type", True)]),
        ({**BEFORE, "tier": None}, [("$.tier", "type", True)]),
        ({**BEFORE, "orders": [{"id": "1", "total": 2.5}]}, [("$.orders[*].id", "type", True)]),
        ({**BEFORE, "orders": [{"total": 2.5}]}, [("$.orders[*].id", "vanished", True)]),
        (
            {**BEFORE, "orders": [{"id": 1}, {"id": 2, "total": 2.5}]},
            [("$.orders[*].total", "optional", True)],
        ),
        ({**BEFORE, "note": "x"}, [("$.note", "type", False)]),
        ([], [("$", "type", True)]),
    ],
)
def test_what_has_changed(now: Any, said: list[tuple[str, str, bool]]) -> None:
    assert drift([BEFORE], [now]) == said


def test_words_name_what_happened() -> None:
    (renamed,) = compare(infer([{"customerId": "7"}]), infer([{"customer_id": "7"}]))
    assert renamed.message == "`customerId` is now `customer_id`"
    assert renamed.to == "customer_id"


def test_what_was_there_sometimes_may_stay_away() -> None:
    assert drift([{"a": 1, "b": 1}, {"a": 1}], [{"a": 1}]) == [("$.b", "vanished", False)]


def test_values_and_formats() -> None:
    old, new = ["open", "closed"] * 8, ["open", "closed", "stuck"] * 8
    assert drift(old, new) == [("$", "values", False)]
    assert drift(["2026-01-01"], ["soon"]) == [("$", "format", False)]
    assert drift(["x"], ["2026-01-01"]) == []


def test_maps_are_compared_by_their_values() -> None:
    before = {"type": "object", "additionalProperties": {"type": "integer"}}
    now = {"type": "object", "additionalProperties": {"type": "string"}}
    assert [one.path for one in compare(before, now)] == ["$.*"]
