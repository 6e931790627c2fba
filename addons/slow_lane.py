"""Addon: records what mitmproxy's own HTTP layer carries (HTTP/2), as the same exchanges.

Bodies stream through with a copy to the recorder; the end of an answer waits for its record, since
mitmproxy sends it after the `response` hook.
"""

import functools
import time
from collections.abc import Callable

from mitmproxy import http, tls
from mitmproxy.proxy import events
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addons.h2_layer import BROKEN, BY_CLIENT, FAILED, Abort, Broken
from addons.peers import Peers, strip
from proxy.core.correlation import is_ours
from proxy.core.decisions import Refuse, Serve
from proxy.core.model import End, Exchange, Headers, RequestHead, ResponseHead, header
from proxy.core.serving import Act, acts
from proxy.engine.engine import Engine
from proxy.engine.recorder import HELD_MOST, Tx

_META = "dashcam"
_FAILURES: tuple[tuple[str, End], ...] = (
    ("client disconnected", End.CLIENT_GONE),
    ("client closed", End.CLIENT_GONE),
    ("no connection to", End.UPSTREAM_TIMEOUT),
    ("does not answer as a proxy does", End.UPSTREAM_INVALID),
    ("closed the connection when it was asked", End.UPSTREAM_RESET),
    ("tls with the upstream proxy", End.UPSTREAM_TLS),
    ("the upstream proxy", End.UPSTREAM_REFUSED),
    ("refused the connection", End.UPSTREAM_REFUSED),
    ("cannot be reached", End.UPSTREAM_REFUSED),
    # mitmproxy says so of either side; clients cancel, servers have reasons of their own.
    ("stream reset by client (cancel)", End.CLIENT_GONE),
    ("stream reset by client (no_error)", End.CLIENT_GONE),
    ("stream reset by client", End.UPSTREAM_RESET),
    ("certificate verify", End.UPSTREAM_TLS),
    ("tls", End.UPSTREAM_TLS),
    ("timed out", End.UPSTREAM_TIMEOUT),
    ("reset by server", End.UPSTREAM_RESET),
    ("server disconnected", End.UPSTREAM_RESET),
    ("server closed", End.UPSTREAM_TRUNCATED),
    ("peer closed", End.UPSTREAM_TRUNCATED),
)
_NO_LENGTH = frozenset({b"transfer-encoding", b"connection", b"keep-alive"})


class SlowLane:
    """Turns flows into exchanges."""

    def __init__(self, engine: Engine, peers: Peers) -> None:
        self._engine = engine
        self._peers = peers
        self._asked: dict[str, tuple[str, int]] = {}  # by the server's id, while it is dialled
        self.push: Callable[[str, events.Event], None] = lambda _client, _event: None

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request's head is here: correlate, decide, tee."""
        request = flow.request
        peer = self._peers.of(flow.client_conn, request.headers)
        tx = self._engine.begin(_request_head(request), peer, via="forward", lane="slow")
        flow.metadata[_META] = tx
        for name in [n for n, _ in request.headers.fields if is_ours(n)]:
            request.headers.pop(name.decode("latin-1"), None)
        strip(flow)
        if tx.hold:
            return
        tx.abort = functools.partial(self._abort, flow, tx)

        def tee(data: bytes) -> bytes:
            if data:
                tx.request_data(data)
            return data

        decision = self._engine.decide(tx)
        if isinstance(decision, Refuse):  # mitmproxy answers once the body has ended
            self._answer(flow, tx, decision)
        else:
            request.stream = tee

    async def request(self, flow: http.HTTPFlow) -> None:
        """The request is whole."""
        tx = _tx(flow)
        if tx is None or tx.finished:
            return
        if tx.hold and flow.request.raw_content:
            tx.request_data(flow.request.raw_content)
        tx.request_end(flow.request.trailers.fields if flow.request.trailers else ())
        if not tx.hold or flow.response is not None:
            return
        decision = await self._engine.decide_held(tx)
        if isinstance(decision, Refuse):
            self._answer(flow, tx, decision)
        elif isinstance(decision, Serve):
            self._serve(flow, tx, decision)
        elif tx.rewritten:
            _rewrite(flow.request, tx)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """A response's head is here: tee its body."""
        tx = _tx(flow)
        if tx is None or flow.response is None or tx.exchange.response is not None:
            return
        if BROKEN in flow.metadata:  # there was none
            return
        tx.response_head(_response_head(flow.response))
        size = flow.response.headers.get("content-length", "0")
        if tx.withheld is not None and size.isdecimal() and int(size) > HELD_MOST:
            tx.release()
        if tx.withheld is not None:
            return  # it is seen whole before the client gets any of it

        def tee(data: bytes) -> bytes:
            if data:
                tx.response_data(data)
            return data

        flow.response.stream = tee

    async def response(self, flow: http.HTTPFlow) -> None:
        """The answer is whole; mitmproxy sends its end when this returns."""
        tx = _tx(flow)
        if tx is None or tx.finished or flow.response is None:
            return
        if flow.response.trailers:
            tx.response_trailers = flow.response.trailers.fields
        if tx.withheld is not None:
            await self._judge(flow, flow.response, tx)
        end = flow.metadata.get("dashcam_end", End.COMPLETE)
        waiter = tx.finish(end, flow.metadata.get("dashcam_error"))
        ours = end in {End.REFUSED, End.MISSED}  # and may be given whatever became of its record
        if not await self._engine.settled(waiter) and flow.killable and not ours:
            flow.kill()  # type: ignore[no-untyped-call]  # an answer that is not recorded is not given whole

    async def error(self, flow: http.HTTPFlow) -> None:
        """The exchange broke off."""
        tx = _tx(flow)
        if tx is None or tx.finished:
            return
        message = flow.error.msg if flow.error else "the connection broke off"
        end = End.UPSTREAM_TIMEOUT if tx.timed_out else _end_of(message)
        if flow.metadata.get(BY_CLIENT):  # mitmproxy says the same of either side
            end = End.CLIENT_GONE
            message = message.replace("peer closed", "the client closed")
        if end is End.UPSTREAM_TRUNCATED and flow.response is None:
            end = End.UPSTREAM_RESET  # nothing was there to be cut short
        message = message.replace("stream reset by client", "the stream was reset")
        if flow.response is None and end is not End.CLIENT_GONE:
            refusal = self._engine.failed(tx, end, tx.timed_out or message)
            flow.metadata[FAILED] = _made(refusal.status, refusal.headers, refusal.body)
        await self._engine.settled(tx.finish(end, tx.timed_out or message))

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Sends a mapped host where it is mapped to; refuses Dashcam's own ports."""
        server = data.server
        if server.address is None:
            return
        host, port = server.address[:2]
        if not self._engine.may_dial(host):
            server.error = f"a replay contacts no host, and {host} was not allowed by name"
            return
        head = RequestHead("CONNECT", "https" if server.tls else "http", host, port, "")
        address = self._engine.router.address(head)
        if why := self._engine.router.barred(address):
            server.error = why
            return
        if data.client.alpn == b"h2" and not data.client.tls:
            server.alpn = b"h2"  # without TLS nobody is asked: the client knows that it is spoken
        if server.tls and server.sni is None:
            server.sni = address.name
        self._asked[server.id] = server.address
        server.address = (address.host, address.port)

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Gives the connection the name back under which mitmproxy looks for it again."""
        if (asked := self._asked.pop(data.server.id, None)) is not None:
            # mitmproxy guards the address of an open connection; what is dialled does not change.
            object.__setattr__(data.server, "address", asked)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """As when it succeeded."""
        self.server_connected(data)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        """Keeps mitmproxy's handshake error on the connection, where `error` finds it."""
        if data.conn.error is None:
            data.conn.error = "the TLS handshake with the upstream failed"

    def _abort(self, flow: http.HTTPFlow, tx: Tx) -> None:
        self.push(flow.client_conn.id, Abort(flow, tx.timed_out or "the exchange was stopped"))

    def _answer(self, flow: http.HTTPFlow, tx: Tx, refusal: Refuse) -> None:
        flow.response = _made(refusal.status, refusal.headers, refusal.body)
        tx.response_head(ResponseHead(refusal.status, "", "HTTP/2", refusal.headers))
        tx.response_data(refusal.body)
        flow.metadata["dashcam_end"] = refusal.end
        flow.metadata["dashcam_error"] = refusal.reason

    async def _judge(self, flow: http.HTTPFlow, answer: http.Response, tx: Tx) -> None:
        """The answer was held; an error takes its place where it breaks an enforced schema."""
        tx.response_data(answer.raw_content or b"")
        refusal = await self._engine.judged(tx)
        if refusal is None:
            return
        flow.response = _made(refusal.status, refusal.headers, refusal.body)
        flow.metadata["dashcam_end"] = refusal.end
        flow.metadata["dashcam_error"] = refusal.reason

    def _serve(self, flow: http.HTTPFlow, tx: Tx, decision: Serve) -> None:
        """A recorded answer; mitmproxy cannot be given its pieces, so it goes out as one body."""
        recorded = decision.exchange
        last: Act | None = None
        for last in acts(recorded, 0.0, tx.exchange.request):
            tx.played(last)
        if last is not None and last.kind == "refuse":
            message = last.error or str(last.end)
            refusal = self._engine.failed(tx, last.end, message)
            flow.response = _made(refusal.status, refusal.headers, refusal.body)
        else:
            flow.response = _again(recorded, tx)
            if last is not None and last.kind in {"hang", "cut"}:
                bare = recorded.response is None
                flow.metadata[BROKEN] = Broken(last.kind == "hang", bare)
        flow.metadata["dashcam_end"] = recorded.end
        flow.metadata["dashcam_error"] = recorded.error


def _tx(flow: http.HTTPFlow) -> Tx | None:
    tx = flow.metadata.get(_META)
    return tx if isinstance(tx, Tx) else None


def _rewrite(request: http.Request, tx: Tx) -> None:
    """A held request goes on as another than it came."""
    head = tx.exchange.request
    request.headers = http.Headers(
        [pair for pair in head.headers if pair[0].lower() not in (b"host", b":authority")]
    )
    request.raw_content = tx.request_bytes
    request.data.path = head.target.encode("latin-1")
    request.scheme, request.host, request.port = head.scheme, head.host, head.port
    request.authority = head.authority


def _request_head(request: http.Request) -> RequestHead:
    target = request.data.path.decode("latin-1")
    return RequestHead(
        request.method,
        request.scheme,
        request.host,
        request.port,
        target,
        request.http_version,
        request.headers.fields,
    )


def _response_head(response: http.Response) -> ResponseHead:
    return ResponseHead(
        response.status_code, response.reason or "", response.http_version, response.headers.fields
    )


def _made(status: int, headers: Headers, body: bytes) -> http.Response:
    now = time.time()
    if header(headers, b"content-length") is None and status not in {204, 304}:
        headers = (*headers, (b"content-length", str(len(body)).encode()))
    return http.Response(b"HTTP/2.0", status, b"", http.Headers(headers), body, None, now, now)


def _again(recorded: Exchange, tx: Tx) -> http.Response:
    """The recorded answer, in the words of HTTP/2."""
    head = recorded.response or ResponseHead(502)
    body, now = recorded.response_body, time.time()
    size = b"%d" % len(body.data)
    headers = [pair for pair in head.headers if pair[0].lower() not in _NO_LENGTH]
    if recorded.end is End.COMPLETE and body.data and tx.exchange.request.method != "HEAD":
        # The body was edited, or a secret was taken out of it.
        headers = [(n, size if n.lower() == b"content-length" else v) for n, v in headers]
    trailers = http.Headers(body.trailers) if body.trailers else None
    return http.Response(
        b"HTTP/2.0", head.status, b"", http.Headers(headers), body.data, trailers, now, now
    )


def _end_of(message: str) -> End:
    lower = message.lower()
    return next((end for said, end in _FAILURES if said in lower), End.UPSTREAM_INVALID)
