"""The normalised matcher: two requests are one if only what changes from run to run differs.

Dates, UUIDs, tool-call ids, paths of temporary files, boundaries, key order, JSON-RPC ids, trace
contexts and Anthropic's billing header do not count; everything else does. docs/matching.md says
what exactly, and what is deliberately kept.
"""

import re
from typing import Any, Final, NamedTuple

from proxy.core import canonical
from proxy.core.matching import bodies, ids, ignore
from proxy.core.matching._api import Key, MatchRequest, Volatile
from proxy.core.matching.headers import content_headers
from proxy.core.matching.trees import Normaliser
from proxy.core.model import header

_GOOGLE: Final = (".googleapis.com", ".google.com")
_JSON: Final = re.compile(rb"[ \t\r\n]*[\[{]")
# In a path a UUID names a thing, but for these, which a client makes up.
_MADE_UP: Final = re.compile(
    r"(?<=/)(sessions?|runs?|threads?|conversations?|traces?|requests?|uploads?)/"
    r"([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})(?=/|$)"
)


class View(NamedTuple):
    """A request as it is compared: a JSON-ready tree, and what was left out of it."""

    tree: dict[str, Any]
    left_out: tuple[Volatile, ...]


def view(request: MatchRequest) -> View:
    """The normalised request: method, host, path, query, headers, body."""
    head, rules, step = request.head, request.ignore, request.step
    regexes = map(ignore.regex, ignore.patterns(rules, "regex", step))
    normaliser = Normaliser(regexes)
    fields = ignore.patterns(rules, "query", step)
    if head.host.endswith(_GOOGLE):
        fields += ("key",)  # an API key there; anywhere else it may be anything
    skipped = frozenset(name.lower() for name in ignore.patterns(rules, "header", step))
    content_type = (header(head.headers, b"content-type") or b"").decode("latin-1")
    tree = {
        "method": head.method.upper(),
        "host": head.authority.lower(),
        "path": _path(head.path, normaliser),
        "query": bodies.form(head.query, normaliser, fields),
        "headers": content_headers(head.headers, skipped),
        "body": bodies.tree(
            request.body,
            content_type,
            normaliser,
            paths=ignore.patterns(rules, "json", step),
            fields=fields,
        ),
    }
    return View(tree, tuple(normaliser.left_out))


def key(request: MatchRequest) -> Key:
    """Equal for requests that differ only in what is volatile."""
    tree, left_out = view(request)
    return Key(canonical.digest(canonical.canonical(tree)), left_out)


def place(request: MatchRequest) -> tuple[str, str, str]:
    """Method, host and path as they are compared: requests with equal keys have equal places.

    The port is not part of it, so that a local service that moved can be found.
    """
    head = request.head
    regexes = map(ignore.regex, ignore.patterns(request.ignore, "regex", request.step))
    return head.method.upper(), head.host.lower(), _path(head.path, Normaliser(regexes))


def shape(request: MatchRequest) -> tuple[int, int] | None:
    """Two counts that requests with equal keys share, had without parsing; None if there are none.

    Nothing volatile has a brace or a bracket in it. Ignore rules and JSON-RPC may take some out.
    """
    body, rules = request.body, request.ignore
    if _JSON.match(body) is None or b'"jsonrpc"' in body:
        return None
    if any(ignore.patterns(rules, target, request.step) for target in ("json", "regex")):
        return None
    return body.count(b"{"), body.count(b"[")


def _path(path: str, normaliser: Normaliser) -> str:
    if "-" in path:
        path = _MADE_UP.sub(lambda match: f"{match[1]}/{normaliser.found('uuid', match[2])}", path)
    return ids.secrets(normaliser.ignored(path), normaliser.found)
