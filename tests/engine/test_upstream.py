import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from proxy.core.decisions import Address
from proxy.core.model import End
from proxy.engine import upstream
from proxy.engine.proxies import Proxies
from proxy.engine.upstream import Pool, UpstreamError, explain


class Listener:
    """A borrower that remembers."""

    def __init__(self) -> None:
        self.data = b""
        self.closed: list[Exception | None] = []
        self.event = asyncio.Event()

    def upstream_data(self, data: bytes) -> None:
        self.data += data
        self.event.set()

    def upstream_closed(self, error: Exception | None) -> None:
        self.closed.append(error)
        self.event.set()


@asynccontextmanager
async def echo(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[int]]]:
    """A server that answers each line with itself, and hangs up on `bye`."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        while line := await reader.readline():
            if line == b"bye\n":
                break
            writer.write(line)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


def at(port: int, scheme: str = "http", name: str = "127.0.0.1") -> Address:
    return Address(scheme, "127.0.0.1", port, name)


async def test_a_released_connection_is_lent_again() -> None:
    pool = Pool()
    async with echo() as (port, connections):
        for word in (b"one\n", b"two\n"):
            listener = Listener()
            connection = await pool.acquire(at(port), listener)
            connection.write(word)
            await listener.event.wait()
            assert listener.data == word
            pool.release(connection)
        assert len(connections) == 1
        pool.close()


async def test_a_connection_in_use_is_not_lent_twice() -> None:
    pool = Pool()
    async with echo() as (port, _):
        first = await pool.acquire(at(port), Listener())
        second = await pool.acquire(at(port), Listener())
        assert first is not second
        pool.discard(first)
        pool.discard(second)


async def test_what_cannot_be_sent_twice_gets_no_stale_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool()
    async with echo() as (port, _):
        connection = await pool.acquire(at(port), Listener())
        pool.release(connection)
        monkeypatch.setattr(upstream, "STALE", 0.0)
        fresh = await pool.acquire(at(port), Listener(), repeatable=False)
        assert fresh is not connection
        pool.discard(fresh)
        again = await pool.acquire(at(port), Listener(), repeatable=True)
        assert again is connection
        pool.discard(again)


async def test_an_idle_connection_that_the_upstream_closes_is_forgotten() -> None:
    pool = Pool()
    async with echo() as (port, connections):
        connection = await pool.acquire(at(port), Listener())
        pool.release(connection)
        connection.write(b"bye\n")
        forgotten = asyncio.Event()
        forget = pool._forget

        def note(lost: upstream.Connection) -> None:
            forget(lost)
            forgotten.set()

        connection.on_idle_loss = note
        await forgotten.wait()
        other = await pool.acquire(at(port), Listener())
        assert len(connections) == 2
        pool.discard(other)


async def test_the_borrower_hears_of_a_close_and_of_a_reset() -> None:
    pool = Pool()
    async with echo() as (port, _):
        listener = Listener()
        connection = await pool.acquire(at(port), listener)
        connection.write(b"bye\n")
        await listener.event.wait()
        assert listener.closed == [None]
        assert connection.is_closing()
        pool.release(connection)
        assert not pool._idle.get(at(port))


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UpstreamError, match="refused the connection") as caught:
        await Pool().acquire(at(port), Listener())
    assert caught.value.end is End.UPSTREAM_REFUSED


@pytest.mark.parametrize("host", ["a..b", "tes\x8e", "a" * 64])
async def test_what_is_no_name_of_a_host_is_not_reached(host: str) -> None:
    for proxies in (None, Proxies.of("http://127.0.0.1:9", {})):
        with pytest.raises(UpstreamError, match="is no name of a host") as caught:
            await Pool(proxies=proxies).dial(Address("http", host, 80, host), Listener())
        assert caught.value.end is End.UPSTREAM_REFUSED


async def test_nobody_answers() -> None:
    silent = socket.create_server(("127.0.0.1", 0), backlog=1)
    address = at(silent.getsockname()[1], "https")
    with silent, pytest.raises(UpstreamError, match="no connection to") as caught:
        await Pool(connect_timeout=0.05).acquire(address, Listener())
    assert caught.value.end is End.UPSTREAM_TIMEOUT


async def test_tls_is_verified_by_the_requests_own_name(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("api.acme.test").configure_cert(server)
    pool = Pool(upstream_ca=tmp_path / "ca.pem")
    resumed: list[bool] = []
    buffers: set[int] = set()
    async with echo(server) as (port, _):
        for name in ("api.acme.test", "api.acme.test."):  # which is the same, and absolute
            listener = Listener()
            connection = await pool.acquire(at(port, "https", name), listener)
            connection.write(b"hello\n")
            await listener.event.wait()
            assert listener.data == b"hello\n"
            assert connection.transport is not None
            resumed.append(connection.transport.get_extra_info("ssl_object").session_reused)
            buffers.add(id(vars(connection.transport)["_ssl_protocol"]._ssl_buffer))
            pool.discard(connection)
            await asyncio.sleep(0)  # it is lost
        assert resumed == [False, True]
        assert buffers == {id(pool._buffer)}  # which all of its connections share
        with pytest.raises(UpstreamError, match="not valid") as caught:
            await pool.acquire(at(port, "https", "other.acme.test"), Listener())
        assert caught.value.end is End.UPSTREAM_TLS
        with pytest.raises(UpstreamError, match="not valid"):
            await Pool().acquire(at(port, "https", "api.acme.test"), Listener())


async def test_whoever_is_told_to_close_twice_is_still_told_of_the_end(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("api.acme.test").configure_cert(server)
    pool = Pool(upstream_ca=tmp_path / "ca.pem")
    resumed: list[bool] = []
    async with echo(server) as (port, _):
        for _ in range(2):
            listener = Listener()
            connection = await pool.acquire(at(port, "https", "api.acme.test"), listener)
            assert connection.transport is not None
            resumed.append(connection.transport.get_extra_info("ssl_object").session_reused)
            connection.write(b"hello\n")
            await listener.event.wait()
            listener.event.clear()
            connection.close()
            connection.close()
            async with asyncio.timeout(10):
                await listener.event.wait()
            assert listener.closed == [None]
    assert resumed == [False, True]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ConnectionRefusedError(), End.UPSTREAM_REFUSED),
        (ConnectionResetError(), End.UPSTREAM_RESET),
        (ssl.SSLError(1, "wrong version number"), End.UPSTREAM_TLS),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), End.UPSTREAM_REFUSED),
        (socket.gaierror(-2, "Name or service not known"), End.UPSTREAM_REFUSED),
    ],
)
def test_each_failure_has_its_end_and_names_the_host(error: OSError, end: End) -> None:
    said, message = explain(error, at(443))
    assert said is end
    assert "127.0.0.1:443" in message


async def test_a_host_that_was_just_reached_is_not_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool()
    loop = asyncio.get_running_loop()
    asked: list[object] = []
    look_up = loop.getaddrinfo

    async def counted(host: object, *rest: object, **more: object) -> object:
        asked.append(host)
        return await look_up(host, *rest, **more)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(loop, "getaddrinfo", counted)
    async with echo() as (port, connections):
        address = Address("http", "localhost", port, "localhost")
        for _ in range(3):
            pool.discard(await pool.dial(address, Listener()))
        assert asked == ["localhost"]
        # It has moved: what was known is of no use, and the name is looked up once more.
        pool._reached["localhost", port] = ("127.0.0.3", pool._reached["localhost", port][1])
        pool.discard(await pool.dial(address, Listener()))
        assert asked == ["localhost", "localhost"]
        assert len(connections) == 4
        assert pool._reached["localhost", port][0] == "127.0.0.1"
        pool.close()
