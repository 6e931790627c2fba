"""The words of Dashcam as values: exchange, run, event, outcome.

Times: `*_at` are Unix seconds (float); `*_us` are integer microseconds since the exchange's
`started_at`. Bytes are as they were on the wire after transfer framing was taken off: bodies keep
their Content-Encoding, header names keep their case and order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

type Headers = tuple[tuple[bytes, bytes], ...]

_UNKEPT = re.compile(r"(?:response body|server messages|[0-9]+ messages) dropped: ")  # notes


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first value of header `name` (given in lower case), or None."""
    size = len(name)  # most names are told apart by it
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return None


class Part(NamedTuple):
    """One piece of a body as it arrived: when, and how many bytes. A chunk, or one read."""

    at_us: int
    size: int


class Frame(NamedTuple):
    """One WebSocket message (opcode 1 text, 2 binary), or a close (8: 2-byte code + reason)."""

    at_us: int
    from_client: bool
    opcode: int
    data: bytes


@dataclass(slots=True, frozen=True)
class Body:
    """A body and the pieces it came in; the sizes of `parts` add up to `len(data)`.

    Of a body that was cut inside a chunk, the last part is what came of that chunk, maybe nothing,
    and `missing` the bytes that it announced beside them.
    """

    data: bytes = b""
    parts: tuple[Part, ...] = ()
    trailers: Headers = ()
    missing: int = 0


@dataclass(slots=True, frozen=True)
class RequestHead:
    """A request's line and headers. `target` is in origin form: path and query, raw.

    `port` is 0 where there is none: over stdio.
    """

    method: str
    scheme: str
    host: str
    port: int
    target: str
    http_version: str = "HTTP/1.1"
    headers: Headers = ()

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query without its question mark; empty when there is none."""
        return self.target.partition("?")[2]

    @property
    def authority(self) -> str:
        """`host`, with the port where it is not the scheme's own."""
        usual = {"http": 80, "https": 443, "ws": 80, "wss": 443}.get(self.scheme)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (usual, 0) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(slots=True, frozen=True)
class ResponseHead:
    """A response's status line and headers."""

    status: int
    reason: str = ""
    http_version: str = "HTTP/1.1"
    headers: Headers = ()


class End(StrEnum):
    """How an exchange ended on the wire; says nothing about what its status line said."""

    COMPLETE = "complete"
    UPSTREAM_REFUSED = "upstream_refused"  # no connection: refused, unreachable, unknown name
    UPSTREAM_TLS = "upstream_tls"  # bad certificate or failed handshake
    CLIENT_TLS = "client_tls"  # the client did not take the certificate that it was shown
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_TRUNCATED = "upstream_truncated"  # closed before the message was whole
    UPSTREAM_INVALID = "upstream_invalid"  # broke the protocol
    CLIENT_GONE = "client_gone"
    CLIENT_INVALID = "client_invalid"  # a request that was refused as malformed
    REFUSED = "refused"  # by one of our guards
    MISSED = "missed"  # in replay: no recorded call matches
    INTERRUPTED = "interrupted"  # Dashcam itself ended first


@dataclass(slots=True, frozen=True)
class Own:
    """What the client told us in `Dashcam-*` request headers (removed before forwarding)."""

    run: str | None = None
    label: str | None = None
    group: str | None = None  # a path: plan/retrieve
    step: str | None = None
    parent: str | None = None  # the run this run is a child of
    replay: str | None = None  # a run id or recording name
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether the client sent any of them."""
        return self is not NO_OWN and self != NO_OWN


NO_OWN = Own()  # said nothing


@dataclass(slots=True)
class Exchange:
    """One request and its response on the wire, whatever the transport.

    `seq` is the exchange's place in its run, from 1, by the start of its request. `attempt` counts
    from 1; `retry_of` is the id of the previous attempt, `backoff_us` the time between that one's
    end and this one's start. `served_from` is the recorded exchange that a replay answered with.
    """

    id: str
    run_id: str
    seq: int
    via: str  # forward | gateway | mcp | api
    started_at: float
    request: RequestHead
    request_body: Body = Body()
    response: ResponseHead | None = None
    response_body: Body = Body()
    frames: tuple[Frame, ...] = ()
    own: Own = NO_OWN
    end: End = End.COMPLETE
    error: str | None = None
    request_end_us: int | None = None
    first_byte_us: int | None = None
    ended_us: int | None = None
    attempt: int = 1
    retry_of: str | None = None
    retry_reason: str | None = None
    backoff_us: int | None = None
    served_from: str | None = None
    durability: str = "durable"
    lane: str = ""  # which code path carried it: fast | slow | gateway | stdio
    notes: tuple[str, ...] = ()  # e.g. "body dropped: redaction failed"

    @property
    def unkept(self) -> str | None:
        """Why some of the answer was not stored; None when all of it was."""
        return next((note for note in self.notes if _UNKEPT.match(note)), None)

    @property
    def ok(self) -> bool:
        """Ended whole, with a status below 400."""
        whole = self.end is End.COMPLETE and self.response is not None
        return whole and self.response.status < 400  # type: ignore[union-attr]  # noqa: PLR2004


@dataclass(slots=True)
class Run:
    """One agent attempt. `outcome` is Completed or Failed, None while it is open."""

    id: str
    label: str
    correlation_id: str
    started_at: float
    ended_at: float | None = None
    outcome: str | None = None
    failure_mode: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class RunRow(NamedTuple):
    """A run with what a list shows of it."""

    run: Run
    calls: int
    errors: int
    reason: str | None


@dataclass(slots=True)
class Event:
    """A row of a run's timeline.

    kind: group | llm_call | tool_call | retrieval | http | validation | guard | state.
    status: ok | error. `data` is JSON-ready; a call's has `exchangeId`, `seq`, `latencyMs`,
    `ttfbMs`, `attempt`, `status`, `requestBytes`, `responseBytes` and what the wire format knows.
    Of several calls on one WebSocket the first has these, the others `exchange` and `turn`.
    """

    run_id: str
    kind: str
    name: str
    started_at: float
    ended_at: float | None = None
    status: str = "ok"
    data: dict[str, Any] = field(default_factory=dict)
    id: int | None = None
    parent_event_id: int | None = None


@dataclass(slots=True, frozen=True)
class Outcome:
    """The one verdict on a run. `source` is caller (always wins), rules, or judge.

    `evidence` are event ids.
    """

    run_id: str
    label: str
    status: str  # Completed | Failed
    failure_mode: str | None  # Tool Error | Bad Decision | Bad Output | Timeout | Cost Blowup
    reason: str | None
    retryable: bool | None
    user_impact: str | None
    created_at: float
    source: str = "rules"
    rule: str | None = None
    evidence: tuple[int, ...] = ()


@dataclass(slots=True)
class Snapshot:
    """Everything of one run, for export and replay: loss-free."""

    run: Run
    exchanges: list[Exchange] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


FAILURE_MODES = ("Tool Error", "Bad Decision", "Bad Output", "Timeout", "Cost Blowup")
CALL_KINDS = ("llm_call", "tool_call", "retrieval", "http")
