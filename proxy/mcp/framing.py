"""What goes over the pipe from the process that passes messages on to the one that records them."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

CLIENT, SERVER, OVER = 1, 2, 3  # from the client, from its server, how the connection ended
_HEADER = struct.Struct("<QBI")  # microseconds, which of these, bytes that follow


class Passed(NamedTuple):
    """One message on the pipe; no data from a side says that it has ended."""

    at: int
    what: int
    data: bytes


def message(item: Passed) -> bytes:
    """The bytes of one message."""
    return _HEADER.pack(item.at, item.what, len(item.data)) + item.data


def messages(buffer: bytearray) -> Iterator[Passed]:
    """Takes the whole messages off the front of `buffer`."""
    while len(buffer) >= _HEADER.size:
        at, what, size = _HEADER.unpack_from(buffer)
        end = _HEADER.size + size
        if len(buffer) < end:
            return
        data = bytes(buffer[_HEADER.size : end])
        del buffer[:end]
        yield Passed(at, what, data)
