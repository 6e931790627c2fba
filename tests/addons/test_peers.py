import base64

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.peers import Peers, proxy_user


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "user"),
    [
        (basic("run_1:x"), "run_1"),
        (basic("run%201:"), "run 1"),
        (basic(":x"), None),
        ("basic " + basic("a:b")[6:], "a"),
        ("Basic !!", None),
        ("Bearer abc", None),
        (None, None),
    ],
)
def test_the_user_name_is_read(value: str | None, user: str | None) -> None:
    assert proxy_user(value) == user
    assert proxy_user(value.encode() if value else None) == user


def test_connect_carries_the_user_for_its_connection() -> None:
    flow = tflow.tflow()
    peers = Peers({flow.client_conn.sockname[1]: "of_the_port"})
    peers.connected(flow.client_conn, basic("run_1:x").encode())
    peer = peers.of(flow.client_conn)
    assert (peer.user, peer.run, peer.connection) == ("run_1", "of_the_port", flow.client_conn.id)
    assert peer.address == f"{flow.client_conn.peername[0]}:{flow.client_conn.peername[1]}"
    peers.client_disconnected(flow.client_conn)
    assert peers.of(flow.client_conn).user is None


def test_a_plain_request_carries_its_own() -> None:
    flow = tflow.tflow()
    headers = http.Headers([(b"proxy-authorization", basic("run_2:").encode())])
    assert Peers({}).of(flow.client_conn, headers).user == "run_2"
