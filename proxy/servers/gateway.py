"""The gateway: agents that can only set a base URL send to /NAME/…, and it goes to NAME's upstream.

The upstream's bytes go to the client as they are, chunk framing included: aiohttp reads the
request, and is otherwise bypassed.
"""

import asyncio
from typing import override

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Refuse, Serve
from proxy.core.http1_response import Progress, response_head
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.core.serving import acts
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx
from proxy.engine.roundtrip import RoundTrip
from proxy.engine.router import Upstream
from proxy.engine.upstream import UpstreamError
from proxy.errors import FormatError
from proxy.servers.passing import IDEMPOTENT, answer_bytes, reset, upstream_head

_HIGH_WATER = 256 * 1024


class _Written(web.StreamResponse):
    """A response whose bytes have been written to the transport already."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__()
        self._keep = keep

    @property
    @override
    def keep_alive(self) -> bool | None:
        return self._keep

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    @override
    async def write_eof(self, data: bytes | bytearray | memoryview = b"") -> None:
        return None


class Gateway:
    """Passes requests on to named upstreams, each as one exchange."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def handle(
        self, request: web.Request, upstream: Upstream, target: str
    ) -> web.StreamResponse:
        """Passes `request` on to `upstream` as `target` (path and query, raw)."""
        return await _Passage(self._engine, request, upstream, target).run()


class _Passage:
    """One request on its way through."""

    def __init__(
        self, engine: Engine, request: web.Request, upstream: Upstream, target: str
    ) -> None:
        self._engine = engine
        self._request = request
        head = _request_head(request, upstream, target)
        self._tx: Tx = engine.begin(head, _peer(request), via="gateway", lane="gateway")
        self._trip = RoundTrip(engine.pool, request.method.encode())
        self._begun = False  # something of the answer has been written

    async def run(self) -> web.StreamResponse:
        try:
            return await self._run()
        except asyncio.CancelledError:
            self._tx.finish(End.CLIENT_GONE, "the client closed the connection")
            raise
        except ConnectionResetError:
            self._tx.finish(End.CLIENT_GONE, "the client closed the connection")
            return self._done(keep=False)
        finally:
            self._trip.close()
            self._tx.finish(End.INTERRUPTED, "the gateway failed; see the log")

    async def _run(self) -> web.StreamResponse:
        tx = self._tx
        if tx.hold:
            await self._read_body(forward=False)
            decision = await self._engine.decide_held(tx)
        else:
            decision = self._engine.decide(tx)
        if isinstance(decision, Serve):
            return await self._serve(decision)
        if isinstance(decision, Refuse):
            return await self._refuse(decision, decision.end)
        return await self._forward(decision)

    async def _forward(self, decision: Forward) -> web.StreamResponse:
        tx = self._tx
        try:
            repeatable = tx.exchange.request.method in IDEMPOTENT
            await self._trip.open(decision.address, repeatable=repeatable)
        except UpstreamError as error:
            await self._read_body(forward=False)
            return await self._fail(error.end, str(error))
        tx.abort = self._trip.abort
        self._trip.send(upstream_head(tx.exchange.request, decision.address, chunked=self._chunked))
        sending: asyncio.Task[None] | None = None
        if tx.exchange.request_end_us is not None:  # it was held, and is sent now
            self._send_piece(tx.request_bytes)
            self._send_end()
        elif self._request.body_exists:
            sending = asyncio.ensure_future(self._read_body(forward=True))
        else:
            tx.request_end()
        try:
            return await self._answer()
        finally:
            if sending is not None:
                sending.cancel()

    async def _read_body(self, *, forward: bool) -> None:
        tx = self._tx
        if tx.exchange.request_end_us is not None:
            return
        async for piece in self._request.content.iter_any():
            tx.request_data(piece)
            if forward:
                self._send_piece(piece)
                await self._trip.drain()
        tx.request_end()
        if forward:
            self._send_end()

    @property
    def _chunked(self) -> bool:
        return self._request.content_length is None and self._request.body_exists

    def _send_piece(self, piece: bytes) -> None:
        if piece:
            self._trip.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    def _send_end(self) -> None:
        if self._chunked:
            self._trip.send(b"0\r\n\r\n")

    async def _answer(self) -> web.StreamResponse:
        """Passes the answer on until it is whole or breaks."""
        tx, trip = self._tx, self._trip
        while True:
            try:
                progress = await trip.receive()
            except FormatError as error:
                return await self._broken(End.UPSTREAM_INVALID, f"the upstream broke HTTP: {error}")
            if progress is None:
                return await self._upstream_gone()
            self._note(progress)
            if progress.raw and (raw := tx.keep(progress.raw)):
                await self._write(raw)
            if progress.broken:
                said = f"the upstream broke HTTP: {progress.broken}"
                return await self._broken(End.UPSTREAM_INVALID, said)
            if progress.switched:
                return await self._broken(
                    End.UPSTREAM_INVALID,
                    "the gateway does not take upgrades; use the forward proxy",
                )
            if progress.done:
                tx.response_trailers = trip.answer.trailers
                return await self._whole(progress.held, keep=trip.answer.reusable)

    async def _whole(self, held: bytes, *, keep: bool) -> web.StreamResponse:
        """The answer is whole: the client gets its end, or an error where a schema is enforced."""
        tx = self._tx
        if tx.withheld is not None:
            refusal = await self._engine.judged(tx)
            if refusal is not None:
                await self._finish(refusal.end, refusal.reason)
                await self._write(answer_bytes(refusal))
                return self._done(keep=keep)
            held = tx.release() + held
        if not await self._finish(End.COMPLETE):
            return self._withhold()
        await self._write(held)
        return self._done(keep=keep)

    def _note(self, progress: Progress) -> None:
        if progress.head is not None:
            self._tx.response_head(response_head(progress.head))
        for piece in progress.pieces:
            self._tx.response_data(piece)

    async def _upstream_gone(self) -> web.StreamResponse:
        tx, trip = self._tx, self._trip
        if tx.timed_out is not None:
            return await self._broken(End.UPSTREAM_TIMEOUT, tx.timed_out)
        if trip.lost is None and trip.answer.eof():
            return await self._whole(b"", keep=False)
        if trip.lost is not None:
            return await self._broken(End.UPSTREAM_RESET, "the upstream reset the connection")
        if trip.answer.head is None:
            said = "the upstream closed the connection without answering"
            return await self._broken(End.UPSTREAM_RESET, said)
        said = "the upstream closed the connection in the middle of its answer"
        return await self._broken(End.UPSTREAM_TRUNCATED, said)

    async def _broken(self, end: End, message: str) -> web.StreamResponse:
        if self._trip.answer.missing:
            self._tx.response_cut(self._trip.answer.unfinished, self._trip.answer.missing)
        held = self._tx.withheld is not None
        if not self._begun and (held or self._tx.exchange.response is None):
            return await self._fail(end, message)
        await self._finish(end, message)
        return self._cut()

    def _cut(self) -> web.StreamResponse:
        """Ends the client's connection where the upstream's ended."""
        if self._request.transport is not None:
            self._request.transport.close()
        return self._done(keep=False)

    def _withhold(self) -> web.StreamResponse:
        """An answer that is not recorded is not given whole, and cannot be taken for it."""
        transport = self._request.transport
        if transport is not None:
            reset(transport)
        return self._done(keep=False)

    async def _fail(self, end: End, message: str) -> web.StreamResponse:
        refusal = self._engine.failed(self._tx, end, message)
        await self._finish(end, message)
        await self._write(answer_bytes(refusal))
        return self._done(keep=True)

    async def _refuse(self, refusal: Refuse, end: End) -> web.StreamResponse:
        await self._read_body(forward=False)
        self._tx.response_head(ResponseHead(refusal.status, "", "HTTP/1.1", refusal.headers))
        self._tx.response_data(refusal.body)
        await self._finish(end, refusal.reason)
        await self._write(answer_bytes(refusal))
        return self._done(keep=True)

    async def _serve(self, decision: Serve) -> web.StreamResponse:
        """Plays a recorded answer back, broken ones included."""
        tx = self._tx
        for act in acts(decision.exchange, decision.pace, tx.exchange.request):
            if act.delay:
                await asyncio.sleep(act.delay)
            if act.kind == "refuse":
                return await self._fail(act.end, act.error or str(act.end))
            if act.head is not None:
                tx.response_head(act.head)
            for piece in act.pieces:
                tx.response_data(piece)
            tx.response_missing = act.missing
            if act.kind == "end":
                tx.response_trailers = act.trailers
                if not await self._finish(act.end, act.error):
                    return self._withhold()
                await self._write(act.wire)
                return self._done(keep=not act.close)
            if act.kind == "cut":
                await self._finish(act.end, act.error)
                return self._cut()
            if act.kind == "hang":
                await asyncio.get_running_loop().create_future()  # until the client gives up
            await self._write(act.wire)
        return self._cut()

    def _done(self, *, keep: bool) -> web.StreamResponse:
        return _Written(keep=keep and self._request.keep_alive)

    async def _finish(self, end: End, error: str | None = None) -> bool:
        """Whether what is held of the answer may be released; our own refusals always may."""
        return await self._engine.settled(self._tx.finish(end, error))

    async def _write(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        if not data:
            return
        self._begun = True
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - aiohttp serves streams
        transport.write(data)
        if transport.get_write_buffer_size() > _HIGH_WATER:
            self._trip.pause()
            await self._request.protocol._drain_helper()  # noqa: SLF001 - aiohttp's own writers use it
            self._trip.resume()


def _peer(request: web.Request) -> Peer:
    transport = request.transport
    address, listener = (
        f"{name[0]}:{name[1]}" if (name := transport and transport.get_extra_info(end)) else ""
        for end in ("peername", "sockname")
    )
    return Peer(address, connection=address, listener=listener)


def _request_head(request: web.Request, upstream: Upstream, target: str) -> RequestHead:
    return RequestHead(
        request.method,
        upstream.scheme,
        upstream.host,
        upstream.port,
        target,
        f"HTTP/{request.version.major}.{request.version.minor}",
        tuple(request.raw_headers),
    )
