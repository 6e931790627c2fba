import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli._text import clean, clean_json, count, duration, size, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 字 👩‍💻", "plain ünïcode 字 👩‍💻"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x9b31m\x7f\x00", "\\x9b31m\\x7f\\x00"),
        ("safe\u202eevil\u2028", "safe\\u202eevil\\u2028"),
        ("tag\U000e0041", "tag\\ue0041"),
        ("lone\ud800", "lone\\ud800"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_clean_lines_keeps_line_ends_and_tabs_only() -> None:
    assert clean("a\r\n\tb\x1b\rc", lines=True) == "a\n    b\\x1b\\rc"


@settings(max_examples=60)
@given(st.text())
def test_nothing_cleaned_can_steer_a_terminal(text: str) -> None:
    for shown in (clean(text), clean(text, lines=True).replace("\n", "")):
        assert all(character.isprintable() or ord(character) > 0x9F for character in shown)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=3))
def test_clean_json_is_the_same_json(value: object) -> None:
    text = clean_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert clean(text) == text


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_999, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (34_000_000, "34 MB"),
        (5_000_000_000_000, "5.0 TB"),
    ],
)
def test_size(number: int | None, shown: str) -> None:
    assert size(number) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "-"),
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (812.4, "812 ms"),
        (999.6, "1.00 s"),
        (59_990, "59.99 s"),
        (59_996, "1m 00s"),
        (185_000, "3m 05s"),
        (7_440_000, "2h 04m"),
    ],
)
def test_duration(milliseconds: float | None, shown: str) -> None:
    assert duration(milliseconds) == shown


def test_width_counts_cells() -> None:
    assert [width(text) for text in ("abc", "字", "e\u0301")] == [3, 2, 1]


def test_count() -> None:
    assert [count(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
