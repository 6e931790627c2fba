"""What goes over the pipe from the process that passes messages on to the one that records them."""

import json
import struct
from collections.abc import Iterator
from typing import NamedTuple, Self

CLIENT, SERVER, OVER = 1, 2, 3  # from the client, from its server, how the connection ended
STOPPED = 4  # calls that a schema stopped: `Stop` as JSON, behind the client's line
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


class Stop(NamedTuple):
    """Which calls were stopped, why, and whether it was their answer that did not go on."""

    keys: list[str]
    reason: str
    withheld: bool

    def pack(self) -> bytes:
        """As the data of a message."""
        return json.dumps(self).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the data of a message."""
        return cls(*json.loads(data))
