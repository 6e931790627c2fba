import pytest

from proxy.core.model import Exchange, RequestHead
from proxy.stores import sqlite_rows


@pytest.mark.parametrize("text", [None, "", "ascii", "é\u2028\U0001f600", "a\x00b"])
def test_words_that_sql_can_read_stay_words(text: str | None) -> None:
    assert sqlite_rows.words(text) == text
    assert sqlite_rows.read_words(sqlite_rows.words(text)) == text


@pytest.mark.parametrize("text", ["\udc80", "/path\udcff?q=\ud800é"])
def test_words_that_were_no_utf8_come_back(text: str) -> None:
    assert isinstance(sqlite_rows.words(text), bytes)
    assert sqlite_rows.read_words(sqlite_rows.words(text)) == text


def test_columns_and_their_names_agree() -> None:
    exchange = Exchange("e", "r", 1, "api", 0.0, RequestHead("GET", "https", "h", 443, "/"))
    names = sqlite_rows.EXCHANGE.split(", ")
    columns = sqlite_rows.exchange_columns(exchange, 4, 5)
    assert len(names) == sqlite_rows.EXCHANGE_COLUMNS == len(columns) + 2
    assert dict(zip(names, columns, strict=False))["event_id"] == 5
    assert names[-2:] == ["record", "digest"]


def test_the_digest_of_columns_changes_with_each() -> None:
    marks = {
        sqlite_rows.columns_mark(columns)
        for columns in (("a", 1, None), ("a", 2, None), ("a", 1, "b"), ("a\x1f1", None, ""))
    }
    assert len(marks) == 4
