import asyncio
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated

from addons import h2_layer
from tests.addons.conftest import Proxy
from tests.addons.test_slow_lane import http2, trusted_upstream

HEAD = ((":method", "GET"), (":path", "/"), (":authority", "localhost"), (":scheme", "https"))


def asking() -> H2Connection:
    """A client with one request to send."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, HEAD, end_stream=True)
    return client


async def test_a_client_connects_anew_after_so_many_streams(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h2_layer, "STREAMS", 2)
    connected: list[object] = []
    proxy.interceptor._table["tls_start_client"].append(connected.append)  # type: ignore[attr-defined]  # a list
    with trusted_upstream(proxy, tmp_path) as upstream:
        async with http2(proxy) as client:
            url = f"{upstream.https}/fixed?size=3"
            one_by_one = [await client.get(url) for _ in range(5)]
            together = await asyncio.gather(*(client.get(url) for _ in range(6)))
    assert [answer.status_code for answer in (*one_by_one, *together)] == [200] * 11
    assert len(await proxy.exchanges()) == 11
    assert len(connected) == 3  # two, two, and one that stayed for those that came together


async def test_a_client_that_asks_while_it_is_sent_away_is_not_reset(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h2_layer, "STREAMS", 1)
    reader, writer = await proxy.tunnel("h2")
    client = asking()
    asked = client.data_to_send()
    client.send_headers(3, HEAD, end_stream=True)
    too_late = client.data_to_send()
    writer.write(asked)
    goodbye: list[ConnectionTerminated] = []
    while not goodbye:
        data = await reader.read(65536)
        assert data
        told = client.receive_data(data)
        goodbye += [event for event in told if isinstance(event, ConnectionTerminated)]
    writer.write(too_late)  # crosses the goodbye
    await writer.drain()
    again, other = await proxy.tunnel("h2")  # as long as a reset would have taken
    assert not reader.at_eof()
    assert goodbye[0].last_stream_id == 1
    for one in (writer, other):
        one.close()
    del again
    assert len(await proxy.exchanges()) == 1


async def test_who_does_not_leave_is_cut_off(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h2_layer, "STREAMS", 1)
    monkeypatch.setattr(h2_layer, "LINGER", 0.01)
    reader, writer = await proxy.tunnel("h2")
    client = asking()
    writer.write(client.data_to_send())
    assert await asyncio.wait_for(reader.read(-1), 30)  # to its end
    writer.close()
