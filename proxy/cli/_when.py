"""Points in time as people say them: `2h`, `3d`, `today`, `2026-02-12`, `2026-02-12T09:41`."""

import re
import time
from datetime import datetime, timedelta
from typing import override

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def span(text: str) -> float:
    """`90s`, `2h`, `3d` in seconds; ValueError for anything else."""
    match = _AGO.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(text)
    return float(match[1]) * _UNITS[match[2]]


def parse(text: str, now: float) -> float:
    """Unix seconds; a time without a zone is local. ValueError for what is none of these."""
    word = text.strip().lower()
    if word == "now":
        return now
    if word in {"today", "yesterday"}:
        midnight = (
            datetime.fromtimestamp(now)
            .astimezone()
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        back = timedelta(days=word == "yesterday")
        return (midnight.replace(tzinfo=None) - back).astimezone().timestamp()
    if _AGO.fullmatch(word):
        return now - span(word)
    return datetime.fromisoformat(text.strip()).astimezone().timestamp()


class When(click.ParamType[float]):
    """An option's value that is a point in time."""

    name = "when"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse(str(value), time.time())
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no point in time: use 2h, 3d, today, yesterday or 2026-02-12T09:41",
                param,
                ctx,
            )


class Span(click.ParamType[float]):
    """An option's value that is a length of time, in seconds."""

    name = "span"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return span(str(value))
        except ValueError:
            self.fail(f"{value!r} is no length of time: use 90s, 2h, 3d or 4w", param, ctx)
