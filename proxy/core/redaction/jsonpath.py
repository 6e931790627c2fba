"""Values at JSON paths, found by their place in the bytes.

A path is `$` and steps: `.name`, `['name']`, `[3]`, `[*]`, `.*`, and `..name` for any depth. A path
to an object or array means everything in it.
"""

import re
from collections.abc import Iterator, Sequence

from proxy.core.redaction import pseudonym
from proxy.core.redaction.spans import Find
from proxy.core.redaction.tokens import Node, plain, walk
from proxy.errors import ConfigError

_STEP = re.compile(
    r"(?P<deep>\.\.)?(?:\.?(?P<name>[A-Za-z_$][\w$-]*|\*)|\[(?:(?P<index>[0-9]+|\*)"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\])"
)
_EMPTIED = b"0"  # what a number becomes
_WORDS = (b"true", b"false", b"null", _EMPTIED)


def compile_path(path: str) -> re.Pattern[str]:
    """A path as a pattern over `/`-separated places.

    Raises:
        ConfigError: It is no path.
    """
    at, out = 1, ""
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            break
        at = step.end()
        name = step["name"] or step["index"] or step["single"] or step["double"] or ""
        out += "(?:/[^/]*)*" if step["deep"] else ""
        out += "/[^/]*" if name == "*" else "/" + re.escape(_escaped(name))
    if not path.startswith("$") or at < len(path) or not out:
        raise ConfigError(
            f"redaction path {path!r} cannot be read", hint="like $.user.ssn or $.items[*].name"
        )
    return re.compile(out + "(?:/.*)?", re.DOTALL)


def find(data: bytes, paths: Sequence[re.Pattern[str]]) -> Iterator[Find]:
    """The values in the JSON document `data` at any of `paths`: strings and numbers."""
    pointers: dict[Node, str] = {}
    for value in walk(data):
        if value.node is None:
            continue
        pointer = f"{_pointer(value.node, pointers)}/{_escaped(value.place)}"
        if not any(path.fullmatch(pointer) for path in paths):
            continue
        raw = data[value.start : value.end]
        if value.is_string and raw and not pseudonym.is_whole(raw):
            yield Find(value.start, value.end, plain(raw))
        elif not value.is_string and raw not in _WORDS:
            yield Find(value.start, value.end, raw, bare=True)


def _pointer(node: Node, pointers: dict[Node, str]) -> str:
    if node.parent is None:
        return ""
    if node not in pointers:
        pointers[node] = f"{_pointer(node.parent, pointers)}/{_escaped(node.place)}"
    return pointers[node]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
