"""A run as a Markdown report: the facts, the timeline, and every call with its bodies."""

import re
from collections.abc import Iterator
from typing import Final

from proxy.core.model import Event, Exchange, Snapshot
from proxy.core.outcomes import iso
from proxy.exporters import _views

MAX_BODY: Final = 4_000  # characters of one body; a report is for reading

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_FENCE: Final = re.compile(r"`{3,}")


def export(snapshot: Snapshot) -> Iterator[bytes]:
    """The report, a section at a time."""
    yield from (line.encode("utf-8", "replace") for line in _lines(snapshot))


def _lines(snapshot: Snapshot) -> Iterator[str]:
    yield f"# {_plain(snapshot.run.label)}\n\n| | |\n|---|---|\n"
    for name, value in _views.facts(snapshot):
        yield f"| {_plain(name)} | {_plain(value)} |\n"
    yield "\n## Timeline\n\n| # | call | status | took | first byte | sent | received |\n"
    yield "|---|---|---|---|---|---|---|\n"
    calls = list(_views.calls(snapshot))
    for exchange, event in calls:
        yield _row(exchange, event)
    yield "\n## Calls\n"
    for exchange, event in calls:
        yield from _call(exchange, event)


def _row(exchange: Exchange, event: Event | None) -> str:
    attempt = f" (attempt {exchange.attempt})" if exchange.attempt > 1 else ""
    cells = (
        str(exchange.seq),
        _plain(_views.headline(exchange, event) + attempt),
        _plain(_views.status(exchange)),
        _views.duration(exchange.ended_us),
        _views.duration(exchange.first_byte_us),
        str(len(exchange.request_body.data)),
        str(len(exchange.response_body.data)),
    )
    return f"| {' | '.join(cells)} |\n"


def _call(exchange: Exchange, event: Event | None) -> Iterator[str]:
    yield f"\n### {exchange.seq}. {_plain(_views.headline(exchange, event))}\n\n"
    yield f"{_plain(exchange.request.method)} {_plain(exchange.request.url)}\n\n"
    yield f"{iso(exchange.started_at)}, {_plain(_views.status(exchange))}\n"
    error = exchange.error or (event.data.get("error") if event else None)
    if error:
        yield f"\nError: {_plain(str(error))}\n"
    yield from _body("Request", _views.request_body(exchange))
    yield from _body("Response", _views.response_body(exchange))
    for frame in exchange.frames:
        side = "client" if frame.from_client else "server"
        yield from _body(f"{_views.duration(frame.at_us)}: {side}", frame.data)


def _body(title: str, data: bytes) -> Iterator[str]:
    if not data:
        return
    text = _views.pretty(data, MAX_BODY)
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    kind = "json" if text.startswith(("{", "[")) else "text"
    yield f"\n{title}:\n\n{fence}{kind}\n{text}\n{fence}\n"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
