"""The strings of records, by both readers."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.redaction.leaves import literals, pieces
from proxy.core.redaction.tokens import decode

NAMES = st.sampled_from(["delta", "index", "type", "id", "item_id", "a", "choices", "é", 'x"y'])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, 1e30])
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.booleans())
def test_both_readers_agree(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    found = [(one.key, decode(raw[one.start : one.end])) for one in literals(raw)]
    assert found == pieces(orjson.loads(raw))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"delta": "a"}, {"delta": "b"}, True),
        ({"delta": "a"}, {"text": "b"}, False),
        ({"type": "x", "delta": "a"}, {"type": "y", "delta": "b"}, False),
        ({"index": 0, "delta": {"text": "a"}}, {"index": 0, "delta": {"text": "b"}}, True),
        ({"index": 0, "delta": {"text": "a"}}, {"index": 1, "delta": {"text": "b"}}, False),
        # The place in an array counts only where there is no index.
        ({"c": [{"index": 1, "t": "a"}]}, {"c": [{"x": 0}, {"index": 1, "t": "b"}]}, True),
        ({"c": [{"t": "a"}]}, {"c": [{"x": 0}, {"t": "b"}]}, False),
        # The first piece of a tool call has fields that the others lack.
        (
            {"c": [{"index": 0, "id": "i", "type": "function", "f": {"arguments": "a"}}]},
            {"c": [{"index": 0, "f": {"arguments": "b"}}]},
            True,
        ),
        ([{"t": "a"}], [{"t": "b"}], True),
    ],
)
def test_what_belongs_together(first: Any, second: Any, same: bool) -> None:
    (one, _), *_ = [piece for piece in pieces(first) if piece[1] == "a"]
    (other, _), *_ = [piece for piece in pieces(second) if piece[1] == "b"]
    assert (one == other) is same


def test_objects_of_an_array_are_records() -> None:
    assert [key for key, _ in pieces([{"t": "a"}, {"t": "b"}])] == [("", "t"), ("", "t")]


def test_the_envelope_is_not_streamed() -> None:
    record = {"id": "x1", "model": "m", "type": "t", "index": 0, "text": "hello", "n": 1}
    assert pieces(record) == [(("index=0", "t", "text"), "hello")]


def test_plain_strings() -> None:
    assert pieces("x") == [((), "x")]
    assert pieces(7) == []


def test_too_deep() -> None:
    deep: Any = "x"
    for _ in range(70):
        deep = [deep]
    with pytest.raises(ValueError, match="too deep"):
        pieces(deep)
    assert len(literals(json.dumps(deep).encode())) == 1


@pytest.mark.parametrize(
    "broken", [b'{"a": "b', b'{"a" "b"}', b'"\\', b"}]{[", b'{"a":"x"}{"a":"y"}']
)
def test_broken_records(broken: bytes) -> None:
    for literal in literals(broken):
        assert 0 <= literal.start <= literal.end <= len(broken)
