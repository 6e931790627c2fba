"""All declared schemas, and which of them a request is under."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import Final

from proxy.core.model import RequestHead
from proxy.core.schemas.declared import ENFORCE, OBSERVE, Declared, Route, Rule, segments
from proxy.core.wire.mcp import STDIO, server, speaks

_MCP: Final = "mcp:"


class Book:
    """Declared schemas by host and by tool; `rules` set modes by name, the first that fits wins."""

    def __init__(self, declared: Iterable[Declared] = (), rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self.declared: tuple[Declared, ...] = tuple(
            replace(one, mode=self.mode(one.name, one.mode)) for one in declared
        )
        self._hosts: dict[str, list[tuple[Route, Declared]]] = {}
        self._patterns: list[tuple[Route, Declared]] = []
        self._tools: dict[str, Declared] = {}
        for one in self.declared:
            self._file(one)
        for routes in (*self._hosts.values(), self._patterns):
            routes.sort(key=lambda pair: pair[0].vague)

    def __bool__(self) -> bool:
        return bool(self.declared or self._rules)

    def _file(self, one: Declared) -> None:
        if one.route is not None:
            found = self._hosts.setdefault(one.route.host, []) if one.route.literal else None
            (self._patterns if found is None else found).append((one.route, one))
        if one.tool is not None:
            self._tools.setdefault(one.tool.removeprefix(_MCP), one)

    def mode(self, name: str, default: str = OBSERVE) -> str:
        """How strictly a schema of that name is meant."""
        return next((r.mode for r in self._rules if fnmatchcase(name, r.glob)), default)

    def of_request(self, head: RequestHead, step: str | None = None) -> Declared | None:
        """The schema of a plain HTTP call; `step` is what its client calls it."""
        routes = self._hosts.get(head.authority) or self._hosts.get(head.host)
        if routes is not None or self._patterns:
            path = segments(head.path)
            for route, one in chain(routes or (), self._patterns):
                known = route.literal or route.covers(head.host) or route.covers(head.authority)
                if known and route.leads_to(head.method, path):
                    return one
        if not self._tools:
            return None
        named = self._tools.get(step) if step is not None else None
        return named or self._tools.get(head.path.rstrip("/").rpartition("/")[2])

    def of_tool(self, step: str) -> Declared | None:
        """The schema of an MCP tool by its step, `mcp:server/tool`."""
        name = step.removeprefix(_MCP)
        return self._tools.get(name) or self._tools.get(name.rpartition("/")[2])


class Enforced:
    """What of a book is enforced: asked of every request, so it costs a look-up or two."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._own = Book([one for one in book.declared if one.mode == ENFORCE])
        globs = [rule.glob for rule in book._rules if rule.mode == ENFORCE]  # noqa: SLF001 - of one kind
        self._servers = [glob for glob in globs if glob.startswith((_MCP, "*"))]
        if any(one.tool is not None for one in self._own.declared):
            self._servers.append("*")

    def __bool__(self) -> bool:
        return bool(self._own.declared or self._servers)

    def holds(self, head: RequestHead, step: str | None = None) -> bool:
        """Whether a request, and its answer, must be seen whole before they go on."""
        if self._servers and (head.scheme == STDIO or speaks(head)):
            return self.holds_server(server(head))
        return self._own.of_request(head, step) is not None

    def holds_server(self, name: str) -> bool:
        """Whether a tool of this MCP server may be under an enforced schema."""
        return any(
            fnmatchcase(f"{_MCP}{name}/", glob)
            or fnmatchcase(f"{_MCP}{name}", glob.rpartition("/")[0])
            for glob in self._servers
        )
