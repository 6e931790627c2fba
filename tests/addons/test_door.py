from base64 import b64encode

import pytest

from addons.door import may_enter
from addons.limits import ClientLimits
from proxy.core.http1 import MAX_HEAD
from proxy.engine.reach import Reach
from tests.addons.conftest import Proxy

TOKEN = "s3cret/token"


def basic(password: str) -> bytes:
    return b"Basic " + b64encode(f"run-1:{password}".encode())


@pytest.mark.parametrize(
    ("given", "may"),
    [
        (b"Proxy-Authorization: " + basic(TOKEN), True),
        (b"proxy-authorization:" + basic("s3cret%2Ftoken"), True),
        (b"Proxy-Authorization: basic " + basic(TOKEN)[6:], True),
        (b"Proxy-Authorization: " + basic("x"), False),
        (b"Proxy-Authorization: " + basic(""), False),
        (b"Proxy-Authorization: Basic %%%", False),
        (b"Proxy-Authorization: Bearer " + TOKEN.encode(), False),
        (b"Authorization: " + basic(TOKEN), False),
        (b"X: 1\r\nProxy-Authorization: " + basic("x") + b"\r\nProxy-Authorization: y", False),
        (b"Accept: */*", False),
    ],
)
def test_only_the_token_opens(given: bytes, may: bool) -> None:
    for line in (b"CONNECT a.test:443 HTTP/1.1", b"GET http://a.test/ HTTP/1.1"):
        head = b"%b\r\nHost: a.test\r\n%b\r\n\r\n" % (line, given)
        assert may_enter(head + b"rest", TOKEN, MAX_HEAD) is may
        assert may_enter(head[:-3], TOKEN, MAX_HEAD) is None
    assert may_enter(b"GET / HTTP/1.1\r\nX: " + b"y" * 500, TOKEN, 100) is False


async def test_nobody_gets_in_without_it(proxy: Proxy) -> None:
    proxy.interceptor._layers.limits = ClientLimits(token=TOKEN)
    target = b"http://127.0.0.1:%d/x" % proxy.upstream.port
    for line, said in ((b"A: b", b"407 "), (b"Proxy-Authorization: " + basic(TOKEN), b"200 ")):
        reader, writer = await proxy.connect()
        writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % (target, line))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + said)
        if said == b"407 ":
            rest = await reader.read()
            assert b"TOKEN@HOST:PORT" in rest
            assert f"Content-Length: {len(rest)}\r\n".encode() in head
        writer.close()
    assert len(proxy.upstream.heads) == len(await proxy.exchanges()) == 1


async def test_only_what_may_be_called_is_called(proxy: Proxy) -> None:
    proxy.engine.router.reach = Reach.of(["api.openai.com"], [])
    reader, writer = await proxy.connect()
    target = b"http://127.0.0.1:%d/x" % proxy.upstream.port
    writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % target)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"127.0.0.1 is not one of the hosts that may be called" in answer
    assert proxy.upstream.connections == 0
