import asyncio

import pytest

from proxy.engine.endings import break_off


async def test_what_has_been_sent_arrives_before_the_reset() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"half")
        break_off(writer.transport)
        await reader.readline()  # the client has it
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"go\n")
    assert await reader.readexactly(4) == b"half"
    writer.write(b"on\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    server.close()
