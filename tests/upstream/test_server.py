"""The upstream itself: what tests lean on must hold."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.upstream.behaviours import pattern
from tests.upstream.certificates import Certificates
from tests.upstream.server import Upstream


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with Upstream(Certificates(tmp_path_factory.mktemp("upstream"))) as running:
        yield running


def ask(upstream: Upstream, target: str) -> bytes:
    """Everything that one HTTP/1.1 request is answered, until the connection ends."""
    with socket.create_connection(("127.0.0.1", upstream.ports["http"]), timeout=10) as raw:
        raw.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        whole = b""
        while data := raw.recv(65536):
            whole += data
    return whole


EXACT = [
    ("/chunked?sizes=1,2", b"transfer-encoding: chunked\r\n\r\n1\r\n:\r\n2\r\n00\r\n0\r\n\r\n"),
    ("/trailers", b"12\r\nbody with trailers\r\n0\r\nx-digest: abc\r\nx-rows: 1\r\n\r\n"),
    ("/informational", b"final"),
    ("/empty?status=304", b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n'),
    ("/until-close?size=4", b"connection: close\r\n\r\n:000"),
    ("/short?declared=9&sent=4", b"content-length: 9\r\n\r\n:000"),
    ("/cut?after=1", b"\r\n\r\na\r\n000000000\n\r\n"),
    ("/eof-mid-chunk", b"64\r\n0123456789"),
    ("/bad-chunk", b"zz\r\n0123456789\r\n"),
    ("/headers", b"X-OddCase: Yes\r\nx-twice: 1\r\nx-twice: 2\r\nx-empty: \r\n"),
]


@pytest.mark.parametrize(("target", "part"), EXACT, ids=[target for target, _ in EXACT])
def test_bytes_are_what_the_path_says_and_are_logged(
    upstream: Upstream, target: str, part: bytes
) -> None:
    got = ask(upstream, target)
    assert part in got
    seen = upstream.world.seen[-1]
    assert seen.sent.data == got
    assert seen.received.data.startswith(f"GET {target} HTTP/1.1\r\nHost: a\r\n".encode())


def test_a_reset_is_a_reset(upstream: Upstream) -> None:
    with pytest.raises(ConnectionResetError):
        ask(upstream, "/reset?after=1")


def test_gates_hold_a_stream_until_they_are_opened(upstream: Upstream) -> None:
    url = f"{upstream.http}/chunked?sizes=3,4&gate=held-"
    with httpx.stream("GET", url) as response:
        pieces = response.iter_raw()
        assert next(pieces) == pattern(7)[:3]
        upstream.world.wait_arrivals("held-0")
        assert upstream.world.seen[-1].reply.size == 3
        upstream.world.open("held-0")
        upstream.world.open("held-1")
        assert b"".join(pieces) == pattern(7)[3:]


@pytest.mark.parametrize("http2", [False, True])
def test_uploads_and_codings_over_both_protocols(upstream: Upstream, http2: bool) -> None:
    trust = ssl.create_default_context(cafile=str(upstream.certificates.file))
    with httpx.Client(http1=not http2, http2=http2, verify=trust) as client:
        body = pattern(300_000)
        answer = client.post(f"{upstream.https}/upload", content=body)
        assert answer.json()["size"] == len(body)
        for coding in ("gzip", "deflate", "br", "zstd"):
            answer = client.get(f"{upstream.https}/encoded?coding={coding}&size=999&pieces=3")
            assert answer.content == pattern(999)
    assert upstream.world.seen[-1].protocol == ("h2" if http2 else "http/1.1")


def test_bad_certificates_are_refused_by_a_client_that_looks(upstream: Upstream) -> None:
    trust = ssl.create_default_context(cafile=str(upstream.certificates.file))
    for name in ("expired", "wrong_host", "self_signed"):
        port = upstream.ports[name]
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            trust.wrap_socket(raw, server_hostname="127.0.0.1")


def test_web_sockets(upstream: Upstream) -> None:
    base = upstream.http.replace("http:", "ws:")
    with connect(f"{base}/ws/echo") as ws:
        ws.send("text")
        assert ws.recv() == "text"
        ws.send(b"\x00\x01")
        assert ws.recv() == b"\x00\x01"
    with connect(f"{base}/ws/fragments") as ws:
        assert ws.recv() == "one two three"
    with connect(f"{base}/ws/close?code=4001&reason=enough") as ws:
        with pytest.raises(ConnectionClosedError, match="enough"):
            ws.recv()
        assert ws.close_code == 4001


def test_after_stop_nobody_answers(tmp_path: Path) -> None:
    with Upstream(Certificates(tmp_path)) as upstream:
        assert b"200 OK" in ask(upstream, "/fixed")
    with pytest.raises(ConnectionRefusedError):
        ask(upstream, "/fixed")
