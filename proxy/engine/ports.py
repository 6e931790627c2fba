"""Ports: how one is had, and what to say when it cannot be."""

import errno
import socket
from collections.abc import Sequence

from proxy.errors import ListenError

BACKLOG = 1024  # connections that wait to be accepted


def bound(
    host: str, port: int, *, shared: bool = False, listens: bool = True
) -> Sequence[socket.socket]:
    """Sockets that listen at every address of `host`; port 0 takes a free one, the same for all.

    Those that are `shared` let other processes listen there, too; without `listens` they only keep
    the port. Raises ListenError.
    """
    made: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, address in dict.fromkeys((row[0], row[4]) for row in found):
            number = port_of(made) if made else port
            try:
                one = _server(family, (str(address[0]), number), shared=shared, listens=listens)
            except OSError as error:
                if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} and len(found) > 1:
                    continue  # a name's address of a kind that this machine does not have
                raise
            one.setblocking(False)
            made.append(one)
    except OSError as error:
        for one in made:
            one.close()
        raise listen_error(host, port, error) from error
    if not made:
        raise listen_error(host, port, OSError("no address of this machine has that name"))
    return made


def _server(family: int, address: tuple[str, int], *, shared: bool, listens: bool) -> socket.socket:
    if listens:
        one = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared)
        # Those that it accepts have it from here; asyncio sets it on sockets that name TCP only.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def port_of(sockets: Sequence[socket.socket]) -> int:
    """The port that they listen on."""
    return int(sockets[0].getsockname()[1])


def listen_error(host: str, port: int, error: OSError) -> ListenError:
    """One clear line for a port that cannot be had."""
    where = f"{host}:{port}"
    if isinstance(error, PermissionError):
        return ListenError(
            f"no permission to listen on {where}",
            hint="ports below 1024 are reserved; choose another with --listen or --api",
        )
    return ListenError(
        f"cannot listen on {where}: {error.strerror or error}",
        hint="choose another address with --listen or --api, or stop what listens there",
    )
