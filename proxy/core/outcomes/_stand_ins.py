"""A tool that did what another one could not: agents fall back on other tools.

It must have been asked for the same, be of the same kind by its name or path, and have answered.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from proxy.core import loose, steps
from proxy.core.model import End, Event

_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])")
_VERSION = re.compile(r"v\d+\w*")
_EMPTY = frozenset(
    (
        *("get", "post", "put", "patch", "delete", "http", "https", "api", "mcp", "com", "org"),
        *("primary", "secondary", "backup", "fallback", "main", "alt", "replica", "mirror"),
    )
)
_DEPTH = 4
_ERROR = 400


def stand_in(bad: Event, ordered: Sequence[Event]) -> Event | None:
    """The first later call that was asked for the same and did it; None when there is none."""
    if bad.kind == "llm_call":
        return None
    wanted = set(_values(bad))
    if not wanted:
        return None
    for event in ordered:
        later = event.started_at > bad.started_at and event.kind != "llm_call"
        if later and _well(event) and _alike(bad, event) and wanted <= set(_values(event)):
            return event
    return None


def _well(event: Event) -> bool:
    code = event.data.get("statusCode")
    whole = str(event.data.get("end") or End.COMPLETE) == End.COMPLETE
    return event.status == "ok" and whole and not (isinstance(code, int) and code >= _ERROR)


def _alike(bad: Event, other: Event) -> bool:
    """Whether they are of one kind: the same path elsewhere or in another version, a like name."""
    one, two = (urlsplit(str(event.data.get("url") or "")) for event in (bad, other))
    if bad.name.startswith("mcp:") and other.name.startswith("mcp:"):
        return bad.name != other.name and _tail(bad) == _tail(other)
    if bad.name.startswith("mcp:") or other.name.startswith("mcp:"):
        return bool(_tail(bad) & _tail(other))
    same = _plain(one.path) == _plain(two.path)
    if one.netloc == two.netloc:
        return same and one.path != two.path
    return same or (bool(_tail(bad)) and _tail(bad) == _tail(other))


def _plain(path: str) -> list[str]:
    """A path without its version and its ids."""
    return [p for p in steps.template(path).split("/") if p and not _VERSION.fullmatch(p)]


def _tail(event: Event) -> frozenset[str]:
    """The words of a tool's name, or of the last part of a path that has any."""
    if event.name.startswith("mcp:"):
        parts = [event.name.rpartition("/")[2]]
    else:
        parts = _plain(urlsplit(str(event.data.get("url") or "")).path)[::-1]
    for part in parts:
        words = frozenset(word.lower().removesuffix("s") for word in _WORD.findall(part)) - _EMPTY
        if words and part != steps.ID:
            return words
    return frozenset()


def _values(event: Event) -> Iterator[str]:
    """What a call was asked for: its arguments, or its query and the ids in its path."""
    given = loose.obj(event.data.get("call")).get("input")
    yield from _scalars(given)
    if event.name.startswith("mcp:"):
        return
    url = urlsplit(str(event.data.get("url") or ""))
    yield from (value.lower() for _, value in parse_qsl(url.query) if value)
    yield from (one.lower() for one in steps.path_ids(url.path))


def _scalars(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, dict | list) and depth < _DEPTH:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _scalars(one, depth + 1)
    elif isinstance(value, str) and value.strip():
        yield value.strip().lower()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
