"""A client's socket, read past its stream: what comes goes straight to the lane that takes it."""

import asyncio
from collections.abc import Callable
from typing import override


class Inbound(asyncio.Protocol):
    """Stands before `stream`, the protocol of the connection's reader and writer.

    `take` gets each piece and says whether it was for it; what was not goes to the reader, as do
    the pieces that come before what the reader still holds has been read.
    """

    def __init__(
        self,
        stream: asyncio.BaseProtocol,
        reader: asyncio.StreamReader,
        take: Callable[[bytes], bool],
    ) -> None:
        assert isinstance(stream, asyncio.Protocol)  # noqa: S101 - a stream's
        self._stream = stream
        self._reader = reader
        self._take = take

    @override
    def data_received(self, data: bytes) -> None:
        if self._reader._buffer or not self._take(data):  # type: ignore[attr-defined] # noqa: SLF001 - it has no getter
            self._stream.data_received(data)

    @override
    def eof_received(self) -> bool | None:
        return self._stream.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stream.connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        self._stream.pause_writing()

    @override
    def resume_writing(self) -> None:
        self._stream.resume_writing()
