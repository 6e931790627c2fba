import asyncio

import pytest

from addons.inbound import Inbound


@pytest.mark.parametrize("takes", [True, False])
async def test_what_the_lane_takes_does_not_come_to_the_reader(takes: bool) -> None:
    reader = asyncio.StreamReader()
    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return takes

    inbound = Inbound(asyncio.StreamReaderProtocol(reader), reader, take)
    inbound.data_received(b"a")
    inbound.eof_received()
    assert taken == [b"a"]
    assert await reader.read() == (b"" if takes else b"a")


async def test_what_came_before_is_read_before() -> None:
    reader = asyncio.StreamReader()
    stream = asyncio.StreamReaderProtocol(reader)
    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return True

    inbound = Inbound(stream, reader, take)
    stream.data_received(b"a")
    inbound.data_received(b"b")
    assert await reader.read(9) == b"ab"
    inbound.data_received(b"c")
    assert taken == [b"c"]
