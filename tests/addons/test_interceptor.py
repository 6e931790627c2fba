import asyncio

import pytest

from addons.interceptor import HOOKS, _options
from proxy.errors import ListenError
from tests.addons.conftest import Proxy


async def test_a_port_belongs_to_its_run_until_it_is_forgotten(proxy: Proxy) -> None:
    port = await proxy.interceptor.listen("127.0.0.1", 0, run="another")
    assert proxy.interceptor._runs[port] == "another"
    assert port in proxy.engine.router.own_ports
    proxy.interceptor.forget(port)
    assert port not in proxy.engine.router.own_ports
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_one_clear_line(proxy: Proxy) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{proxy.port}"):
        await proxy.interceptor.listen("127.0.0.1", proxy.port)


def test_upstreams_are_dialled_late_and_every_hook_is_mitmproxys() -> None:
    from mitmproxy import hooks
    from mitmproxy.proxy import layer, layers, server_hooks

    assert (layer, layers, server_hooks) is not None
    assert _options().connection_strategy == "lazy"
    assert set(HOOKS) <= set(hooks.all_hooks)
