import os
import socket
import subprocess
import sys

import pytest

from proxy.core.correlation import Peer
from proxy.engine import processes

CLIENT = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sys.stdin.read()
"""


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_process_behind_a_loopback_connection_is_found(host: str, *, told: bool) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-c", CLIENT, host, str(port)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE)
        connection, (_, client_port, *_more) = server.accept()
        with connection:
            listener = f"{host}:{port}" if told else ""
            peer = Peer(f"{host}:{client_port}", connection=f"{told}", listener=listener)
            name = processes.name(peer)
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    assert name.startswith(f"pid:{child.pid}:")


def test_a_process_that_ended_hides_no_other_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for number in range(2):
            command = [sys.executable, "-c", CLIENT, "127.0.0.1", str(port)]
            child = subprocess.Popen(command, stdin=subprocess.PIPE)
            connection, (_, client_port) = server.accept()
            with connection:
                name = processes.name(Peer(f"127.0.0.1:{client_port}", connection=f"e{number}"))
            assert child.stdin is not None
            child.stdin.close()
            child.wait()
            assert name.startswith(f"pid:{child.pid}:")


def test_dashcams_own_process_is_not_a_client() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = client.getsockname()[1]
        name = processes.name(Peer(f"127.0.0.1:{port}", connection="2"))
    assert str(os.getpid()) not in name


def test_a_remote_client_is_its_address() -> None:
    assert processes.name(Peer("203.0.113.7:4000")) == "address:203.0.113.7"
