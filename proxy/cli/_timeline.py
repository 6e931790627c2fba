"""A run's timeline as lines: groups, their calls, attempts, errors."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from proxy.cli._print import Column, Line, Span, table
from proxy.cli._text import UNKNOWN, duration, size, width
from proxy.core.model import CALL_KINDS, End, Event

COLUMNS = (
    Column("step"),
    Column("kind"),
    Column("status"),
    Column("latency", right=True),
    Column("ttfb", right=True),
    Column("sent", right=True),
    Column("received", right=True),
)
_EXCERPT = 200
_VIOLATIONS = 5
_DEEPEST = 3 * 40  # characters of guides; deeper levels are drawn at the same place
_ERROR = 400


class _Row(NamedTuple):
    """An event with its place in the tree: the guides before it, and those before what it says."""

    guide: str
    below: str
    event: Event


def timeline(events: Sequence[Event], room: int | None = None) -> Iterator[Line]:
    """The tree, aligned in columns under a header; an error stands below its call.

    So do a call's details where a line would be longer than `room` cells.
    """
    rows = list(_rows(events))
    lines = iter(table(COLUMNS, (_cells(row) for row in rows)))
    yield [*next(lines), ("  details", "dim")]
    for row, line in zip(rows, lines, strict=True):
        below = (f"{row.below}   ", "dim")
        more = " · ".join(details(row.event))
        taken = sum(width(text) for text, _ in line) + 2 + width(more)
        fits = room is None or taken <= room
        yield [*line, (f"  {more}", "dim")] if fits else line
        if not fits and more:
            yield [below, (more, "dim")]
        if row.event.data.get("error"):
            yield [below, (f"error: {one_line(row.event.data['error'])}", "red")]
        for text in violation_lines(row.event):
            yield [below, (text, "yellow")]


def _rows(events: Sequence[Event]) -> Iterator[_Row]:
    """Parents before children, by start; an event whose parent is not there stands at the top."""
    ids = {event.id for event in events if event.id is not None}
    ordered = sorted(events, key=lambda event: (event.started_at, event.data.get("seq") or 0))
    children: dict[int | None, list[Event]] = {}
    for event in ordered:
        parent = event.parent_event_id if event.parent_event_id in ids else None
        children.setdefault(parent, []).append(event)
    waiting = [_Row("", "", event) for event in reversed(children.pop(None, []))]
    while waiting:  # no recursion: a tree from a file may be as deep as it likes
        row = waiting.pop()
        inner = children.pop(row.event.id, []) if row.event.id is not None else []
        yield row._replace(below=row.below + ("│  " if inner else ""))
        for at, event in reversed(list(enumerate(inner))):
            last = at == len(inner) - 1
            guide = row.below + ("└─ " if last else "├─ ")
            below = row.below + ("   " if last else "│  ")
            waiting.append(_Row(guide, below if len(below) <= _DEEPEST else row.below, event))
    for _, left in sorted(children.items(), key=lambda pair: pair[0] or 0):  # rings of parents
        yield from (_Row("", "", event) for event in left)


def _cells(row: _Row) -> list[Span]:
    event, data = row.event, row.event.data
    bad = event.status == "error"
    style = "red" if bad else ""
    if event.kind not in CALL_KINDS:
        group = event.kind == "group"
        spent = event.ended_at and (event.ended_at - event.started_at) * 1000
        return [
            (f"{row.guide}{event.name}", style or "bold"),
            (event.kind, "dim"),
            ("" if group and not bad else event.status, style or "green"),
            (duration(spent) if spent else "", "dim"),
            *[("", "")] * 3,
        ]
    number = f"#{data['seq']} " if "seq" in data else ""
    return [
        (f"{row.guide}{number}{event.name}", style or "bold"),
        (event.kind, "dim"),
        (status(event), style or "green"),
        (duration(_number(data.get("latencyMs"))), ""),
        (duration(_number(data.get("ttfbMs"))), ""),
        (size(_whole(data.get("requestBytes"))), ""),
        (size(_whole(data.get("responseBytes"))), ""),
    ]


def status(event: Event) -> str:
    """The status code of a call, and how it ended if that was not well."""
    if event.kind not in CALL_KINDS:
        return event.status
    code = event.data.get("statusCode")
    end = str(event.data.get("end") or End.COMPLETE)
    parts = [str(code)] if code is not None else []
    if end != End.COMPLETE:
        parts.append(end.replace("_", " "))
    elif event.status == "error" and isinstance(code, int) and code < _ERROR:
        parts.append("with error")
    return " ".join(parts) or UNKNOWN


def details(event: Event) -> list[str]:
    """What else is known of an event, each in a few words."""
    data = event.data
    if event.kind in ("group", "validation"):
        return []
    if event.kind not in CALL_KINDS:
        rest = {key: value for key, value in data.items() if key != "error"}
        return [one_line(", ".join(f"{key}={value}" for key, value in rest.items()))]
    call = data.get("call") if isinstance(data.get("call"), dict) else {}
    assert isinstance(call, dict)  # noqa: S101 - chosen above
    return [found for found in (*_attempt(data), *_model(call), *_marks(data, call)) if found]


def violation_lines(event: Event) -> Iterator[str]:
    """What a validation found: each violation with its place, the first few of them."""
    found = event.data.get("violations") if event.kind == "validation" else None
    told = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    for one in told[:_VIOLATIONS]:
        path = f"{one.get('path')}: " if one.get("path") not in ("$", None) else ""
        yield one_line(f"{path}{one.get('message')}")
    if len(told) > _VIOLATIONS:
        yield f"and {len(told) - _VIOLATIONS} more"


def one_line(value: Any, limit: int = _EXCERPT) -> str:
    """A value's text, on one line and not too long."""
    text = " ".join(str(value).split())
    return text if width(text) <= limit else text[: limit - 1] + "…"


def _attempt(data: dict[str, Any]) -> Iterator[str]:
    attempt = data.get("attempt")
    if isinstance(attempt, int) and attempt > 1:
        after = f" after {data['retryReason']}" if data.get("retryReason") else ""
        backoff = _number(data.get("backoffMs"))
        waited = "" if backoff is None else f", waited {duration(backoff)}"
        yield f"attempt {attempt}{after}{waited}"


def _model(call: dict[str, Any]) -> Iterator[str]:
    model, served = call.get("model"), call.get("servedModel")
    if model or served:
        yield str(model or served)
    used, made = call.get("inputTokens"), call.get("outputTokens")
    if used is not None or made is not None:
        about = "~" if call.get("usage") == "estimated" else ""
        yield f"{about}{_known(used)} → {_known(made)} tokens"
    cached = call.get("cacheReadTokens")
    if cached:
        yield f"{cached} cached"
    cost = _number(call.get("costUsd"))
    if cost is not None:
        yield f"${cost:.4f}"
    finish = call.get("finishReason")
    if finish and finish not in {"stop", "end_turn", "STOP", "completed"}:
        yield str(finish)


def _marks(data: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    uses = [use for use in call.get("toolUses") or [] if isinstance(use, dict)]
    for name, same in groupby(str(use.get("name")) for use in uses):
        times = len(list(same))
        yield f"asks for {name}" + (f" x{times}" if times > 1 else "")
    found = call.get("retrieval")
    if isinstance(found, dict):
        yield f"{len(found.get('results') or [])} results"
    if data.get("frames"):
        yield f"{data['frames']} frames"
    if data.get("servedFrom"):
        yield "replayed"
    yield from (one_line(text) for text in data.get("notes") or [])


def _known(value: Any) -> str:
    return "?" if value is None else str(value)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
