import asyncio
from pathlib import Path

import pytest

from addons import h2_layer
from tests.addons.conftest import Proxy
from tests.addons.test_slow_lane import http2, trusted_upstream


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
