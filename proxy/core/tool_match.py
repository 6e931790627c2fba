"""Is this the call that the model asked for? A tool use compared with what went over the wire.

Three signs: the names have something in common, the arguments are in the request, the arguments are
the request's own. How strong they are together decides how far away a turn may be looked for.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from proxy.core import canonical, loose
from proxy.core.calls import Call, ToolUse
from proxy.core.model import RequestHead

_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])|\d+")
_EMPTY = frozenset(
    ("get", "post", "put", "patch", "delete", "http", "https", "api", "mcp", "the", "id", "tool")
)
_LONG = 4  # letters: shorter values are found anywhere
_MOST = 64  # values of one tool use that are looked for
_DEPTH = 6
_TEXT = 65_536


class Asked(NamedTuple):
    """What a request asks of a tool."""

    words: frozenset[str]
    name: str
    text: str  # all of it that may hold arguments
    input: bytes | None  # canonical


class Fit(NamedTuple):
    """How well a tool use fits: `sure` enough for another client's, `likely` for the same one's."""

    score: float
    sure: bool
    likely: bool


def asked(head: RequestHead, call: Call, body: bytes) -> Asked:
    """What is compared of a request; `body` is without its content encoding."""
    given = loose.obj(call.input) or None
    path = unquote_plus(head.target) if head.port or head.host else ""
    inside = "\n".join(_values(call.input))  # as JSON they may be escaped
    text = f"{path}\n{body[:_TEXT].decode('utf-8', 'replace')}\n{inside[:_TEXT]}"
    name = call.step.rpartition("/")[2] if call.protocol == "mcp" else call.step
    words = _words(name if call.protocol == "mcp" else f"{head.host} {head.path} {call.step}")
    return Asked(words, name, text.lower(), _canonical(given) if given else None)


def fit(use: ToolUse, request: Asked) -> Fit:
    """Compares them."""
    values = [value for _, value in zip(range(_MOST), _values(use.arguments), strict=False)]
    found = [value for value in values if value.lower() in request.text]
    share = len(found) / len(values) if values else 0.0
    telling = any(len(value) >= _LONG for value in found)
    same = bool(values) and request.input is not None
    same = same and _canonical(use.arguments) == request.input
    named = _named(use.name, request)
    score = 3.0 * same + 2.0 * named + share * (1.5 if telling else 0.5)
    sure = telling and (same or share == 1.0) and (named or same)
    by_name = named and (not values or bool(found))
    return Fit(score, sure, sure or by_name or same or (telling and share >= 0.5))  # noqa: PLR2004


def _named(name: str, request: Asked) -> bool:
    """Whether the names are one, or have a word in common that says something."""
    if request.name and (name == request.name or name.endswith(("__" + request.name,))):
        return True
    return bool(_words(name) & request.words)


def _words(text: str) -> frozenset[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return frozenset(w.removesuffix("s") for w in found if len(w) > 2) - _EMPTY  # noqa: PLR2004


def _values(value: Any, depth: int = 0) -> Iterator[str]:
    """The scalars of a tool's arguments as they would read in a request."""
    if isinstance(value, dict | list) and depth < _DEPTH:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one, depth + 1)
    elif isinstance(value, str):
        if text := value.strip():
            yield text[:200]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _canonical(value: Any) -> bytes | None:
    try:
        return canonical.canonical(value)
    except (TypeError, ValueError):
        return None
