import errno
import os
import socket

import pytest

from proxy.engine.ports import bound, listen_error, port_of
from proxy.errors import ListenError


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EADDRINUSE, "cannot listen on 127.0.0.1:80: "),
        (errno.EACCES, "no permission to listen on"),
    ],
)
def test_one_line_with_what_to_do(number: int, said: str) -> None:
    error = listen_error("127.0.0.1", 80, OSError(number, os.strerror(number)))
    assert error.message.startswith(said)
    assert "\n" not in error.message
    assert "--listen" in (error.hint or "")


def test_every_address_of_a_name_has_the_same_port() -> None:
    sockets = bound("localhost", 0)
    try:
        assert {each.getsockname()[1] for each in sockets} == {port_of(sockets)}
        addresses = {each.getsockname()[0] for each in sockets}
        assert "127.0.0.1" in addresses
        socket.create_connection(("127.0.0.1", port_of(sockets))).close()
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port_of(sockets)}"):
            bound("127.0.0.1", port_of(sockets))
    finally:
        for each in sockets:
            each.close()


def test_small_pieces_of_an_answer_do_not_wait_for_each_other() -> None:
    (server,) = bound("127.0.0.1", 0)
    server.setblocking(True)
    with server, socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_name_that_nobody_has_is_one_clear_line() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on no\.such\.name\.invalid:80"):
        bound("no.such.name.invalid", 80)
