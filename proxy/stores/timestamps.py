"""Unix seconds as text that sorts, and that SQL's date functions read.

Seven digits after the second: the floats of our century are 2.4e-7 s apart, so the text gives back
exactly the float it was made of.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor

_TICKS = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(256)
def _second(whole: int) -> str:
    return (_EPOCH + timedelta(seconds=whole)).isoformat()[:19]


@lru_cache(256)
def _seconds(text: str) -> int:
    return round((datetime.fromisoformat(text + "+00:00") - _EPOCH).total_seconds())


@lru_cache(256)
def to_text(seconds: float) -> str:
    """Unix seconds as `2026-11-22T12:35:47.1234567Z`; OverflowError outside years 1 to 9999."""
    whole = floor(seconds)
    ticks = round((seconds - whole) * _TICKS)
    if ticks == _TICKS:
        whole, ticks = whole + 1, 0
    return f"{_second(whole)}.{ticks:07d}Z"


def from_text(text: str) -> float:
    """What `to_text` was given; also reads other people's ISO 8601 in UTC."""
    fraction = text[20:].rstrip("Z")
    return _seconds(text[:19].replace(" ", "T")) + (float("0." + fraction) if fraction else 0.0)


def text_or_none(seconds: float | None) -> str | None:
    """`to_text`, None for None."""
    return None if seconds is None else to_text(seconds)


def float_or_none(text: str | None) -> float | None:
    """`from_text`, None for None."""
    return None if text is None else from_text(text)
