"""Values at JSON paths, found by their place in the bytes.

A path is `$` and steps: `.name`, `['name']`, `[3]`, `[*]`, `.*`, and `..name` for any depth. A path
to an object or array means everything in it.
"""

import re
from collections.abc import Iterator, Sequence

from proxy.core.redaction import pseudonym
from proxy.core.redaction.leaves import MAX_DEPTH, decode
from proxy.core.redaction.spans import Find
from proxy.errors import ConfigError

_STEP = re.compile(
    r"(?P<deep>\.\.)?(?:\.?(?P<name>[A-Za-z_$][\w$-]*|\*)|\[(?:(?P<index>[0-9]+|\*)"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\])"
)
_TOKEN = re.compile(
    rb"\"(?P<text>(?:[^\"\\]++|\\.)*+)(?:\"|\\?\Z)|[{}\[\],:]|(?P<scalar>[^\s{}\[\],:\"]+)", re.DOTALL
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
    places: list[str] = []
    counts: list[int] = []  # -1 for an object
    name: str | None = None
    is_value = True
    deeper = 0
    for token in _TOKEN.finditer(data):
        char = token[0][:1]
        if char in b"{[":
            if len(counts) >= MAX_DEPTH:
                deeper += 1
            else:
                places.append(_place(places, counts, name))
                counts.append(-1 if char == b"{" else 0)
            name, is_value = None, char == b"["
        elif char in b"}]":
            if deeper:
                deeper -= 1
            elif counts:
                places.pop()
                counts.pop()
        elif char == b",":
            name, is_value = None, not counts or counts[-1] >= 0
            if counts and counts[-1] >= 0:
                counts[-1] += 1
        elif char == b":":
            is_value = True
        elif char == b'"' and not is_value:
            name = decode(token["text"])
        else:
            place = _place(places, counts, name)
            if any(path.fullmatch(place) for path in paths):
                yield from _value(token)


def _value(token: re.Match[bytes]) -> Iterator[Find]:
    if token["scalar"] is None:
        start, end = token.span("text")
        value = decode(token["text"]).encode("utf-8", "surrogatepass")
        if value and not pseudonym.is_whole(value):
            yield Find(start, end, value)
    elif token["scalar"] not in _WORDS:
        yield Find(*token.span("scalar"), token["scalar"], bare=True)


def _place(places: list[str], counts: list[int], name: str | None) -> str:
    if not places:
        return ""
    return f"{places[-1]}/{counts[-1] if counts[-1] >= 0 else _escaped(name or '')}"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
