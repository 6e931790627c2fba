"""From the lines of a stdio MCP connection to exchanges: a request with its response is one.

Every line that passes is in exactly one exchange, byte for byte with its line end. A response's
body holds, before the response, what the server reported about its request: progress by its token,
anything else while it is the only one. Notifications are exchanges of their own, accepted at once.
What the server sends first is told by the target `/client`. A batch is one exchange.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from proxy.core import jsonrpc, loose
from proxy.core.model import Body, End, Exchange, Part, RequestHead, ResponseHead
from proxy.core.schemas.enforcing import WITHHELD
from proxy.core.wire.mcp import FROM_SERVER, STDIO, TOO_LATE
from proxy.engine.clock import new_id
from proxy.mcp.framing import Stop

_VERSION = "stdio"
_CANCELLED = "notifications/cancelled"
_PROGRESS = "notifications/progress"

type Key = tuple[bool, str]  # who asked (True: the client), and the id


@dataclass(slots=True)
class _Open:
    """A request that waits for its response."""

    from_client: bool
    at: int
    line: bytes
    waiting: set[str]
    tokens: frozenset[str]
    answer: list[tuple[int, bytes]] = field(default_factory=list)
    cancelled: bool = False
    stopped: Stop | None = None


class Pairing:
    """One connection. Times are microseconds of any clock; `wall` is Unix seconds at its 0."""

    def __init__(self, server: str, run_id: str, wall: float) -> None:
        self.server = server
        self._run_id = run_id
        self._wall = wall
        self._open: dict[Key, _Open] = {}

    def line(self, at: int, *, from_client: bool, data: bytes) -> list[Exchange]:
        """The exchanges that a line (with its line end) completes."""
        found = jsonrpc.messages(loose.parse(data).value)
        asked = jsonrpc.of_kind(found, "request")
        if asked:
            return self._ask(at, asked, from_client=from_client, data=data)
        if answers := jsonrpc.of_kind(found, "response"):
            return self._answer(at, answers, from_client=from_client, data=data)
        if not data.strip():
            return []
        if from_client:
            self._cancel(found)
        elif (owner := self._owner(found)) is not None:
            owner.answer.append((at, data))
            return []
        return [self._told(at, from_client=from_client, data=data)]

    def stopped(self, stop: Stop) -> None:
        """A schema stopped these calls of the client, or their answer."""
        for key in stop.keys:
            if (one := self._open.get((True, key))) is not None:
                one.stopped = stop

    def ended(self, at: int, error: str, *, by_client: bool) -> list[Exchange]:
        """What was still waiting when the connection ended, and why it got no response."""
        waiting = list({id(one): one for one in self._open.values()}.values())
        self._open.clear()
        return [self._cut(one, at, error, by_client=by_client) for one in waiting]

    def _ask(
        self, at: int, asked: Sequence[jsonrpc.Message], *, from_client: bool, data: bytes
    ) -> list[Exchange]:
        keys = {jsonrpc.key(message) for message in asked}
        tokens = (jsonrpc.meta(message).get("progressToken") for message in asked)
        known = frozenset(loose.dumps(token).decode() for token in tokens if token is not None)
        opened = _Open(from_client, at, data, keys, known)
        reused: dict[int, _Open] = {}
        for key in keys:
            before = self._open.pop((from_client, key), None)
            if before is not None:
                reused[id(before)] = before
            self._open[from_client, key] = opened
        why = "its id was used again before it had a response"
        return [self._cut(one, at, why, by_client=True) for one in reused.values()]

    def _answer(
        self, at: int, answers: Sequence[jsonrpc.Message], *, from_client: bool, data: bytes
    ) -> list[Exchange]:
        keys = [(not from_client, jsonrpc.key(message)) for message in answers]
        owners = {id(one): one for key in keys if (one := self._open.pop(key, None)) is not None}
        if not owners:
            return [self._told(at, from_client=from_client, data=data)]
        owner = next(iter(owners.values()))
        owner.answer.append((at, data))
        done = []
        for one in owners.values():
            one.waiting -= {key for _, key in keys}
            if not one.waiting:
                done.append(self._whole(one, at))
        return done

    def _owner(self, told: Sequence[jsonrpc.Message]) -> _Open | None:
        """The client's request that a notification of the server is about."""
        waiting = {id(one): one for (mine, _), one in self._open.items() if mine}
        for message in told:
            if jsonrpc.method(message) == _PROGRESS:
                token = loose.dumps(jsonrpc.params(message).get("progressToken")).decode()
                return next((one for one in waiting.values() if token in one.tokens), None)
        return next(iter(waiting.values())) if told and len(waiting) == 1 else None

    def _cancel(self, told: Iterable[jsonrpc.Message]) -> None:
        for message in told:
            if jsonrpc.method(message) == _CANCELLED:
                key = loose.dumps(jsonrpc.params(message).get("requestId")).decode()
                if (one := self._open.get((True, key))) is not None:
                    one.cancelled = True

    def _whole(self, one: _Open, at: int) -> Exchange:
        made = self._exchange(one, at, ResponseHead(200, http_version=_VERSION))
        if one.cancelled:
            made.notes = (TOO_LATE,)
        if one.stopped is not None:
            made.end, made.error = End.REFUSED, one.stopped.reason
            made.notes += (WITHHELD,) if one.stopped.withheld else ()
        return made

    def _cut(self, one: _Open, at: int, error: str, *, by_client: bool) -> Exchange:
        head = ResponseHead(200, http_version=_VERSION) if one.answer else None
        made = self._exchange(one, at, head)
        left = by_client or one.cancelled or not one.from_client
        made.end = End.CLIENT_GONE if left else End.UPSTREAM_TRUNCATED
        made.error = "the client cancelled it" if one.cancelled else error
        return made

    def _told(self, at: int, *, from_client: bool, data: bytes) -> Exchange:
        """A line that asks for no response."""
        one = _Open(from_client, at, data, set(), frozenset())
        return self._exchange(one, at, ResponseHead(202, http_version=_VERSION))

    def _exchange(self, one: _Open, at: int, head: ResponseHead | None) -> Exchange:
        target = "/" if one.from_client else FROM_SERVER
        return Exchange(
            id=new_id("ex"),
            run_id=self._run_id,
            seq=0,
            via="mcp",
            lane="stdio",
            started_at=self._wall + one.at / 1e6,
            request=RequestHead("POST", STDIO, self.server, 0, target, _VERSION),
            request_body=Body(one.line, (Part(0, len(one.line)),)),
            response=head,
            response_body=_body(one.answer, one.at),
            request_end_us=0,
            first_byte_us=one.answer[0][0] - one.at if one.answer else None,
            ended_us=at - one.at,
        )


class Lines:
    """Cuts one direction's bytes into lines, at LF only: a string may hold any other line end."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The lines, with their ends, that `data` completes."""
        *whole, rest = data.split(b"\n")
        if not whole:
            self._rest.append(data)
            return []
        whole[0] = b"".join((*self._rest, whole[0]))
        self._rest = [rest] if rest else []
        return [line + b"\n" for line in whole]

    def close(self) -> list[bytes]:
        """The line that has no end, if there is one."""
        rest = b"".join(self._rest)
        self._rest.clear()
        return [rest] if rest else []


def _body(pieces: Sequence[tuple[int, bytes]], start: int) -> Body:
    parts = tuple(Part(at - start, len(data)) for at, data in pieces)
    return Body(b"".join(data for _, data in pieces), parts)
