"""The gateway's own lane: plain HTTP/1.1 requests to /NAME/… are read, sent on and answered here.

What is anything else (the API, upgrades, odd or malformed requests) is handed
to aiohttp with all that has come of it, for good: both do the same with what both understand.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, override

from proxy.core.correlation import Peer
from proxy.core.decisions import Address, Decision, Forward, Refuse, Serve
from proxy.core.http1 import Head, head_end, keeps_alive, parse_request, request_framing
from proxy.core.http1_response import ResponseStream, response_head
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.core.serving import acts
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx
from proxy.engine.router import Upstream
from proxy.engine.upstream import Connection, UpstreamError
from proxy.errors import FormatError
from proxy.servers.passing import IDEMPOTENT, answer_bytes, reset, upstream_head

_log = logging.getLogger(__name__)
_HEAD_SECONDS = 10.0  # until a request's head must have come whole
_IDLE_SECONDS = 600.0  # that a connection may be quiet between requests
_LINGER_SECONDS = 2.0
_HIGH_WATER = 256 * 1024
_ELSEWHERE = frozenset({b"expect", b"upgrade"})

type Factory = Callable[[], asyncio.Protocol]


@dataclass(slots=True, eq=False)
class Lanes:
    """The lanes of a port. `place` says where a target goes: the upstream, path and query there."""

    engine: Engine
    place: Callable[[bytes], tuple[Upstream, str] | None]
    open: set["Lane"] = field(default_factory=set)

    async def stop(self, grace: float) -> None:
        """Closes all, those that are answering in `grace` seconds at most."""
        for lane in list(self.open):
            lane.end()
        if self.open:
            await asyncio.wait([lane.gone for lane in self.open], timeout=grace)
        for lane in list(self.open):
            lane.abort()


class Lane(asyncio.Protocol):
    """One client connection. `other` makes the protocol that takes it over when need be."""

    def __init__(self, owner: Lanes, other: Factory) -> None:
        self._owner = owner
        self._engine = owner.engine
        self._other = other
        self._transport: asyncio.Transport
        self.gone: asyncio.Future[None]  # done when the connection is closed or handed over
        self._peer = Peer("")
        self._input = b""
        self._scanned = 0  # bytes of an incomplete head that were looked at
        self._since = 0.0  # when it became idle, or when a head began to come
        self._served = False
        self._timer: asyncio.TimerHandle | None = None
        self._tx: Tx | None = None
        self._left = 0  # bytes of the request's body that are to come
        self._keep = True
        self._after: Callable[[Tx], None] | None = None  # to do once the request is whole
        self._answer = ResponseStream(b"")
        self._upstream: Connection | None = None
        self._begun = False  # something of the answer has been written
        self._lingers = False  # the answer is given, the rest of the request is passed over
        self._doing: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()

    # The client's connection.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol's transport
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        address, listener = (
            f"{name[0]}:{name[1]}" if (name := transport.get_extra_info(end)) else ""
            for end in ("peername", "sockname")
        )
        self._peer = Peer(address, connection=address, listener=listener)
        self._since = time.monotonic()
        self._owner.open.add(self)
        loop = asyncio.get_running_loop()
        self.gone = loop.create_future()
        self._timer = loop.call_later(_HEAD_SECONDS, self._look)

    @override
    def data_received(self, data: bytes) -> None:
        tx = self._tx
        if self._lingers:
            return
        if tx is not None and self._left:
            piece, self._input = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self._body(tx, piece)
            return
        self._input = self._input + data if self._input else data
        if tx is None:
            self._pump()
        elif len(self._input) > _HIGH_WATER:
            self._transport.pause_reading()  # pipelined requests wait for their turn

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        tx, self._tx = self._tx, None
        if tx is not None:
            tx.finish(End.CLIENT_GONE, "the client closed the connection")
        for task in list(self._doing):
            task.cancel()
        self._drop_upstream()

    @override
    def pause_writing(self) -> None:
        self._room.clear()
        if self._upstream is not None:
            self._upstream.pause()

    @override
    def resume_writing(self) -> None:
        self._room.set()
        if self._upstream is not None:
            self._upstream.resume()

    @property
    def idle(self) -> bool:
        """Whether it is between two requests."""
        return self._tx is None

    def end(self) -> None:
        """Closes it, after the answer that is being given."""
        if self._tx is None:
            self._transport.close()
        self._keep = False

    def abort(self) -> None:
        """Closes it now."""
        self._transport.abort()

    def _look(self) -> None:
        """Closes a connection that has kept quiet for too long."""
        if self._tx is None:
            limit = _IDLE_SECONDS if self._served and not self._input else _HEAD_SECONDS
            if time.monotonic() - self._since >= limit:
                self._transport.close()
                return
        self._timer = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._look)

    def _let_go(self) -> None:
        self._owner.open.discard(self)
        if not self.gone.done():
            self.gone.set_result(None)
        if self._timer is not None:
            self._timer.cancel()

    def _hand_over(self) -> None:
        """Aiohttp goes on with this connection, from the request that is not for this lane."""
        self._let_go()
        waiting, self._input = self._input, b""
        protocol = self._other()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(waiting)

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
            place = None if framing.chunked else self._place(head)
            if place is None:
                self._hand_over()
                return
            data, stop = self._input, end + (framing.length or 0)
            self._input = data[stop:]
            self._left = max(0, stop - len(data))
            self._begin(head, *place, data[end:stop])

    def _place(self, head: Head) -> tuple[Upstream, str] | None:
        """Where it goes, if it is plain."""
        if head.version != b"HTTP/1.1" or not head.target.startswith(b"/"):
            return None
        if any(name.lower() in _ELSEWHERE for name, _ in head.headers):
            return None
        return self._owner.place(head.target)

    def _begin(self, head: Head, upstream: Upstream, target: str, body: bytes) -> None:
        request = RequestHead(
            head.method.decode("ascii"),
            upstream.scheme,
            upstream.host,
            upstream.port,
            target,
            "HTTP/1.1",
            head.headers,
        )
        tx = self._tx = self._engine.begin(request, self._peer, via="gateway", lane="gateway")
        self._served = True
        self._keep = keeps_alive(head)
        self._answer = ResponseStream(head.method)
        self._begun = False
        self._after = None
        if body:
            tx.request_data(body)
        if not self._left:
            tx.request_end()
        if tx.hold:
            self._when_whole(lambda tx: self._do(self._decide(tx)))
        else:
            self._decided(tx, self._engine.decide(tx))

    def _body(self, tx: Tx, piece: bytes) -> None:
        """More of the request's body."""
        tx.request_data(piece)
        upstream = self._upstream
        if upstream is not None:
            upstream.write(piece)
            if upstream.is_full:
                self._transport.pause_reading()
                self._do(self._wait_for_room(upstream))
        if not self._left:
            tx.request_end()
            if self._after is not None:
                self._after(tx)

    async def _wait_for_room(self, upstream: Connection) -> None:
        await upstream.drain()
        self._transport.resume_reading()

    def _when_whole(self, after: Callable[[Tx], None]) -> None:
        """Does something once the request is whole, or now."""
        if self._left or self._tx is None:
            self._after = after
        else:
            after(self._tx)

    async def _decide(self, tx: Tx) -> None:
        decision = await self._engine.decide_held(tx)
        if self._tx is tx:
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
            if self._tx is tx:
                self._when_whole(lambda tx: self._fail(tx, end, said))
            return
        if self._tx is tx:
            self._send(tx, address, connection)
        else:
            self._engine.pool.discard(connection)

    def _send(self, tx: Tx, address: Address, connection: Connection) -> None:
        self._upstream = connection
        tx.abort = connection.abort
        head = upstream_head(tx.exchange.request, address)
        connection.write(head + tx.request_bytes)

    def upstream_data(self, data: bytes) -> None:
        """Bytes of the answer; see `upstream.Borrower`."""
        tx, answer = self._tx, self._answer
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
        for piece in progress.pieces:
            tx.response_data(piece)
        if progress.raw and (raw := tx.keep(progress.raw)):
            self._write(raw)
        if progress.broken:
            said = f"the upstream broke HTTP: {progress.broken}"
            self._broken(tx, End.UPSTREAM_INVALID, said)
        elif progress.switched:
            said = "the gateway does not take upgrades; use the forward proxy"
            self._broken(tx, End.UPSTREAM_INVALID, said)
        elif progress.done:
            tx.response_trailers = answer.trailers
            self._whole(tx, progress.held)

    def upstream_closed(self, error: Exception | None) -> None:
        """The upstream is gone; see `upstream.Borrower`."""
        tx, answer = self._tx, self._answer
        self._upstream = None
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
        early = self._left > 0  # answered before the request was whole
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
            self._end(tx, refusal.end, answer_bytes(refusal), refusal.reason)

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
            reset(self._transport)

    def _next(self) -> None:
        """Between two requests."""
        self._tx = None
        if self._left and not self._transport.is_closing():  # else a reset might take the answer
            self._lingers = True
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)
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
        self._end(tx, refusal.end, answer_bytes(refusal), refusal.reason)

    def _fail(self, tx: Tx, end: End, message: str) -> None:
        """Answers for an upstream that could not be had."""
        self._end(tx, end, answer_bytes(self._engine.failed(tx, end, message)), message)

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
        self._end(tx, end, b"", message)

    async def _serve(self, tx: Tx, decision: Serve) -> None:
        """Plays a recorded answer back, broken ones included; what comes at once is one write."""
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
            if act.head is not None:
                tx.response_head(act.head)
            for piece in act.pieces:
                tx.response_data(piece)
            tx.response_missing = act.missing
            if act.kind == "end":
                tx.response_trailers = act.trailers
                self._keep = self._keep and not act.close
                self._end(tx, act.end, wire + act.wire, act.error)
                return
            if act.kind == "cut":
                self._cut(tx, act.end, act.error)
                return
            if act.kind == "hang":
                await asyncio.get_running_loop().create_future()  # until the client gives up
            wire = act.wire

    def _write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._begun = True
            self._transport.write(data)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it as far as it goes now, and the rest as a task that ends with the connection."""
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if task.done():
            self._done(task)
        else:
            self._doing.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._doing.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error("a request failed", exc_info=error)
        tx, self._tx = self._tx, None
        if tx is not None:
            tx.finish(End.INTERRUPTED, "the gateway failed; see the log")
        self._transport.abort()
