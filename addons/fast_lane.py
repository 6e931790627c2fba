"""The fast lane: HTTP/1.1 between a client and its upstream, in place of mitmproxy's HTTP layer.

Heads are parsed once, bodies only counted; the bytes themselves go through as they came, a copy to
the recorder. The end of an answer is held until its record is safe. A request that could be read
in two ways is refused. After an upgrade both directions are relayed, WebSocket messages are noted.
"""

import functools
import time
from collections.abc import Generator
from typing import Any, override

from mitmproxy.proxy import commands, context, events

from addons._lane import Commands
from addons.heads import absolute, upstream_head
from addons.hooks import WaitHook
from addons.limits import USUAL, ClientLimits
from addons.playing import Playing
from addons.pooled import PooledServer
from addons.relaying import Relaying
from proxy.core.correlation import Peer
from proxy.core.decisions import Address, Forward, Refuse, Serve
from proxy.core.http1 import (
    Framing,
    Head,
    body_reader,
    head_end,
    keeps_alive,
    parse_request,
    request_framing,
)
from proxy.core.http1_messages import (
    CONTINUE,
    body_bytes,
    expects_continue,
    rendered,
)
from proxy.core.http1_response import ResponseStream, response_head
from proxy.core.model import End, RequestHead
from proxy.engine.endings import ABRUPT
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx
from proxy.engine.upstream import STALE
from proxy.errors import FormatError

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})
_PIPELINE_LIMIT = 1 << 20


class FastLane(Playing, Relaying):
    """One client connection.

    `origin` is the scheme, host and port inside a tunnel; None for a plain proxy connection, whose
    requests carry them in their targets.
    """

    def __init__(
        self,
        ctx: context.Context,
        engine: Engine,
        peer: Peer,
        origin: tuple[str, str, int] | None,
        limits: ClientLimits = USUAL,
    ) -> None:
        super().__init__(ctx, engine)
        self._limits = limits
        self._scanned = 0  # bytes of an incomplete head that were looked at
        self._patience: commands.RequestWakeup | None = None  # it ends when this is over
        self._peer = peer
        self._origin = origin
        self._sent = False  # something of the answer has reached the client
        self._retried = False
        self._upstream_head = b""

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.DataReceived):
            if event.connection is self.context.client:
                yield from self._from_client(event.data)
            elif event.connection is self._server:
                yield from self._from_server(event.data)
        elif isinstance(event, events.ConnectionClosed):
            if event.connection is self.context.client:
                yield from self._client_closed()
            elif event.connection is self._server:
                yield from self._server_closed()
        elif isinstance(event, events.Wakeup) and event.command is self._patience:
            said = f"its head did not come whole in {self._limits.head:g} s"
            yield from self._malformed(said, 408)

    @property
    def idle(self) -> bool:
        """Whether it is between two requests."""
        between = self._tx is None and self._relay is None and not self._input
        return between and self._paused is None  # else an answer's end waits for its record

    @property
    def upload_waits(self) -> bool:
        """Whether the upstream takes less than the client sends."""
        connection = self._server.connection if self._server is not None else None
        return connection is not None and connection.is_full

    # From the client.

    def _from_client(self, data: bytes) -> Commands:
        if self._closed:
            return
        if self._relay is not None:
            yield from self._relayed(data, from_client=True)
            return
        if self._talk is not None:
            yield from self._heard(self._talk, data)
            return
        self._input = self._input + data if self._input else data
        if len(self._input) > _PIPELINE_LIMIT and self._tx is not None and self._body is None:
            yield from self._close_client()
            return
        yield from self._pump()

    @override
    def _pump(self) -> Commands:
        while self._input and not self._closed:
            if self._tx is None:
                try:
                    end = head_end(self._input, self._scanned, self._limits.head_bytes)
                    if end < 0:
                        yield from self._wait_for_head()
                        return
                    head = parse_request(self._input)
                    framing = request_framing(head)
                    request = self._request_head(head)
                except FormatError as error:
                    yield from self._malformed(str(error))
                    return
                self._scanned, self._patience = 0, None
                raw, self._input = self._input[:end], self._input[end:]
                yield from self._begin(head, framing, request, raw)
            elif self._body is not None:
                yield from self._request_body()
            else:
                return  # a pipelined request waits for its turn

    def _wait_for_head(self) -> Commands:
        """A part of a head is here; the rest of it must come in time."""
        self._scanned = len(self._input)
        if self._patience is None:
            self._patience = commands.RequestWakeup(self._limits.head)
            yield self._patience

    def _request_head(self, head: Head) -> RequestHead:
        target = head.target.decode("latin-1")
        method = head.method.decode("ascii")
        if self._origin is not None:
            if not target.startswith("/") and not (target == "*" and method == "OPTIONS"):
                raise FormatError("the target is not in origin form")
            scheme, host, port = self._origin
        else:
            scheme, host, port, target = absolute(target)
        return RequestHead(
            method, scheme, host, port, target, head.version.decode("ascii"), head.headers
        )

    def _begin(self, head: Head, framing: Framing, request: RequestHead, raw: bytes) -> Commands:
        self._head = head
        tx = self._tx = self._engine.begin(request, self._peer, via="forward", lane="fast")
        self._sent = self._retried = False
        self._answer = ResponseStream(head.method)
        self._upstream_head = upstream_head(head, request, raw, self._origin is None)
        self._body = body_reader(framing)
        if framing.length == 0:
            self._body = None
            tx.request_end()
        if tx.hold:
            if self._body is None:
                yield from self._decide_held()
            elif expects_continue(head):
                yield commands.SendData(self.context.client, CONTINUE)
            return
        decision = self._engine.decide(tx)
        if isinstance(decision, Forward):
            yield from self._forward(decision.address)
        elif isinstance(decision, Refuse):
            yield from self._refuse(decision, decision.end)

    def _request_body(self) -> Commands:
        tx, body, server = self._tx, self._body, self._server
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert body is not None  # noqa: S101 - likewise
        try:
            fed = body.feed(self._input)
        except FormatError as error:
            yield from self._finish(End.CLIENT_INVALID, str(error))
            if self._sent:
                yield from self._close_client()
            else:
                yield from self._malformed(str(error))
            return
        passed, self._input = self._input[: fed.used], self._input[fed.used :]
        tx.request_data(*fed.pieces)
        if fed.done:
            self._body = None
            tx.request_end(body.trailers)
        if tx.hold:
            if fed.done:
                yield from self._decide_held()
        elif server is not None:
            yield commands.SendData(server, passed)

    def _decide_held(self) -> Commands:
        tx = self._tx
        assert tx is not None  # noqa: S101 - only called while a request is open
        decision = self._engine.decide_at_once(tx)
        if decision is None:
            found: list[Forward | Serve | Refuse] = []

            async def decide() -> None:
                found.append(await self._engine.decide_held(tx))

            yield WaitHook(decide)
            if not found:  # it failed, and was logged
                yield from self._drop(End.INTERRUPTED, "the replay could not decide")
                return
            decision = found[0]
        if isinstance(decision, Serve):
            yield from self._serve(decision)
        elif isinstance(decision, Refuse):
            yield from self._refuse(decision, decision.end)
        else:
            if tx.rewritten:
                self._upstream_head = rendered(tx.exchange.request)
            yield from self._forward(decision.address)
            if self._server is not None and self._tx is tx:
                yield commands.SendData(self._server, self._body_again())

    def _client_closed(self) -> Commands:
        # A client that only sends no more looks the same; that one was heard is worth less here.
        yield from self._drop(End.CLIENT_GONE, "the client closed the connection")

    # To the upstream.

    def _forward(self, address: Address, *, fresh: bool = False) -> Commands:
        tx, head = self._tx, self._head
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert head is not None  # noqa: S101 - likewise
        server = self._server
        if server is not None and (
            fresh or server.target != address or not self._trusted(server, head)
        ):
            yield from self._let_go()
            server = None
        if server is None:
            server = PooledServer(
                address=(address.host, address.port),
                target=address,
                repeatable=head.method in _IDEMPOTENT,
                fresh=fresh,
            )
            self._server = server
            error = yield commands.OpenConnection(server)
            if error:
                self._server = None
                yield from self._fail(server.failed or End.UPSTREAM_REFUSED, str(error))
                return
        server.clean = False
        tx.abort = functools.partial(_abort, server)
        upstream = server.connection
        assert upstream is not None  # noqa: S101 - it is open
        yield commands.SendData(server, upstream.addressed(self._upstream_head))

    @staticmethod
    def _trusted(server: PooledServer, head: Head) -> bool:
        if server.connection is None or server.connection.is_closing():
            return False
        return head.method in _IDEMPOTENT or time.monotonic() - server.idle_since < STALE

    def _body_again(self) -> bytes:
        """The request body as it was sent, for a held request that goes on or is sent twice."""
        tx, head = self._tx, self._head
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert head is not None  # noqa: S101 - likewise
        chunked = request_framing(head).chunked
        return body_bytes(tx.request_bytes, tx.request_trailers, chunked=chunked)

    # From the upstream.

    def _from_server(self, data: bytes) -> Commands:
        if self._relay is not None:
            yield from self._relayed(data, from_client=False)
            return
        tx, answer = self._tx, self._answer
        if tx is None or answer is None:
            yield from self._let_go()  # it speaks out of turn
            return
        try:
            progress = answer.feed(data)
        except FormatError as error:
            yield from self._broken(End.UPSTREAM_INVALID, f"the upstream broke HTTP: {error}")
            return
        if progress.head is not None:
            tx.response_head(response_head(progress.head))
        tx.response_data(*progress.pieces)
        if progress.raw and (raw := tx.keep(progress.raw)):
            self._sent = True
            yield commands.SendData(self.context.client, raw)
        if progress.broken:
            said = f"the upstream broke HTTP: {progress.broken}"
            yield from self._broken(End.UPSTREAM_INVALID, said)
        elif progress.switched:
            yield from self._switch(progress.held, progress.rest)
        elif progress.done:
            tx.response_trailers = answer.trailers
            yield from self._complete(progress.held)

    def _complete(self, held: bytes) -> Commands:
        """The answer is whole: wait for its record, then let the client have its end."""
        tx, answer, head, server = self._tx, self._answer, self._head, self._server
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert answer is not None  # noqa: S101 - likewise
        assert head is not None  # noqa: S101 - likewise
        early = self._body is not None  # answered before the request was whole
        keep = answer.reusable and keeps_alive(head) and not early
        if server is not None:
            server.clean = answer.reusable and not early
            server.idle_since = time.monotonic()
        if tx.withheld is not None:
            refusal = yield from self._judged(tx)
            if refusal is not None:
                yield from self._refuse(refusal, refusal.end, recorded=False)
                return
            held = tx.release() + held
        safe = yield from self._finish(End.COMPLETE)
        if held and safe:
            yield commands.SendData(self.context.client, held)
        if not keep or not safe:
            yield from self._close_client(abruptly=not safe)
            return
        yield from self._pump()

    def _judged(self, tx: Tx) -> Generator[commands.Command, Any, Refuse | None]:
        """What the client gets in place of an answer that was held until it was whole."""
        found: list[Refuse | None] = []

        async def judge() -> None:
            found.append(await self._engine.judged(tx))

        yield WaitHook(judge)
        return found[0] if found else None

    def _server_closed(self) -> Commands:
        server, self._server = self._server, None
        tx, answer = self._tx, self._answer
        if self._relay is not None:
            self.breaks_off = server is not None and server.lost is not None
            yield from self._relay_ended(from_client=False)
            return
        if tx is None or answer is None or server is None:
            return
        if tx.timed_out is not None:
            yield from self._broken(End.UPSTREAM_TIMEOUT, tx.timed_out)
        elif server.lost is None and answer.eof():
            yield from self._complete(b"")
        elif answer.head is None and not self._sent and self._may_retry(server):
            self._retried = True
            self._answer = ResponseStream(self._head.method if self._head else b"")
            yield from self._forward(server.target, fresh=True)
            if self._server is not None and self._body is None and self._tx is tx:
                yield commands.SendData(self._server, self._body_again())
        elif server.lost is not None:
            yield from self._broken(End.UPSTREAM_RESET, "the upstream reset the connection")
        elif answer.head is None:
            said = "the upstream closed the connection without answering"
            yield from self._broken(End.UPSTREAM_RESET, said)
        else:
            said = "the upstream closed the connection in the middle of its answer"
            yield from self._broken(End.UPSTREAM_TRUNCATED, said)

    def _may_retry(self, server: PooledServer) -> bool:
        """A kept connection was closed before it said anything: perhaps before it heard this.

        A reset is an answer to this: one that was closed earlier shows its end first.
        """
        head, tx = self._head, self._tx
        if head is None or self._retried or self._body is not None or server.lost is not None:
            return False
        if tx is None or not tx.repeatable:
            return False
        used = server.reused or server.idle_since > 0
        return used and head.method in _IDEMPOTENT

    def _broken(self, end: End, message: str) -> Commands:
        """The upstream failed: an answer of ours if none has begun, else the break passed on."""
        tx, answer = self._tx, self._answer
        if tx is not None and answer is not None and answer.missing:
            tx.response_cut(answer.unfinished, answer.missing)
        if self._server is not None:
            self._server.clean = False
        yield from self._let_go()
        begun = tx is not None and tx.exchange.response is not None and tx.withheld is None
        if self._sent or begun:
            yield from self._finish(end, message)
            yield from self._close_client(abruptly=end in ABRUPT)
        else:
            yield from self._fail(end, message)

    @override
    def _drop(self, end: End, message: str) -> Commands:
        if self._relay is not None or self._talk is not None:
            yield from self._relay_ended(from_client=True)
            return
        if self._tx is not None:
            if self._answer is not None and self._answer.missing:
                self._tx.response_cut(self._answer.unfinished, self._answer.missing)
            yield from self._finish(end, message)
        yield from self._let_go()
        yield from self._close_client(abruptly=end in ABRUPT)


def _abort(server: PooledServer) -> None:
    if server.connection is not None:
        server.connection.abort()
