import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, StreamEnded

from addons.slow_lane import _end_of, _made
from proxy.core.model import End
from proxy.engine.proxies import Proxies
from proxy.engine.router import Router
from tests.addons.conftest import Proxy, Reader, Writer
from tests.engine.gates import BAD_ANSWER, BAD_REQUEST, BOTH, ECHO, enforce
from tests.engine.test_proxies import ConnectProxy
from tests.upstream.behaviours import BEHAVIOURS
from tests.upstream.certificates import Certificates
from tests.upstream.http2 import Http2Connection
from tests.upstream.server import Upstream
from tests.upstream.world import World


@contextmanager
def trusted_upstream(proxy: Proxy, folder: Path) -> Iterator[Upstream]:
    """The upstream of the end-to-end tests, which speaks HTTP/2."""
    certificates = Certificates(folder)
    with Upstream(certificates) as upstream:
        for addon in proxy.interceptor._table["tls_start_server"]:
            tls = getattr(addon, "__self__", None)
            assert tls is not None
            tls._upstream_context.load_verify_locations(str(certificates.file))
        yield upstream


def http2(proxy: Proxy) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=proxy.authority.cert_path)
    where = f"http://127.0.0.1:{proxy.port}"
    return httpx.AsyncClient(http1=False, http2=True, verify=context, proxy=where)


async def test_http2_is_recorded_as_the_same_exchanges(proxy: Proxy, tmp_path: Path) -> None:
    with trusted_upstream(proxy, tmp_path) as upstream:
        async with http2(proxy) as client:
            chunked = await client.get(f"{upstream.https}/chunked?sizes=1,10,100")
            posted = await client.post(f"{upstream.https}/echo", content=b"z" * 50_000)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"{upstream.https}/reset?after=2")
            down = await client.get("https://localhost:1/x")
    assert (chunked.http_version, len(chunked.content)) == ("HTTP/2", 111)
    assert (posted.status_code, down.status_code) == (200, 502)
    assert down.json()["error"]["type"] == "upstream_refused"
    first, second, third, fourth = await proxy.exchanges()
    assert {one.lane for one in (first, second, third, fourth)} == {"slow"}
    assert first.response_body.data == chunked.content
    assert second.request_body.data == b"z" * 50_000
    assert third.end is End.UPSTREAM_RESET
    assert fourth.end is End.UPSTREAM_REFUSED


async def test_a_mapped_upstream_is_dialled_once(proxy: Proxy, tmp_path: Path) -> None:
    dialled: list[object] = []
    with trusted_upstream(proxy, tmp_path) as upstream:
        proxy.engine.router = Router.of({"upstream.test": upstream.https})
        proxy.interceptor._table["server_connect"].append(dialled.append)  # type: ignore[attr-defined]  # a list
        async with http2(proxy) as client:
            for _ in range(3):
                assert (await client.get("https://upstream.test/fixed?size=3")).status_code == 200
    assert len(dialled) == 1


async def test_http2_goes_through_the_upstream_proxy(proxy: Proxy, tmp_path: Path) -> None:
    with trusted_upstream(proxy, tmp_path) as upstream:
        async with ConnectProxy(upstream.ports["https"]).running() as between:
            proxy.engine.pool._proxies = Proxies.of(f"http://localhost:{between.port}", {})
            async with http2(proxy) as client:
                answer = await client.get("https://upstream.test/fixed?size=3")
                between.says = b"HTTP/1.1 403 Forbidden\r\n\r\n"
                refused = await client.get("https://expired.test/x")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert between.heads[0].startswith(b"CONNECT upstream.test:443 HTTP/1.1\r\n")
    assert refused.status_code == 502
    assert "refused the way to expired.test:443: 403 Forbidden" in refused.text
    assert [one.end for one in await proxy.exchanges()] == [End.COMPLETE, End.UPSTREAM_REFUSED]


async def test_http2_without_tls_is_spoken_to_its_upstream_too(proxy: Proxy) -> None:
    world = World(asyncio.get_running_loop())

    async def serve(reader: Reader, writer: Writer) -> None:
        await Http2Connection(reader, writer, world, BEHAVIOURS.__getitem__, 1).serve()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    where = b"localhost:%d" % server.sockets[0].getsockname()[1]
    reader, writer = await proxy.connect()
    writer.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (where, where))
    wire = H2Connection(H2Configuration(client_side=True))
    wire.initiate_connection()
    for number in (1, 3):
        names = (b":method", b":scheme", b":authority", b":path")
        fields = zip(names, (b"GET", b"http", where, b"/trailers"), strict=True)
        wire.send_headers(number, list(fields), end_stream=True)
    seen: list[Event] = []
    async with asyncio.timeout(20):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(wire.data_to_send())
        while sum(isinstance(event, StreamEnded) for event in seen) < 2:
            seen += wire.receive_data(await reader.read(65536))
    writer.close()
    server.close()
    assert [one.data for one in seen if isinstance(one, DataReceived) and one.data] == [
        b"body with trailers"
    ] * 2
    assert {(one.protocol, one.connection) for one in world.seen} == {("h2", 1)}
    for exchange in await proxy.exchanges():
        assert (exchange.end, exchange.request.scheme) == (End.COMPLETE, "http")
        assert exchange.response_body.trailers == ((b"x-digest", b"abc"), (b"x-rows", b"1"))


@pytest.mark.parametrize(
    ("message", "end"),
    [
        ("Client disconnected.", End.CLIENT_GONE),
        ("stream reset by client (CANCEL)", End.CLIENT_GONE),
        ("stream reset by client (INTERNAL_ERROR)", End.UPSTREAM_RESET),
        ("Certificate verify failed: self-signed", End.UPSTREAM_TLS),
        ("a.test:1 refused the connection", End.UPSTREAM_REFUSED),
        ("no connection to a.test:1 in 10 s", End.UPSTREAM_TIMEOUT),
        ("the upstream proxy p:1 (https_proxy) asks for a user (407)", End.UPSTREAM_REFUSED),
        ("the upstream proxy p:1 does not answer as a proxy does", End.UPSTREAM_INVALID),
        ("peer closed connection", End.UPSTREAM_TRUNCATED),
        ("invalid header", End.UPSTREAM_INVALID),
    ],
)
def test_what_mitmproxy_says_has_an_end(message: str, end: End) -> None:
    assert _end_of(message) is end


def test_an_answer_of_ours_has_a_length_unless_it_may_not() -> None:
    assert _made(200, (), b"ok").headers["content-length"] == "2"
    assert "content-length" not in _made(204, (), b"").headers


async def test_an_enforced_schema_stops_bad_requests_and_bad_answers(
    proxy: Proxy, tmp_path: Path
) -> None:
    # What comes back is an object that tells the request.
    echoed = {"properties": {"body": {"type": "string", "pattern": "customerId"}}}
    enforce(proxy.engine, replace(ECHO, responses={"200": echoed}))
    with trusted_upstream(proxy, tmp_path) as upstream:
        async with http2(proxy) as client:
            answers = [
                await client.post(f"{upstream.https}/echo", content=body)
                for body in (BOTH, BAD_ANSWER, BAD_REQUEST)
            ]
    assert [(one.status_code, one.http_version) for one in answers] == [
        (200, "HTTP/2"),
        (502, "HTTP/2"),
        (422, "HTTP/2"),
    ]
    assert answers[0].json()["body"] == BOTH.decode()
    assert "$.body: it breaks the rule pattern" in answers[1].json()["error"]["message"]
    exchanges = await proxy.exchanges()
    assert [one.end for one in exchanges] == [End.COMPLETE, End.REFUSED, End.REFUSED]
    assert exchanges[0].response_body.data == answers[0].content
    assert b"customer_id" in exchanges[1].response_body.data  # what the upstream said is kept
    assert exchanges[2].response_body.data == answers[2].content  # the upstream would have echoed
