import pytest

from proxy.core.http1 import special_of
from proxy.servers.pages import is_admitted
from tests.servers.conftest import OK, Place, answers

REFUSED = (
    b"Origin: http://evil.example",
    b"Origin: https://evil.example:8081",  # whatever Host says: its name may lead here
    b"Origin: http://localhost.evil.example",
    b"Origin: http://127.0.0.1.evil.example",
    b"Origin: http://[",
    b"Origin: null",
    b"Origin: \xff",
    b"Sec-Fetch-Site: cross-site",
    b"sec-fetch-site: cross-site\r\nSec-Fetch-Mode: no-cors",
    b"Host: evil.example",  # a GET of a page whose name leads here now
    b"Host: evil.example.:8081",
    b"Host: 127.0.0.1.evil.example:8081",
    b"Host: internal.evil.example\r\nSec-Fetch-Site: same-origin",
)
ADMITTED = (
    b"X-Origin: http://evil.example",
    b"Origin: http://localhost:3000",
    b"Origin: https://127.0.0.1:3000",
    b"Origin: http://[::1]:3000",
    b"Origin: http://tauri.localhost",
    b"Origin: vscode-webview://1a2b",
    b"Origin: file://x",
    b"Sec-Fetch-Site: none",
    b"Sec-Fetch-Site: same-site",
    b"Origin: http://localhost:3000\r\nSec-Fetch-Site: cross-site",
    b"Host: 127.0.0.1:8081",
    b"Host: [::1]:8081",
    b"Host: 10.0.0.7",
    b"Host: dashcam:8081",
    b"Host: host.docker.internal:8081",
    b"Host: gateway.test:8081",
    b"User-Agent: one without a Host",
)


def lines(text: bytes) -> tuple[tuple[bytes, bytes], ...]:
    pairs = (line.partition(b": ") for line in text.split(b"\r\n"))
    return tuple((name, value) for name, _, value in pairs)


@pytest.mark.parametrize("said", ADMITTED)
def test_who_may_ask(said: bytes) -> None:
    assert is_admitted(special_of(lines(said)))


@pytest.mark.parametrize("said", REFUSED)
def test_pages_of_other_sites_may_not(said: bytes) -> None:
    assert not is_admitted(special_of(lines(said)))


async def test_pages_of_other_sites_do_not_reach_an_upstream(place: Place) -> None:
    await place.upstream(answers)
    ask = b"POST /mine/x HTTP/1.1\r\nContent-Length: 2\r\n%b\r\n\r\n{}"
    for said in REFUSED:
        reader, writer = await place.client()
        host = b"" if said.startswith(b"Host:") else b"Host: localhost:8081\r\n"
        writer.write(ask % (host + said))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403 "), said
        assert b"access-control" not in head.lower()
    reader, writer = await place.client()
    writer.write(ask % b"Host: evil.example\r\nOrigin: http://localhost:3000")
    assert await reader.readexactly(len(OK)) == OK
