import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stores import timestamps

CENTURY = st.floats(0, 2**31, allow_nan=False)
OURS = st.floats(2**30, 2**31, allow_nan=False)  # from 2004 to 2038


@settings(deadline=None, max_examples=60)
@given(OURS)
def test_text_gives_back_the_very_float(seconds: float) -> None:
    assert timestamps.from_text(timestamps.to_text(seconds)) == seconds


@settings(deadline=None, max_examples=60)
@given(CENTURY, CENTURY)
def test_text_sorts_as_time_does(one: float, other: float) -> None:
    if one < other:
        assert timestamps.to_text(one) <= timestamps.to_text(other)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.0000000Z"),
        (1_763_000_000.25, "2025-11-13T02:13:20.2500000Z"),
        (0.99999999, "1970-01-01T00:00:01.0000000Z"),
        (-0.5, "1969-12-31T23:59:59.5000000Z"),
    ],
)
def test_the_form(seconds: float, text: str) -> None:
    assert timestamps.to_text(seconds) == text


def test_sqlite_reads_it() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        row = connection.execute(
            "SELECT date(?1), strftime('%s', ?1), julianday(?1) > julianday('2025-11-13')",
            (timestamps.to_text(1_763_000_000.25),),
        ).fetchone()
    assert row == ("2025-11-13", "1763000000", 1)


@pytest.mark.parametrize(
    "text", ["2025-11-13T02:13:20Z", "2025-11-13 02:13:20", "2025-11-13T02:13:20.0Z"]
)
def test_what_others_write_is_read(text: str) -> None:
    assert timestamps.from_text(text) == 1_763_000_000


def test_none_stays_none() -> None:
    assert timestamps.text_or_none(None) is None
    assert timestamps.float_or_none(None) is None
    assert timestamps.float_or_none(timestamps.text_or_none(5.5)) == 5.5


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300])
def test_no_time_at_all(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        timestamps.to_text(seconds)
