"""Connections that mitmproxy's own layers ask for, dialled as those of the pool are.

That is: in time, through the upstream proxy where there is one, with a sentence when it fails.
"""

import asyncio
import time

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, server_hooks
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO

from proxy.core.decisions import Address
from proxy.engine.upstream import Pool, UpstreamError


async def open_direct(
    handler: ConnectionHandler, command: commands.OpenConnection, pool: Pool
) -> None:
    """Opens `command`'s connection and serves it to its end, hooks included."""
    server = command.connection
    hooked = server_hooks.ServerConnectionHookData(client=handler.client, server=server)
    await handler.handle_hook(server_hooks.ServerConnectHook(hooked))
    opened, cancelled = None, None
    try:
        opened = await _dialled(server, pool) if server.error is None else None
    except asyncio.CancelledError as error:  # the client has left; its layers wait for an answer
        server.error, cancelled = "the client closed the connection", error
    if opened is None:
        handler.transports.pop(server, None)
        await handler.handle_hook(server_hooks.ServerConnectErrorHook(hooked))
        await handler.server_event(events.OpenConnectionCompleted(command, server.error))
        if cancelled is not None:
            raise cancelled
        return
    reader, writer = opened
    server.timestamp_tcp_setup = time.time()
    server.state = ConnectionState.OPEN
    server.peername = writer.get_extra_info("peername")
    server.sockname = writer.get_extra_info("sockname")
    task = asyncio.current_task()
    handler.transports[server] = ConnectionIO(handler=task, reader=reader, writer=writer)
    await handler.handle_hook(server_hooks.ServerConnectedHook(hooked))
    await handler.server_event(events.OpenConnectionCompleted(command, None))
    try:
        await handler.handle_connection(server)
    finally:
        server.timestamp_end = time.time()


async def _dialled(
    server: Server, pool: Pool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """The open connection; else the reason is on `server`."""
    if server.address is None:
        server.error = "no host was named"
        return None
    host, port = server.address[:2]
    server.timestamp_start = time.time()
    try:
        return await pool.stream(Address("https", host, port, server.sni or host))
    except UpstreamError as error:
        server.error = str(error)
        return None
