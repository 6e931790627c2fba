import os
import socket
import subprocess
import sys

from proxy.core.correlation import Peer
from proxy.engine import processes

CLIENT = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
"""


def test_the_process_behind_a_loopback_connection_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        child = subprocess.Popen([sys.executable, "-c", CLIENT, port], stdin=subprocess.PIPE)
        connection, (host, client_port) = server.accept()
        with connection:
            name = processes.name(Peer(f"{host}:{client_port}", connection="1"))
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
