import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.diff import Change, changes, common, common_end, excerpt, member, text_changes
from tests.core.recorded import json_values

CASES: list[tuple[Any, Any, list[Change]]] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [Change("$.a", "changed", "1", "2")]),
    ({"a": 1}, {"a": 1.0}, [Change("$.a", "changed", "1", "1.0")]),
    ({"a": [1]}, {"a": [True]}, [Change("$.a[0]", "changed", "1", "true")]),
    ({"a": 1}, {"b": 1}, [Change("$.a", "removed", "1", None), Change("$.b", "added", None, "1")]),
    ({"a b": 1}, {"a b": 2}, [Change("$['a b']", "changed", "1", "2")]),
    ({"a'\\": 1}, {"a'\\": 2}, [Change("$['a\\'\\\\']", "changed", "1", "2")]),
    (
        {"a": {"b": [{"c": 1}]}},
        {"a": {"b": [{"c": 2}]}},
        [Change("$.a.b[0].c", "changed", "1", "2")],
    ),
    ([1, 2, 3], [1, 3], [Change("$[1]", "removed", "2", None)]),
    ([1, 3], [1, 2, 3], [Change("$[1]", "added", None, "2")]),
    ([1, 2], [2, 1, 2], [Change("$[0]", "added", None, "2")]),
    ("one two", "one three", [Change("$", "changed", '"one two"', '"one three"')]),
    ("one", ["one"], [Change("$", "changed", '"one"', '["one"]')]),
    ('<json>{"a":1}', '<json>{"a":2}', [Change("$.a", "changed", "1", "2")]),
    (None, 0, [Change("$", "changed", "null", "0")]),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_changes(old: Any, new: Any, expected: list[Change]) -> None:
    assert changes(old, new) == expected


def test_one_message_more_changes_nothing_else() -> None:
    messages = [{"role": "user", "content": f"message {n}"} for n in range(20)]
    live = [*messages[:12], {"role": "user", "content": "new"}, *messages[12:]]
    (change,) = changes({"messages": messages}, {"messages": live})
    assert (change.path, change.op) == ("$.messages[12]", "added")


def test_changed_and_added_items_together() -> None:
    found = changes([{"a": 1}, {"a": 2}], [{"a": 3}, {"a": 4}, {"a": 5}])
    assert [(one.path, one.op) for one in found] == [
        ("$[0].a", "changed"),
        ("$[1].a", "changed"),
        ("$[2]", "added"),
    ]


def test_every_changed_sentence_has_its_own_excerpt() -> None:
    filler = "Nothing happens here at all, and it goes on for quite a while. " * 5
    old = f"The first is red. {filler}The second is green. {filler}"
    new = f"The first is blue. {filler}The second is black. {filler}"
    found = list(text_changes(old, new))
    assert len(found) == 2
    assert "is red." in found[0][0]
    assert "is blue." in found[0][1]
    assert "is green." in found[1][0]
    assert "is black." in found[1][1]
    assert all(len(side) < 130 for pair in found for side in pair)


TEXTS = [
    ("", "new", '""', '"new"'),
    ("same old", "same", '"same old"', '"same"'),
    ("a b c", "a c", '"a b c"', '"a c"'),
    ("x" * 300 + "1", "x" * 300 + "2", "1", "2"),
]


@pytest.mark.parametrize(("old", "new", "shown_old", "shown_new"), TEXTS)
def test_excerpts(old: str, new: str, shown_old: str, shown_new: str) -> None:
    ((before, after),) = text_changes(old, new)
    assert shown_old in before
    assert shown_new in after


def test_a_long_stretch_is_cut_in_its_middle() -> None:
    ((before, after),) = text_changes(f"start {'a' * 500} end", "start short end")
    assert "…" in before
    assert len(before) < 130
    assert "short" in after


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert changes(value, orjson.loads(orjson.dumps(value)) if _plain(value) else value) == []


def _plain(value: Any) -> bool:
    try:
        return bool(orjson.loads(orjson.dumps(value)) == value)
    except TypeError:
        return False


@settings(max_examples=50, deadline=None)
@given(json_values, json_values)
def test_what_differs_is_always_told(old: Any, new: Any) -> None:
    from proxy.core import canonical

    differs = canonical.canonical(old) != canonical.canonical(new)
    assert bool(changes(old, new)) is differs


def test_the_number_of_changes_is_bounded() -> None:
    assert len(changes(list(range(1000)), list(range(1000, 2000)))) == 200
    assert len(changes({"a": 1, "b": 2}, {}, limit=1)) == 1


def test_large_values_take_no_time() -> None:
    old = {"messages": [{"content": f"word {n} " * 500} for n in range(400)]}
    new = {"messages": [{"content": f"term {n} " * 500} for n in range(400)]}
    start = time.process_time()
    assert len(changes(old, new)) == 200
    assert len(changes(list(range(5000)), list(range(1, 5001)), limit=9)) == 9
    many = "Sentence %d is here. "
    list(
        text_changes(
            "".join(many % n for n in range(9000)), "".join(many % -n for n in range(9000))
        )
    )
    assert time.process_time() - start < 20


def test_very_long_texts_are_told_as_one_stretch() -> None:
    numbers = range(1, 2000)
    old, new = ("".join(f"Sentence {n * sign} is here. " for n in numbers) for sign in (1, -1))
    ((before, after),) = text_changes(old, new)
    assert "Sentence 1 is" in before
    assert "Sentence -1 is" in after


def test_excerpt() -> None:
    assert excerpt({"a": [1]}) == '{"a":[1]}'
    assert len(excerpt("x" * 999, 50)) <= 51
    assert member("$", "a-b") == "$.a-b"
    assert member("$.x", "1") == "$.x['1']"


@settings(deadline=None)
@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_common_beginnings_and_ends(one: str, other: str) -> None:
    start, end = common(one, other), common_end(one, other)
    assert one[:start] == other[:start]
    assert one[: start + 1] != other[: start + 1] or start == len(one) == len(other)
    assert one[len(one) - end :] == other[len(other) - end :]
    assert end == common(one[::-1], other[::-1])
    assert common(one.encode(), other.encode()) == common(one, other)
