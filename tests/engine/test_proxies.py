import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from proxy.core.decisions import Address
from proxy.core.http1 import MAX_HEAD
from proxy.core.model import End
from proxy.engine.proxies import Hop, Proxies, goes_past, read
from proxy.engine.upstream import Pool, UpstreamError
from proxy.errors import ConfigError
from tests.engine.test_upstream import Listener, echo

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
UPSTREAM = "api.acme.test"


@dataclass(slots=True)
class ConnectProxy:
    """Leads every CONNECT to one port, or says something else."""

    leads_to: int = 0
    says: bytes = OPEN
    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.says)
        if self.says.startswith(OPEN):
            there, out = await asyncio.open_connection("127.0.0.1", self.leads_to)
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(reader, out))
                group.create_task(pump(there, writer))
        writer.close()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ConnectProxy"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


def by(proxy: ConnectProxy, scheme: str = "http", user: str = "") -> Proxies:
    return Proxies.of(f"{scheme}://{user}localhost:{proxy.port}", {})


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(ca: trustme.CA, tmp_path: Path) -> Path:
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def server_tls(ca: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return context


async def said(pool: Pool, address: Address) -> bytes:
    listener = Listener()
    connection = await pool.acquire(address, listener)
    connection.write(b"hello\n")
    await listener.event.wait()
    pool.discard(connection)
    return listener.data


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_tls_goes_through_a_tunnel_verified_by_its_own_name(
    ca: trustme.CA, trusted: Path, scheme: str
) -> None:
    proxy_tls = server_tls(ca, "localhost") if scheme == "https" else None
    async with (
        echo(server_tls(ca, UPSTREAM)) as (port, _),
        ConnectProxy(port).running(proxy_tls) as proxy,
    ):
        pool = Pool(upstream_ca=trusted, proxies=by(proxy, scheme, "ann:s%40e@"))
        assert await said(pool, Address("https", UPSTREAM, 443, UPSTREAM)) == b"hello\n"
        with pytest.raises(UpstreamError, match=r"certificate of other\.test:443 is not valid"):
            await said(pool, Address("https", "other.test", 443, "other.test"))
    user = base64.b64encode(b"ann:s@e").decode()
    assert proxy.heads[0].decode() == (
        f"CONNECT {UPSTREAM}:443 HTTP/1.1\r\nHost: {UPSTREAM}:443\r\n"
        f"Proxy-Authorization: Basic {user}\r\n\r\n"
    )


async def test_the_first_call_through_a_proxy_over_tls_trusts_the_roots_of_the_machine(
    ca: trustme.CA, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with (
        echo() as (port, _),
        ConnectProxy(port).running(server_tls(ca, "localhost")) as proxy,
    ):
        pool = Pool(proxies=by(proxy, "https"))
        assert await said(pool, Address("http", UPSTREAM, 80, UPSTREAM)) == b"hello\n"


async def test_plain_bytes_and_streams_go_through_it_too() -> None:
    async with echo() as (port, _), ConnectProxy(port).running() as proxy:
        pool = Pool(proxies=by(proxy))
        assert await said(pool, Address("http", UPSTREAM, 80, UPSTREAM)) == b"hello\n"
        reader, writer = await pool.stream(Address("https", UPSTREAM, 22, UPSTREAM))
        writer.write(b"stream\n")
        assert await reader.readline() == b"stream\n"
        writer.close()
    assert [head.split()[1] for head in proxy.heads] == [b"api.acme.test:80", b"api.acme.test:22"]


async def test_a_proxy_that_makes_no_tunnel_for_plain_http_is_asked_in_its_own_words() -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    async with ConnectProxy(says=answer).running() as proxy:
        pool = Pool(proxies=by(proxy, user="ann:s@"))
        for target in (b"/a?b", b"*"):
            listener = Listener()
            connection = await pool.acquire(Address("http", UPSTREAM, 8080, UPSTREAM), listener)
            head = b"OPTIONS %b HTTP/1.1\r\nHost: any\r\n\r\n" % target
            connection.write(connection.addressed(head))
            await listener.event.wait()
            assert listener.data == answer
            pool.discard(connection)
    user = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"ann:s")
    place = b"api.acme.test:8080"
    assert proxy.heads == [  # it is asked for a tunnel once
        b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (place, place, user),
        b"OPTIONS http://%b/a?b HTTP/1.1\r\n%bHost: any\r\n\r\n" % (place, user),
        b"OPTIONS http://%b HTTP/1.1\r\n%bHost: any\r\n\r\n" % (place, user),
    ]


async def test_what_the_other_end_says_first_is_kept() -> None:
    async with echo() as (port, _), ConnectProxy(port, OPEN + b"SSH-2.0\r\n").running() as proxy:
        pool = Pool(proxies=by(proxy))
        reader, writer = await pool.stream(Address("https", UPSTREAM, 22, UPSTREAM))
        assert await reader.readline() == b"SSH-2.0\r\n"
        writer.close()
        with pytest.raises(UpstreamError, match="bytes that nobody asked for"):
            await said(pool, Address("http", UPSTREAM, 80, UPSTREAM))


REFUSALS: tuple[tuple[bytes, str, End, str], ...] = (
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", "", End.UPSTREAM_REFUSED, r"refused the way.*403 Forbid"),
    (b"HTTP/1.1 407 No\r\n\r\n", "", End.UPSTREAM_REFUSED, r"asks for a user \(407\); give them"),
    (b"HTTP/1.1 407 No\r\n\r\n", "a:b@", End.UPSTREAM_REFUSED, r"does not accept this user"),
    (b"HTTP/1.1 301 Go\r\n\r\n", "", End.UPSTREAM_REFUSED, r"refused the way.*301 Go"),
    (b"\x15\x03\x01\r\n\r\n", "", End.UPSTREAM_INVALID, "does not answer as a proxy does"),
    (b"nonsense\nwithout end", "", End.UPSTREAM_INVALID, "does not answer as a proxy does"),
    (b"A: b\r\n" * (MAX_HEAD // 5), "", End.UPSTREAM_INVALID, "longer than"),
    (b"", "", End.UPSTREAM_RESET, "closed the connection when it was asked for api.acme.test:443"),
    (b"HTTP/1.1 200 ", "", End.UPSTREAM_RESET, "closed the connection when it was asked"),
)


@pytest.mark.parametrize(("answer", "user", "end", "message"), REFUSALS)
async def test_a_proxy_that_does_not_let_us_through_is_a_clear_line(
    answer: bytes, user: str, end: End, message: str
) -> None:
    async with ConnectProxy(says=answer).running() as proxy:
        pool = Pool(proxies=by(proxy, user=user))
        for dial in (said, lambda pool, address: pool.stream(address)):
            with pytest.raises(UpstreamError, match=message) as caught:
                await dial(pool, Address("https", UPSTREAM, 443, UPSTREAM))
            assert caught.value.end is end
            assert f"localhost:{proxy.port}" in str(caught.value)


async def test_a_proxy_that_is_not_there_or_says_nothing() -> None:
    async with ConnectProxy().running() as proxy:
        gone = by(proxy)
    address = Address("https", UPSTREAM, 443, UPSTREAM)
    with pytest.raises(
        UpstreamError, match=r"the upstream proxy localhost:\d+ .*refused"
    ) as caught:
        await said(Pool(proxies=gone), address)
    assert caught.value.end is End.UPSTREAM_REFUSED
    async with echo() as (port, _), ConnectProxy(port, b"").running():
        silent = Proxies.of(f"http://localhost:{port}", {})
        with pytest.raises(UpstreamError, match="through the upstream proxy") as caught:
            await said(Pool(proxies=silent, connect_timeout=0.0), address)
    assert caught.value.end is End.UPSTREAM_TIMEOUT
    socks = Proxies.of(None, {"ALL_PROXY": "socks5h://localhost:1080"})
    with pytest.raises(UpstreamError, match="ALL_PROXY names a socks5h proxy"):
        await said(Pool(proxies=socks), address)


ENV = {
    "https_proxy": "http://lower:1",
    "HTTPS_PROXY": "http://upper:2",
    "ALL_PROXY": "all:3",
    "NO_PROXY": "internal.test, .corp.test",
}


@pytest.mark.parametrize(
    ("setting", "env", "scheme", "host", "proxy"),
    [
        (None, ENV, "https", "a.test", "lower:1"),
        (None, ENV, "http", "a.test", "all:3"),
        (None, ENV, "https", "internal.test", None),
        (None, ENV, "https", "x.corp.test", None),
        (None, ENV, "https", "127.0.0.1", None),
        (None, ENV, "https", "localhost", None),
        ("http://mine:4", ENV, "https", "a.test", "mine:4"),
        ("http://mine:4", ENV, "http", "a.test", "mine:4"),
        ("http://mine:4", ENV, "http", "internal.test", None),
        ("direct", ENV, "https", "a.test", None),
        (None, {}, "https", "a.test", None),
        (None, {"HTTPS_PROXY": ""}, "https", "a.test", None),
        (None, {"HTTP_PROXY": "https://safe"}, "http", "a.test", "safe:443"),
    ],
)
def test_which_proxy_a_connection_takes(
    setting: str | None, env: dict[str, str], scheme: str, host: str, proxy: str | None
) -> None:
    hop = Proxies.of(setting, env).hop(scheme, host, 443)
    assert (hop.place if hop else None) == proxy


@pytest.mark.parametrize(
    ("past", "host", "port", "covered"),
    [
        ("*", "a.test", 443, True),
        ("a.test", "a.test", 443, True),
        ("a.test", "x.a.test", 443, True),
        ("a.test", "xa.test", 443, False),
        (".a.test", "a.test", 443, True),
        ("*.a.test", "x.a.test", 443, True),
        ("A.Test", "a.test.", 443, True),
        ("a.test:8443", "a.test", 8443, True),
        ("a.test:8443", "a.test", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.0/8", "10.9.9.9", 443, True),
        ("10.0.0.0/8", "11.9.9.9", 443, False),
        ("10.0.0.0/99", "10.9.9.9", 443, False),
        ("0.0.1", "10.0.0.1", 443, False),
        ("fe80::1", "fe80::1", 443, True),
        ("[fe80::1]:443", "fe80::1", 443, True),
        ("[fe80::1]:80", "fe80::1", 443, False),
        ("fd00::/8", "fd00::5", 443, True),
        ("", "a.test", 443, False),
        (".", "a.test", 443, False),
    ],
)
def test_no_proxy(past: str, host: str, port: int, covered: bool) -> None:
    proxies = Proxies.of("http://p:1", {"no_proxy": past})
    assert (proxies.hop("https", host, port) is None) == covered
    assert goes_past(tuple(past.lower().split()), host, port) == covered


def test_a_proxy_that_is_dashcam_itself_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    proxies = Proxies.of(None, {"https_proxy": "http://r:x@127.0.0.1:8080"}, {8080})
    assert proxies.hop("https", "a.test", 443) is None
    assert "https_proxy names Dashcam itself" in caplog.text
    assert Proxies.of(None, {"https_proxy": "http://127.0.0.1:8081"}, {8080}).hop(
        "https", "a.test", 443
    )


def test_a_proxys_url() -> None:
    assert read("p", "x") == Hop("http", "p", 80, None, "x")
    assert read("http://u%20v:@[::1]:9/", "x") == Hop("http", "::1", 9, "u v:", "x")
    make: Callable[[], object] = lambda: Proxies.of(None, {"HTTPS_PROXY": "http://h:99999"})  # noqa: E731 - shown to raises
    with pytest.raises(ConfigError, match="HTTPS_PROXY is not the URL of a proxy"):
        make()


async def test_a_client_certificate_is_shown_where_it_is_asked_for(
    ca: trustme.CA, trusted: Path, tmp_path: Path
) -> None:
    asking = server_tls(ca, UPSTREAM)
    ca.configure_trust(asking)
    asking.verify_mode = ssl.CERT_REQUIRED
    mine = ca.issue_cert("me@acme.test")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    async with echo(asking) as (port, _):
        address = Address("https", "127.0.0.1", port, UPSTREAM)
        for files in ((tmp_path / "both.pem", None), (tmp_path / "cert.pem", tmp_path / "key.pem")):
            pool = Pool(upstream_ca=trusted, certificates={"*.acme.test": files})
            assert await said(pool, address) == b"hello\n"
        other = {"other.test": (tmp_path / "both.pem", None)}
        assert await said(Pool(upstream_ca=trusted, certificates=other), address) == b""


@pytest.mark.parametrize("content", [None, "nothing"])
def test_a_client_certificate_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="the client certificate"):
        Pool(certificates={"a.test": (path, None)})
