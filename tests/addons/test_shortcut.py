import asyncio
import os
from collections.abc import Iterator
from typing import override

import pytest
from mitmproxy.proxy import events
from mitmproxy.proxy.layers import HttpLayer

from addons import shortcut
from addons.shortcut import Shortcut
from proxy.core.model import End
from tests.addons.conftest import OK, Proxy

POST = b"POST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[type[events.Event]]:
    """The events that took the short way, by kind."""
    seen: list[type[events.Event]] = []
    said = Shortcut.said

    def heard(self: Shortcut, event: events.Event) -> Iterator[object]:
        seen.append(type(event))
        return said(self, event)

    monkeypatch.setattr(Shortcut, "said", heard)
    return seen


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> list[events.Event]:
    """The events that mitmproxy's HTTP layer got."""
    seen: list[events.Event] = []
    handle = HttpLayer._handle_event

    def heard(self: HttpLayer, event: events.Event) -> Iterator[object]:
        seen.append(event)
        yield from handle(self, event)

    monkeypatch.setattr(HttpLayer, "_handle_event", heard)
    return seen


async def test_calls_of_an_open_tunnel_pass_by_mitmproxys_layers(
    proxy: Proxy, taken: list[type[events.Event]], long_way: list[events.Event]
) -> None:
    reader, writer = await proxy.tunnel()
    for number in range(3):
        body = b"x" * (number * 40_000)  # none, several TLS records, more than one read
        writer.write(POST % len(body) + body)
        assert await reader.readexactly(len(OK)) == OK
        if number == 0:
            long_way.clear()
    assert taken
    assert long_way == []
    writer.close()
    exchanges = await proxy.exchanges()
    assert [len(one.request_body.data) for one in exchanges] == [0, 40_000, 80_000]
    assert {one.end for one in exchanges} == {End.COMPLETE}


@pytest.mark.parametrize("how", ["close_notify", "garbage"])
async def test_the_end_of_tls_in_the_middle_of_a_call_ends_it(
    proxy: Proxy, taken: list[type[events.Event]], how: str
) -> None:
    reader, writer = await proxy.tunnel()
    writer.write(POST % 0)
    assert await reader.readexactly(len(OK)) == OK
    writer.write(POST % 10 + b"half")  # the upstream waits for the rest
    while not proxy.engine._open:  # noqa: ASYNC110 - nobody sets an event for this
        await asyncio.sleep(0)
    if how == "garbage":
        raw = writer.transport.get_extra_info("socket")
        os.write(raw.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that is none
    writer.close()
    exchanges = await proxy.exchanges()
    assert taken
    assert [one.end for one in exchanges] == [End.COMPLETE, End.CLIENT_GONE]
    assert exchanges[1].request_body.data == b"half"


async def test_what_an_upstream_says_in_one_go_is_one_record_for_the_client(proxy: Proxy) -> None:
    """Two writes to one side, in answer to one event, are encrypted and sent together."""
    lines: list[int] = []

    class Counting(shortcut._Tls):
        @override
        def encrypted(self, data: bytes) -> bytes:
            lines.append(len(data))
            return super().encrypted(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortcut, "_Tls", Counting)
        reader, writer = await proxy.tunnel()
        for _ in range(2):
            writer.write(POST % 0)
            assert await reader.readexactly(len(OK)) == OK
    writer.close()
    assert lines == [len(OK)] * 2
