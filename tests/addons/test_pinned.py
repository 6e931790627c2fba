import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from addons.pinned import LEFT_ALONE, REFUSALS, WHY
from proxy.core.model import End
from tests.addons.conftest import OK, Proxy
from tests.addons.test_connect import connect
from tests.addons.test_fast_lane import HEAD, answer


@pytest.fixture
def now(proxy: Proxy) -> list[float]:
    """The time, in seconds, for the test to set."""
    time = [1000.0]
    proxy.interceptor._layers._pinned._clock = lambda: time[0]
    return time


async def ask(proxy: Proxy, trust: ssl.SSLContext) -> bytes:
    """One call over TLS, to the upstream by its name."""
    reader, writer = await connect(proxy, proxy.upstream.tls_port)
    try:
        await writer.start_tls(trust, server_hostname="localhost")
        writer.write(HEAD + b"\r\n")
        return await answer(reader)
    finally:
        writer.close()


async def test_a_client_that_pins_is_let_through_after_some_refusals(
    proxy: Proxy,
    now: list[float],
    upstream_ca: trustme.CA,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream_ca.cert_pem.write_to_path(tmp_path / "pin.pem")
    pin = ssl.create_default_context(cafile=str(tmp_path / "pin.pem"))
    for _ in range(REFUSALS):
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(proxy, pin)
    async with asyncio.timeout(20):
        while proxy.interceptor._handlers:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    exchanges = await proxy.exchanges()
    assert [(one.request.url, one.end) for one in exchanges] == [
        (f"https://localhost:{proxy.upstream.tls_port}", End.CLIENT_TLS)
    ] * REFUSALS
    assert "certificate for localhost (it hung up when it was shown it)" in str(exchanges[0].error)
    assert "dashcam doctor" in str(exchanges[0].error)
    assert "refused the certificate for localhost 3 times" in caplog.text
    assert await ask(proxy, pin) == OK
    tunnel = (await proxy.exchanges())[-1]
    assert (tunnel.lane, tunnel.end) == ("tunnel", End.COMPLETE)
    assert WHY in tunnel.notes[0]
    now[0] += LEFT_ALONE + 1
    with pytest.raises(ssl.SSLCertVerificationError):
        await ask(proxy, pin)


async def test_a_client_that_says_what_it_does_not_like(proxy: Proxy, now: list[float]) -> None:
    def shake() -> None:
        with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
            plain.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.tls_port)
            assert plain.recv(1000).startswith(b"HTTP/1.1 200 ")
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")

    await asyncio.to_thread(shake)
    async with asyncio.timeout(20):
        while proxy.interceptor._handlers:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    (exchange,) = await proxy.exchanges()
    assert "certificate for localhost (unknown CA): it does not trust the CA" in str(exchange.error)


async def test_a_client_that_has_taken_it_once_is_never_let_through(
    proxy: Proxy, now: list[float]
) -> None:
    mine = ssl.create_default_context(cafile=proxy.authority.cert_path)
    assert await ask(proxy, mine) == OK
    for _ in range(REFUSALS + 1):
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(proxy, ssl.create_default_context())
    assert not proxy.interceptor._layers._pinned._until
    async with asyncio.timeout(20):
        while proxy.interceptor._handlers:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    # These hung up without a word, as a client does that needs a connection no longer.
    assert [one.end for one in await proxy.exchanges()] == [End.COMPLETE]


async def test_another_host_and_another_run_are_counted_for_themselves(
    proxy: Proxy, now: list[float]
) -> None:
    other = await proxy.interceptor.listen("127.0.0.1", 0, run="other")
    for port in (proxy.port, other) * (REFUSALS - 1):
        proxy.port = port
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(proxy, ssl.create_default_context())
    assert not proxy.interceptor._layers._pinned._until
