"""One declared schema: what it is of, how strictly it is meant, and where it applies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Self

OBSERVE, WARN, ENFORCE = MODES = ("observe", "warn", "enforce")

_MATCH = re.compile(r"(?:([A-Za-z]+|\*)\s+)?(?:[a-z][a-z+.-]*://)?([^/\s]+)(/\S*)?")
_ONE = re.compile(r"\*|\{[^{}]*\}")
_REST = "**"


class Rule(NamedTuple):
    """How strictly the schemas are meant whose names `glob` matches."""

    glob: str
    mode: str


class Route(NamedTuple):
    """Requests by method (None: any), host or host:port (`*` for any part), and path.

    A segment `{…}` or `*` stands for any one, `**` at the end for any number of them.
    """

    method: str | None
    host: str
    segments: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """From `GET crm.example.com/customers/{id}`. Raises ValueError."""
        found = _MATCH.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not of the form METHOD HOST/PATH")
        method = found[1].upper() if found[1] not in (None, "*") else None
        return cls(method, found[2].lower(), segments(found[3] or "/**"))

    @property
    def literal(self) -> bool:
        """Whether the host is one host."""
        return "*" not in self.host

    @property
    def vague(self) -> tuple[bool, int, bool]:
        """Sorts the more exact routes first."""
        anything = sum(1 for segment in self.segments if _ONE.fullmatch(segment))
        return _REST in self.segments, anything, self.method is None

    def leads_to(self, method: str, path: tuple[str, ...]) -> bool:
        """Whether a request of this host is meant; `path` as `segments` gives it."""
        if self.method is not None and self.method != method:
            return False
        own = self.segments
        if own and own[-1] == _REST:
            own = own[:-1]
            path = path[: len(own)]
        if len(own) != len(path):
            return False
        return all(
            mine == theirs or _ONE.fullmatch(mine) is not None
            for mine, theirs in zip(own, path, strict=True)
        )

    def covers(self, host: str) -> bool:
        """Whether a host is meant by a pattern."""
        return fnmatchcase(host, self.host)


def segments(path: str) -> tuple[str, ...]:
    """A path's segments; a slash at the end does not count."""
    return tuple(path.strip("/").split("/")) if path.strip("/") else ()


@dataclass(slots=True, frozen=True)
class Declared:
    """A schema of a tool's request, of its answers by status (`200`, `2XX`, `default`), or both.

    It applies to requests on its `route`, or to the tool named `tool`: the step's name, an MCP
    tool (`server/tool` or its bare name), or the last segment of a path. `query` is a schema of the
    query as an object. `source` is the file it was read from.
    """

    name: str
    source: str = ""
    mode: str = OBSERVE
    tool: str | None = None
    route: Route | None = None
    request: Mapping[str, Any] | None = None
    query: Mapping[str, Any] | None = None
    responses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    body_needed: bool = True

    def response(self, status: int) -> Mapping[str, Any] | None:
        """The schema of an answer with this status; errors are answers that nobody relies on."""
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
            return None
        kinds = (str(status), f"{status // 100}XX", "default")
        return next((self.responses[kind] for kind in kinds if kind in self.responses), None)
