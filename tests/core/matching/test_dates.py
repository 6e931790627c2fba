import pytest

from proxy.core.matching.dates import find, is_fact, replace

DATES = [
    ("2026-11-22", "date"),
    ("2026/11/22", "date"),
    ("2026-11-22T10:11:12Z", "time"),
    ("2026-11-22T10:11:12.123456+01:00", "time"),
    ("2026-11-22 10:11", "time"),
    ("2026-11-22, 10:11:12 UTC", "time"),
    ("20261122T101112Z", "time"),
    ("Sun, 22 Nov 2026 10:11:12 GMT", "time"),
    ("Sunday, 22-Nov-2026 10:11:12 GMT", "time"),
    ("Sun Nov 22 10:11:12 2026", "time"),
    ("Sun Nov  2 10:11:12 CET 2026", "time"),
    ("22 November 2026", "date"),
    ("22nd of November, 2026", "date"),
    ("Sunday, the 22nd of November, 2026", "date"),
    ("November 22, 2026", "date"),
    ("Sunday, November 22nd, 2026", "date"),
    ("Sunday, November 22, 2026 at 10:11 AM", "time"),
    ("22.11.2026", "date"),
    ("11/22/2026, 10:11:12 PM", "time"),
    ("2026-11-22 (Sunday)", "date"),
    ("Sept. 2, 2026", "date"),
]


@pytest.mark.parametrize(("text", "kind"), DATES)
def test_dates_are_found_whole(text: str, kind: str) -> None:
    seen: list[tuple[str, str]] = []

    def found(what: str, date: str) -> str:
        seen.append((what, date))
        return "#"

    (one,) = find(f"It is {text}, ok")
    assert replace(f"It is {text}, ok", found) == "It is #, ok"
    assert seen == [(kind, text)]
    assert one.timed == (kind == "time")


@pytest.mark.parametrize(
    "text",
    [
        "2014-11-22",
        "2040-11-22",
        "1984-02-03",
        "2026-13-01",
        "2026-11-32",
        "12026-11-22",
        "2026-11-221",
        "v2026-11-22",
        "/2026-11-22",
        "x.2026-11-22",
        "-2026-11-22",
        "2026-11-22-3",
        "2026",
        "November 2026",
        "22-11-26",
        "2026-11",
        "20261122",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert list(find(text)) == []


FACTS = [
    "due",
    "due date:",
    "from",
    "to",
    "check-in",
    "check_in",
    "trip_start_date",
    "born on",
    "for the",
]
NO_FACTS = [
    "today is",
    "generated on",
    "created_at",
    "as of",
    "current date:",
    "",
    "started_at",
    "Date:",
]


@pytest.mark.parametrize("before", FACTS)
def test_words_that_make_a_fact(before: str) -> None:
    assert is_fact(f"{before} ")


@pytest.mark.parametrize("before", NO_FACTS)
def test_words_that_make_none(before: str) -> None:
    assert not is_fact(f"{before} ")


def test_the_name_of_the_field_counts_where_nothing_stands_before() -> None:
    assert replace("2026-11-22", lambda *_: "#", "due_date") == "2026-11-22"
    assert replace("2026-11-22", lambda *_: "#", "today") == "#"
    assert replace("now 2026-11-22", lambda *_: "#", "due_date") == "now #"


def test_times_of_day() -> None:
    assert replace("The current time is 14:05:33.", lambda *_: "#") == "The current time is #."
    assert replace("Local time: 2:05 PM now", lambda *_: "#") == "Local time: # now"
    assert replace("meeting time: 14:05", lambda *_: "#") == "meeting time: 14:05"
    assert replace("14:05", lambda *_: "#", "current_time") == "#"
    assert replace("14:05", lambda *_: "#", "opens") == "14:05"


def test_many_in_one_text() -> None:
    text = "2026-11-22 and 2026-11-23, then due 2026-11-24. " * 50
    assert replace(text, lambda *_: "#") == "# and 2026-11-23, then due 2026-11-24. " * 50
    assert len(list(find(text))) == 150


def test_long_texts_are_fast() -> None:
    import time

    text = ("a 2026 b " + "Nov " * 30) * 3000
    start = time.process_time()
    assert replace(text, lambda *_: "#") == text
    assert time.process_time() - start < 5
