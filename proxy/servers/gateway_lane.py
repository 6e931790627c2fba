"""A client of the gateway: its requests are read and sent on, the answers passed back.

The upstream's bytes go to the client as they are, chunk framing included, and so does the body of a
request. What is not for the gateway is handed to aiohttp with all that has come of it, for good.
"""

import asyncio
import time
from collections.abc import Callable
from typing import override

from proxy.core.decisions import Address, Decision, Forward, Refuse, Serve
from proxy.core.heads import is_websocket
from proxy.core.http1 import (
    BodyReader,
    Head,
    body_reader,
    head_end,
    keeps_alive,
    parse_request,
    request_framing,
)
from proxy.core.http1_messages import CONTINUE, answer_bytes, body_bytes, expects_continue
from proxy.core.http1_response import ResponseStream, response_head
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.core.serving import acts
from proxy.engine import answers
from proxy.engine.endings import ABRUPT, break_off
from proxy.engine.recorder import Tx
from proxy.engine.relay import goodbye
from proxy.engine.router import Upstream
from proxy.engine.upstream import Connection, UpstreamError
from proxy.errors import FormatError
from proxy.servers.client import HIGH_WATER, Factory
from proxy.servers.gateway import Gateway
from proxy.servers.gateway_sockets import SWITCHING, Sockets
from proxy.servers.passing import IDEMPOTENT, upstream_head


class Lane(Sockets):
    """One client connection of a gateway."""

    def __init__(self, gateway: Gateway, other: Factory) -> None:
        super().__init__(gateway.open, other)
        self._gateway = gateway
        self._engine = gateway.engine
        self._scanned = 0  # bytes of an incomplete head that were looked at
        self._head: Head | None = None
        self._body: BodyReader | None = None  # while the request's body is not whole
        self._chunked = False
        self._early = b""  # of the body, raw: what came before there was an upstream
        self._awaits_continue = False  # the client sends no body before it is told to
        self._after: Callable[[Tx], None] | None = None  # to do once the request is whole
        self._answer = ResponseStream(b"")
        self._begun = False  # something of the answer has been written

    @property
    @override
    def idle(self) -> bool:
        return self._tx is None

    @override
    def received(self) -> None:
        if self._switched:
            self._from_client()
        elif self._tx is None:
            self._pump()
        elif self._body is not None:
            self._upload(self._tx, self._body)
        elif len(self._input) > HIGH_WATER:
            self._transport.pause_reading()  # pipelined requests wait for their turn

    @override
    def lost(self) -> None:
        if self._tx is not None and self._switched:
            self._finish_anyway(*goodbye(self._tx, from_client=True))
        self._finish_anyway(End.CLIENT_GONE, "the client closed the connection")
        self._drop_upstream()

    @override
    def failed(self) -> None:
        self._finish_anyway(End.INTERRUPTED, "the gateway failed; see the log")

    def _finish_anyway(self, end: End, said: str | None) -> None:
        tx, self._tx = self._tx, None
        if tx is not None:
            tx.finish(end, said)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        if self._upstream is not None:
            self._upstream.pause()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._upstream is not None:
            self._upstream.resume()

    # The request.

    def _pump(self) -> None:
        """Takes the next request that has come whole as far as its head."""
        while self._input and self._tx is None and not self._transport.is_closing():
            try:
                end = head_end(self._input, self._scanned)
                if end < 0:
                    if not self._scanned:
                        self._since = time.monotonic()
                    self._scanned = len(self._input)
                    return
                head = parse_request(self._input)
                framing = request_framing(head)
            except FormatError:
                self._hand_over()
                return
            self._scanned = 0
            place = self._gateway.place(head)
            if place is None:
                self._hand_over()
                return
            self._input = self._input[end:]
            self._body = None if framing.length == 0 else body_reader(framing)
            self._chunked = framing.chunked
            self._begin(head, *place)

    def _begin(self, head: Head, upstream: Upstream, target: str) -> None:
        request = RequestHead(
            head.method.decode("ascii"),
            upstream.scheme,
            upstream.host,
            upstream.port,
            target,
            head.version.decode("ascii"),
            head.headers,
        )
        tx = self._tx = self._engine.begin(request, self._peer, via="gateway", lane="gateway")
        self._served = True
        self._head = head
        self._keep = keeps_alive(head)
        self._answer = ResponseStream(head.method)
        self._begun = False
        self._after = None
        self._early = b""
        self._awaits_continue = self._body is not None and expects_continue(head)
        if self._body is None:
            tx.request_end()
        elif self._input:
            self._upload(tx, self._body)
            if not self._goes_on(tx):
                return
        if not tx.hold:
            self._decided(tx, self._engine.decide(tx))
            return
        if self._awaits_continue:
            self._awaits_continue = False
            self._transport.write(CONTINUE)
        self._when_whole(self._decide)

    def _goes_on(self, tx: Tx) -> bool:
        """Whether an exchange is still open: one that has ended may wait for its record."""
        return self._tx is tx and not tx.finished

    def _upload(self, tx: Tx, body: BodyReader) -> None:
        """More of the request's body."""
        try:
            fed = body.feed(self._input)
        except FormatError as error:
            self._malformed(tx, str(error))
            return
        self._awaits_continue = False
        passed, self._input = self._input[: fed.used], self._input[fed.used :]
        tx.request_data(*fed.pieces)
        upstream = self._upstream
        if upstream is not None:
            upstream.write(passed)
            if upstream.is_full:
                self._transport.pause_reading()
                self._do(self._wait_for_room(upstream))
        elif not tx.hold:
            self._early += passed
        if fed.done:
            self._body = None
            tx.request_end(body.trailers)
            if self._after is not None:
                self._after(tx)

    def _malformed(self, tx: Tx, reason: str) -> None:
        """The body breaks HTTP: nothing more of it goes on."""
        self._drop_upstream()
        self._body, self._keep = None, False
        refusal = answers.malformed(reason)
        said = b"" if self._begun else answer_bytes(refusal, None, close=False)
        self._end(tx, End.CLIENT_INVALID, said, reason)

    @override
    async def _wait_for_room(self, upstream: Connection) -> None:
        await upstream.drain()
        self._transport.resume_reading()

    def _when_whole(self, after: Callable[[Tx], None]) -> None:
        """Does something once the request is whole; now if it is, or will not be before."""
        if self._tx is not None and (self._body is None or self._awaits_continue):
            after(self._tx)
        else:
            self._after = after

    def _decide(self, tx: Tx) -> None:
        decision = self._engine.decide_at_once(tx)
        if decision is None:
            self._do(self._decide_later(tx))
        else:
            self._decided(tx, decision)

    async def _decide_later(self, tx: Tx) -> None:
        decision = await self._engine.decide_held(tx)
        if self._goes_on(tx):
            self._decided(tx, decision)

    def _decided(self, tx: Tx, decision: Decision) -> None:
        if isinstance(decision, Serve):
            self._do(self._serve(tx, decision))
        elif isinstance(decision, Refuse):
            self._when_whole(lambda tx: self._refuse(tx, decision))
        else:
            self._forward(tx, decision)

    # The upstream.

    def _forward(self, tx: Tx, decision: Forward) -> None:
        address, repeatable = decision.address, tx.exchange.request.method in IDEMPOTENT
        connection = self._engine.pool.idle(address, self, repeatable=repeatable)
        if connection is None:
            self._do(self._dial(tx, address))
        else:
            self._send(tx, address, connection)

    async def _dial(self, tx: Tx, address: Address) -> None:
        try:
            connection = await self._engine.pool.dial(address, self)
        except UpstreamError as error:
            end, said = error.end, str(error)
            if self._goes_on(tx):
                self._when_whole(lambda tx: self._fail(tx, end, said))
            return
        if self._goes_on(tx):
            self._send(tx, address, connection)
        else:
            self._engine.pool.discard(connection)

    def _send(self, tx: Tx, address: Address, connection: Connection) -> None:
        self._upstream = connection
        tx.abort = connection.abort
        chunked = self._chunked and not tx.rewritten
        body, self._early = self._early, b""
        if tx.hold:
            body = body_bytes(tx.request_bytes, tx.request_trailers, chunked=chunked)
        head = upstream_head(tx.exchange.request, address, chunked=chunked)
        connection.write(connection.addressed(head) + body)

    def upstream_data(self, data: bytes) -> None:
        """Bytes of the answer; see `upstream.Borrower`."""
        tx, answer = self._tx, self._answer
        if self._relay is not None:
            self._from_upstream(self._relay, data)
            return
        if tx is None or answer.done:
            self._drop_upstream()  # it speaks out of turn
            return
        try:
            progress = answer.feed(data)
        except FormatError as error:
            self._broken(tx, End.UPSTREAM_INVALID, f"the upstream broke HTTP: {error}")
            return
        if progress.head is not None:
            tx.response_head(response_head(progress.head))
        tx.response_data(*progress.pieces)
        if progress.raw and (raw := tx.keep(progress.raw)):
            self._write(raw)
        if progress.broken:
            said = f"the upstream broke HTTP: {progress.broken}"
            self._broken(tx, End.UPSTREAM_INVALID, said)
        elif progress.switched and not is_websocket(tx.exchange.request):
            said = "the upstream changed the protocol, which nobody had asked for"
            self._broken(tx, End.UPSTREAM_INVALID, said)
        elif progress.switched:
            self._switch(tx, progress.held, progress.rest)
        elif progress.done:
            tx.response_trailers = answer.trailers
            self._whole(tx, progress.held)

    def upstream_closed(self, error: Exception | None) -> None:
        """The upstream is gone; see `upstream.Borrower`."""
        tx, answer = self._tx, self._answer
        self._upstream = None
        if tx is not None and self._relay is not None:
            self._upstream_left(tx, error)
            return
        if tx is None or answer.done:
            return
        if tx.timed_out is not None:
            self._broken(tx, End.UPSTREAM_TIMEOUT, tx.timed_out)
        elif error is None and answer.eof():
            self._keep = False
            self._whole(tx, b"")
        elif error is not None:
            self._broken(tx, End.UPSTREAM_RESET, "the upstream reset the connection")
        elif answer.head is None:
            said = "the upstream closed the connection without answering"
            self._broken(tx, End.UPSTREAM_RESET, said)
        else:
            said = "the upstream closed the connection in the middle of its answer"
            self._broken(tx, End.UPSTREAM_TRUNCATED, said)

    def _drop_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            self._engine.pool.discard(upstream)

    # The answer.

    def _whole(self, tx: Tx, held: bytes) -> None:
        """The answer is whole: it may end once it is recorded, and right where that is enforced."""
        early = self._body is not None  # answered before the request was whole
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.resume()
            if self._answer.reusable and not early:
                self._engine.pool.release(upstream)
            else:
                self._engine.pool.discard(upstream)
        self._keep = self._keep and self._answer.reusable and not early
        if tx.withheld is not None:
            self._do(self._judge(tx, held))
            return
        self._end(tx, End.COMPLETE, held)

    async def _judge(self, tx: Tx, held: bytes) -> None:
        refusal = await self._engine.judged(tx)
        if self._tx is not tx:
            return
        if refusal is None:
            self._end(tx, End.COMPLETE, tx.release() + held)
        else:
            self._end(tx, refusal.end, self._said(refusal), refusal.reason)

    @override
    def _end(self, tx: Tx, end: End, held: bytes, error: str | None = None) -> None:
        """The exchange is over; `held` ends its answer once the record is safe."""
        waiter = tx.finish(end, error)
        if waiter is None:
            self._write(held)
            self._next()
        else:
            self._do(self._settle(tx, waiter, held))

    async def _settle(self, tx: Tx, waiter: asyncio.Future[bool], held: bytes) -> None:
        safe = await self._engine.settled(waiter)
        if self._tx is not tx:
            return
        if safe or tx.exchange.end is not End.COMPLETE:  # our own refusals may always end
            self._write(held)
            self._next()
        else:  # what is not recorded is not given whole, and cannot be taken for it
            self._tx = None
            break_off(self._transport)
            self._transport.close()

    def _next(self) -> None:
        """Between two requests."""
        self._tx = None
        if self._body is not None:
            self._linger()
            return
        if not self._keep:
            self._transport.close()
            return
        self._since = time.monotonic()
        self._transport.resume_reading()
        if self._input:
            asyncio.get_running_loop().call_soon(self._pump)

    def _refuse(self, tx: Tx, refusal: Refuse) -> None:
        """Answers ourselves, which is the verdict and is recorded."""
        tx.response_head(ResponseHead(refusal.status, "", "HTTP/1.1", refusal.headers))
        tx.response_data(refusal.body)
        self._end(tx, refusal.end, self._said(refusal), refusal.reason)

    def _fail(self, tx: Tx, end: End, message: str) -> None:
        """Answers for an upstream that could not be had."""
        self._end(tx, end, self._said(self._engine.failed(tx, end, message)), message)

    def _said(self, refusal: Refuse) -> bytes:
        return answer_bytes(refusal, self._head, close=self._body is not None)

    def _broken(self, tx: Tx, end: End, message: str) -> None:
        """The upstream failed: an answer of ours if none has begun, else the break passed on."""
        if self._answer.missing:
            tx.response_cut(self._answer.unfinished, self._answer.missing)
        self._drop_upstream()
        if not self._begun and (tx.withheld is not None or tx.exchange.response is None):
            self._when_whole(lambda tx: self._fail(tx, end, message))
            return
        self._cut(tx, end, message)

    def _cut(self, tx: Tx, end: End, message: str | None) -> None:
        """Ends the client's connection where the upstream's ended, once that is recorded."""
        self._keep = False
        if end in ABRUPT:
            break_off(self._transport)
        self._end(tx, end, b"", message)

    async def _serve(self, tx: Tx, decision: Serve) -> None:
        """Plays a recorded answer back, broken ones included; what comes at once is one write."""
        recorded = decision.exchange.response
        switches = recorded is not None and recorded.status == SWITCHING
        if switches and is_websocket(tx.exchange.request):
            await self._converse(tx, decision)
            return
        wire = b""
        for act in acts(decision.exchange, decision.pace, tx.exchange.request):
            if wire and (act.delay or act.kind != "end"):
                self._write(wire)
                wire = b""
                await self._room.wait()
            if act.delay:
                await asyncio.sleep(act.delay)
            if act.kind == "refuse":
                self._fail(tx, act.end, act.error or str(act.end))
                return
            tx.played(act)
            if act.kind == "end":
                self._keep = self._keep and not act.close
                self._end(tx, act.end, wire + act.wire, act.error)
                return
            if act.kind == "cut":
                self._cut(tx, act.end, act.error)
                return
            if act.kind == "hang":
                await asyncio.get_running_loop().create_future()  # until the client gives up
            wire = act.wire

    @override
    def _write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._begun = True
            self._transport.write(data)
