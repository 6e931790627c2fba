import time

import click
import pytest

from proxy.cli._when import Span, When, parse, span


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()


NOW = 1770889282.0  # 2026-02-12 10:41:22 in Berlin


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", NOW),
        ("90s", NOW - 90),
        ("2h", NOW - 7200),
        ("1.5 D", NOW - 129600),
        ("1w", NOW - 604800),
        ("today", 1770850800.0),
        ("Yesterday", 1770850800.0 - 86400),
        ("2026-02-12", 1770850800.0),
        ("2026-02-12T10:41:22", NOW),
        ("2026-02-12T09:41:22Z", NOW),
        ("2026-02-12 09:41:22+00:00", NOW),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse(text, NOW) == seconds


def test_yesterday_begins_at_midnight_even_when_a_day_had_23_hours() -> None:
    monday = 1774864800.0  # 2026-03-30 12:00 in Berlin; Sunday had 23 hours
    assert parse("today", monday) - parse("yesterday", monday) == 23 * 3600


@pytest.mark.parametrize("text", ["", "soon", "2x", "2026-13-01", "h"])
def test_what_is_no_point_in_time_is_said_so(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no point in time"):
        When().convert(text, None, None)


def test_span() -> None:
    assert span("30d") == 30 * 86400
    with pytest.raises(click.BadParameter, match="is no length of time"):
        Span().convert("today", None, None)
