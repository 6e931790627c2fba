import asyncio
import socket
from collections.abc import Sequence

import pytest

from proxy.cli._doors import Doors
from proxy.errors import ListenError


class Host:
    """Serves ports with a letter, once it is let."""

    def __init__(self) -> None:
        self.may_load = asyncio.Event()
        self.made = 0
        self.servers: list[asyncio.Server] = []
        self.doors = Doors(self.make, self.serve)

    async def make(self) -> str:
        self.made += 1
        await self.may_load.wait()
        return "x"

    async def serve(self, made: str, sockets: Sequence[socket.socket]) -> None:
        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(made.encode())
            writer.close()
            await writer.wait_closed()

        self.servers += [await asyncio.start_server(answer, sock=each) for each in sockets]


async def visit(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_first_client_has_it_loaded_and_is_served() -> None:
    host = Host()
    ports = [host.doors.open("127.0.0.1", 0) for _ in range(2)]
    visits = [asyncio.ensure_future(visit(port)) for port in (*ports, ports[0])]
    host.may_load.set()
    assert await asyncio.gather(*visits) == [b"x"] * 3
    assert await visit(host.doors.open("127.0.0.1", 0)) == b"x", "and so is one of a later port"
    assert host.made == 1
    assert host.doors.waited_for
    assert await host.doors.stop() == "x"
    for server in host.servers:
        server.close()


async def test_nobody_comes_and_nothing_is_loaded() -> None:
    host = Host()
    port = host.doors.open("127.0.0.1", 0)
    assert not host.doors.waited_for
    assert await host.doors.stop() is None
    assert host.made == 0
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await visit(port)


async def test_what_cannot_be_loaded_lets_nobody_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def make() -> str:
        raise ImportError("no such module")

    doors = Doors(make, Host().serve)
    port = doors.open("127.0.0.1", 0)
    with pytest.raises(OSError, match=r"reset|refused|Connect call failed"):
        await visit(port)
    assert doors.made is None
    assert not doors.close(port)
    assert "no such module" in caplog.text


async def test_a_port_is_taken_at_once() -> None:
    doors = Host().doors
    port = doors.open("127.0.0.1", 0)
    with pytest.raises(ListenError, match=str(port)):
        doors.open("127.0.0.1", port)
    assert doors.close(port)
    assert doors.open("127.0.0.1", port) == port
    await doors.stop()
