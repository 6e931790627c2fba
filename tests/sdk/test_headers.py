import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from dashcam import headers
from dashcam.headers import META_LIMIT, TEXT_LIMIT, encoded, encoded_meta, fields
from hypothesis import given
from hypothesis import strategies as st

DOCS = Path(__file__).parents[2] / "docs" / "sdk.md"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("refund", "refund"),
        ("plan/retrieve", "plan/retrieve"),
        ("two words, and: more", "two words, and: more"),
        ("Rückgabe", "R%C3%BCckgabe"),
        ("100%", "100%25"),
        ("a\r\nb", "a%0D%0Ab"),
        (" padded ", "%20padded%20"),
        ("\ud800", "?"),
        ("x" * 300, "x" * TEXT_LIMIT),
    ],
)
def test_text(text: str, value: str) -> None:
    assert encoded(text) == value


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=TEXT_LIMIT))
def test_text_comes_back_and_is_fit_for_a_header(text: str) -> None:
    value = encoded(text)
    assert unquote(value) == text
    assert value.isascii()
    assert value.isprintable()
    assert value == value.strip()


@pytest.mark.parametrize(
    ("meta", "value"),
    [
        ({}, None),
        ({"plan": "pro", "n": 1}, '{"plan":"pro","n":1}'),
        ({"ü": "\n"}, '{"\\u00fc":"\\n"}'),
        ({"path": Path("/x")}, '{"path":"/x"}'),
        ({"long": "x" * META_LIMIT}, None),
        ({("a",): 1}, None),
    ],
)
def test_meta(meta: dict[str, object], value: str | None) -> None:
    assert encoded_meta(meta) == value


def test_meta_that_holds_itself_is_left_out() -> None:
    meta: dict[str, object] = {}
    meta["self"] = meta
    assert encoded_meta(meta) is None


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), min_size=1, max_size=5))
def test_meta_comes_back(meta: dict[str, object]) -> None:
    value = encoded_meta(meta)
    if value is not None:
        assert json.loads(value) == meta
        assert value.isascii()
        assert value.isprintable()


def test_only_what_there_is_to_say() -> None:
    values = [("A", "x"), ("B", None), ("C", ""), ("D", "y")]
    assert fields(values) == (("A", "x"), ("D", "y"))


def test_docs_name_every_header_and_no_other() -> None:
    section = DOCS.read_text().partition("## The same in plain HTTP")[2].partition("\n## ")[0]
    table = "\n".join(line.split("|")[1] for line in section.splitlines() if line[:1] == "|")
    assert set(re.findall(r"`(Dashcam-\w+)`", table)) == {*headers.NAMES, "Dashcam-Replay"}
    assert str(TEXT_LIMIT) in section
