import logging

import pytest

from addons.handler import hook_table
from tests.addons.conftest import OK, Proxy


class First:
    def request(self, flow: object) -> None: ...


class Second:
    def request(self, flow: object) -> None: ...

    def error(self, flow: object) -> None: ...


def test_hooks_go_to_the_addons_in_their_order() -> None:
    first, second = First(), Second()
    table = hook_table([first, second], ["request", "error", "response"])
    assert table == {"request": [first.request, second.request], "error": [second.error]}


async def test_an_addon_that_fails_does_not_harm_the_traffic(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_flow: object) -> None:
        raise ValueError("a bug")

    table = dict(proxy.interceptor._table)
    proxy.interceptor._table = {**table, "next_layer": [broken, *table["next_layer"]]}
    with caplog.at_level(logging.ERROR):
        reader, writer = await proxy.tunnel()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readexactly(len(OK)) == OK
    writer.close()
    assert "next_layer failed" in caplog.text
