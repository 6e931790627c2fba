import pytest

from proxy.core.decisions import Address
from proxy.core.model import Headers, RequestHead
from proxy.servers.passing import upstream_head

HERE = Address("https", "10.0.0.7", 8443, "api.test")


def head(headers: Headers, *, port: int = 443) -> RequestHead:
    return RequestHead("POST", "https", "api.test", port, "/v1/x?q=\xe9", headers=headers)


@pytest.mark.parametrize(
    ("headers", "chunked", "sent"),
    [
        (((b"hOST", b"127.0.0.1:1"), (b"X-a", b" 1")), False, b"hOST: api.test\r\nX-a:  1\r\n"),
        (((b"X", b"1"),), False, b"Host: api.test\r\nX: 1\r\n"),
        (
            ((b"Host", b"x"), (b"Connection", b"close, X-Mine"), (b"x-mine", b"1"), (b"TE", b"t")),
            False,
            b"Host: api.test\r\n",
        ),
        (
            ((b"Host", b"x"), (b"Transfer-Encoding", b"chunked")),
            True,
            b"Host: api.test\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            ((b"Host", b"x"), (b"Upgrade", b"h2c"), (b"Connection", b"Upgrade")),
            False,
            b"Host: api.test\r\n",
        ),
        (
            (
                (b"Host", b"x"),
                (b"connection", b"Upgrade, X"),
                (b"X", b"1"),
                (b"Upgrade", b"WebSocket"),
            ),
            False,
            b"Host: api.test\r\nconnection: Upgrade, X\r\nUpgrade: WebSocket\r\n",
        ),
    ],
)
def test_the_head_for_the_upstream(headers: Headers, chunked: bool, sent: bytes) -> None:
    line = "POST /v1/x?q=\xe9 HTTP/1.1\r\n".encode("latin-1")
    assert upstream_head(head(headers), HERE, chunked=chunked) == line + sent + b"\r\n"


def test_a_port_that_is_not_the_usual_one_is_named() -> None:
    assert b"Host: api.test:8443\r\n" in upstream_head(head((), port=8443), HERE)
