"""Where a value came from: a recorded answer, or the client.

A UUID or a time that the client made up may be another one in a replay. One that an earlier answer
contained may not: answers are replayed byte for byte, so the client that sends another value asks
for something else. This is what keeps `customer A` and `customer B` apart when both are UUIDs.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from proxy.core import plain
from proxy.core.matching import Volatile, dates, ids
from proxy.core.model import Exchange, header

if TYPE_CHECKING:
    from proxy.core.replay.fixtures import Fixture, Fixtures


class Origins:
    """For one set of fixtures; looks at them the first time it is asked."""

    def __init__(self, fixtures: "Fixtures") -> None:
        self._fixtures = fixtures
        self._answered: dict[str, int] | None = None
        self._fresh: dict[str, bool] = {}  # whether no request contained it before an answer did

    def conflict(self, recorded: tuple[Volatile, ...], live: tuple[Volatile, ...]) -> str | None:
        """Why two requests differ after all: a value that an answer contained; else None."""
        if recorded == live:
            return None
        for old, new in zip(_placed(recorded), _placed(live), strict=True):
            if old.text == new.text or not (old.firm or new.firm):
                continue
            if self.is_answered(old.text):
                return f"{old.text!r} came from a recorded answer; here it is {new.text!r}"
            if self.is_answered(new.text):
                return f"{new.text!r} came from a recorded answer; recorded here is {old.text!r}"
        return None

    def is_answered(self, text: str) -> bool:
        """Whether a value was in a recorded answer before any request contained it."""
        if self._answered is None:
            self._answered = self._look()
        first = self._answered.get(text.lower())
        if first is None:
            return False
        if text not in self._fresh:
            self._fresh[text] = not any(map(_asks(text), self._fixtures.all[: first + 1]))
        return self._fresh[text]

    def _look(self) -> dict[str, int]:
        answered: dict[str, int] = {}
        for fixture in self._fixtures.all:
            for text in _texts(fixture.load()):
                for found in _values(text):
                    answered.setdefault(found.lower(), fixture.position)
        return answered


def _asks(text: str) -> Callable[["Fixture"], bool]:
    """Whether the request of a fixture contains a value."""
    needle = text.encode()

    def check(fixture: "Fixture") -> bool:
        return text in fixture.head.target or needle in fixture.request().body

    return check


def _placed(values: tuple[Volatile, ...]) -> list[Volatile]:
    """Those that left a mark in the key: two equal keys have as many of them, in the same order."""
    return [value for value in values if value.kind in ("uuid", "date", "time")]


def _values(text: str) -> Iterator[str]:
    for start, end in ids.find_uuids(text) if "-" in text else ():
        yield text[start:end]
    for start, end, _ in dates.find(text) if "20" in text else ():
        yield text[start:end]


def _texts(exchange: Exchange) -> Iterator[str]:
    """The texts of an answer: whole, and the pieces of streamed values put together by field."""
    data = plain.answer(exchange)
    frames = [frame.data for frame in exchange.frames if not frame.from_client]
    if frames:
        yield from _joined(frames)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    yield text
    kind = header(exchange.response.headers, b"content-type") if exchange.response else None
    if kind and (b"event-stream" in kind or b"ndjson" in kind):
        lines = data.splitlines()
        yield from _joined([line.removeprefix(b"data:").strip() for line in lines if b"{" in line])


def _joined(events: list[bytes]) -> Iterator[str]:
    """The text values of JSON events, those of each field name joined: deltas become whole."""
    fields: dict[str, list[str]] = {}
    for event in events:
        try:
            _collect(orjson.loads(event), "", fields)
        except (orjson.JSONDecodeError, RecursionError):
            continue
    for pieces in fields.values():
        yield "".join(pieces)


def _collect(value: Any, field: str, fields: dict[str, list[str]]) -> None:
    if type(value) is str:
        fields.setdefault(field, []).append(value)
    elif type(value) is dict:
        for key, item in value.items():
            _collect(item, key, fields)
    elif type(value) is list:
        for item in value:
            _collect(item, field, fields)
