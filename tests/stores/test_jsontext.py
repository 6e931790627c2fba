import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stores import jsontext

TEXT = st.text(st.characters(), max_size=9)  # surrogates, too
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_json_comes_back(value: Any) -> None:
    assert jsontext.loads(jsontext.dumps(value)) == value


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_sqlite_takes_it(value: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("SELECT json_valid(?)", (jsontext.dumps(value),)).fetchone()[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": float("nan"), "big": 2**70}, '{"a":null,"big":1180591620717411303424}'),
        ({1: (2, 3)}, '{"1":[2,3]}'),
        ({"b": b"\xff"}, '{"b":"b\'\\\\xff\'"}'),
        ([{2**70}], "[[1180591620717411303424]]"),
    ],
)
def test_what_json_cannot_say(value: Any, text: str) -> None:
    assert jsontext.dumps(value) == text


def test_what_is_nested_too_deep() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    assert "nested too deep" in jsontext.dumps(value)
