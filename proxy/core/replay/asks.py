"""What a stdio MCP server asked its client while it worked on a call: sampling, elicitation, roots.

On the wire nothing says which call a request of the server belongs to: it is the call that began
last of those that were open then. What was asked outside of any call is not asked again.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from proxy.core import jsonrpc, loose
from proxy.core.model import Exchange
from proxy.core.wire.mcp import FROM_SERVER, STDIO

_CALL = "tools/call"


class Ask(NamedTuple):
    """A line of the server's, `before` lines of its answer to the call had come before it."""

    before: int
    line: bytes


class _Call(NamedTuple):
    id: str
    server: str
    began: float
    lines: tuple[float, ...]  # when each line of its answer came


class Asks:
    """Looks at the exchanges of a run, in any order."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._asked: list[tuple[str, float, bytes]] = []

    def add(self, exchange: Exchange) -> None:
        """The next exchange."""
        head, began = exchange.request, exchange.started_at
        if head.scheme != STDIO:
            return
        line = exchange.request_body.data
        asked = jsonrpc.of_kind(jsonrpc.messages(loose.parse(line).value), "request")
        if not asked:
            return
        if head.target == FROM_SERVER:
            self._asked.append((head.host, began, line))
        elif jsonrpc.method(asked[0]) == _CALL:
            came = tuple(began + part.at_us / 1e6 for part in exchange.response_body.parts)
            self._calls.append(_Call(exchange.id, head.host, began, came))

    def found(self) -> Mapping[str, tuple[Ask, ...]]:
        """What was asked in each call, by the id of its exchange."""
        found: dict[str, list[Ask]] = defaultdict(list)
        for server, at, line in sorted(self._asked, key=lambda one: one[1]):
            open_then = [
                call
                for call in self._calls
                if call.server == server and call.lines and call.began <= at <= call.lines[-1]
            ]
            if open_then:
                owner = max(open_then, key=lambda call: call.began)
                before = sum(came < at for came in owner.lines)
                found[owner.id].append(Ask(min(before, len(owner.lines) - 1), line))
        return {owner: tuple(asks) for owner, asks in found.items()}
