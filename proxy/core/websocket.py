"""Reads WebSocket messages (RFC 6455, and permessage-deflate of RFC 7692) off a copy of the bytes.

Only an observer: it forwards nothing and answers nothing. Messages come out whole and
uncompressed; a stream that breaks the protocol ends the reading (`broken`), not the traffic.
"""

import zlib
from collections import deque
from typing import NamedTuple

from proxy.core.model import Headers
from proxy.errors import FormatError

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION = 0
_FIN, _RSV, _RSV1, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x40, 0x0F, 0x80, 0x7F
_MAX_CONTROL = 125
_TAIL = b"\x00\x00\xff\xff"
_MAX_MESSAGE = 256 * 1024 * 1024


class Message(NamedTuple):
    """A whole message, or a close frame (opcode 8: 2-byte code and reason)."""

    opcode: int
    data: bytes


class Deflate(NamedTuple):
    """What was agreed on: whether each side starts every message with a fresh window."""

    client_resets: bool
    server_resets: bool


def agreed_deflate(response: Headers) -> Deflate | None:
    """The compression that a 101 answer agreed to, or None."""
    lines = [value for name, value in response if name.lower() == b"sec-websocket-extensions"]
    for extension in b",".join(lines).lower().split(b","):
        name, *agreed = (part.strip() for part in extension.split(b";"))
        if name == b"permessage-deflate":
            return Deflate(
                b"client_no_context_takeover" in agreed, b"server_no_context_takeover" in agreed
            )
    return None


class Reader:
    """One direction of one connection."""

    def __init__(self, *, deflate: bool = False, resets: bool = False) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode = 0  # of the message that has begun, 0 between messages
        self._size = 0
        self._compressed = False
        self._inflate = zlib.decompressobj(-15) if deflate else None
        self._resets = resets
        self.broken: str | None = None
        self.pings: deque[bytes] = deque(maxlen=1)  # the last one, until somebody takes it

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        if self.broken is not None:
            return []
        self._buffer += data
        found: list[Message] = []
        try:
            while (frame := self._frame()) is not None:
                message = self._take(*frame)
                if message is not None:
                    found.append(message)
        except FormatError as error:
            self.broken = error.message
            self._buffer.clear()
            self._parts.clear()
        return found

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame: its first byte, and its payload unmasked; None if there is none."""
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the shortest frame
            return None
        length, at = buffer[1] & _LENGTH, 2
        if length == 126:  # noqa: PLR2004 - RFC 6455, 5.2
            length, at = int.from_bytes(buffer[2:4]), 4
        elif length == 127:  # noqa: PLR2004 - likewise
            length, at = int.from_bytes(buffer[2:10]), 10
        masked = bool(buffer[1] & _MASKED)
        end = at + (4 if masked else 0) + length
        if length > _MAX_MESSAGE:
            raise FormatError("a frame is larger than 256 MiB")
        if len(buffer) < end:
            return None
        if masked:
            payload = _unmask(bytes(buffer[at + 4 : end]), bytes(buffer[at : at + 4]))
        else:
            payload = bytes(buffer[at:end])
        first = buffer[0]
        del buffer[:end]
        return first, payload

    def _take(self, first: int, payload: bytes) -> Message | None:
        """What a frame completes. RFC 6455, 5.2 and 5.4 say which frames may come when."""
        opcode, fin, rsv = first & _OPCODE, bool(first & _FIN), first & _RSV
        begins = opcode in (TEXT, BINARY)
        if rsv and (rsv != _RSV1 or not begins or self._inflate is None):
            raise FormatError("an extension is used that was not agreed on")
        if opcode in (CLOSE, PING, PONG):
            return self._control(opcode, payload, fin=fin)
        if not begins and opcode != _CONTINUATION:
            raise FormatError(f"opcode {opcode} is reserved")
        if begins == bool(self._opcode):
            raise FormatError("a message begins inside another, or goes on without having begun")
        if begins:
            self._opcode, self._size, self._compressed = opcode, 0, bool(rsv)
        self._size += len(payload)
        if self._size > _MAX_MESSAGE:
            raise FormatError("a message is larger than 256 MiB")
        self._parts.append(payload)
        if not fin:
            return None
        opcode, self._opcode = self._opcode, 0
        data = b"".join(self._parts)
        self._parts.clear()
        if self._compressed and self._inflate is not None:
            data = self._decompress(data, self._inflate)
        return Message(opcode, data)

    def _control(self, opcode: int, payload: bytes, *, fin: bool) -> Message | None:
        if len(payload) > _MAX_CONTROL or not fin:
            raise FormatError("a control frame is fragmented or too long")
        if opcode == PING:
            self.pings.append(payload)
        return Message(CLOSE, payload) if opcode == CLOSE else None

    def _decompress(self, data: bytes, inflate: "zlib._Decompress") -> bytes:
        try:
            plain = inflate.decompress(data + _TAIL, _MAX_MESSAGE + 1)
        except zlib.error:
            raise FormatError("a message does not decompress") from None
        if len(plain) > _MAX_MESSAGE:
            raise FormatError("a message is larger than 256 MiB")
        if inflate.eof and inflate.unused_data != b"\0" + _TAIL:  # RFC 7692, 7.2.3.4
            raise FormatError("a message goes on behind its final block")
        if self._resets or inflate.eof:
            self._inflate = zlib.decompressobj(-15)
        return plain


def _unmask(data: bytes, key: bytes) -> bytes:
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(size)


def frame_bytes(opcode: int, data: bytes) -> bytes:
    """A whole frame as a server sends it: final, unmasked, uncompressed (RFC 6455, 5.2)."""
    size = len(data)
    if size <= _MAX_CONTROL:
        return bytes((_FIN | opcode, size)) + data
    if size < 1 << 16:
        return bytes((_FIN | opcode, 126)) + size.to_bytes(2) + data
    return bytes((_FIN | opcode, 127)) + size.to_bytes(8) + data


def close_code(data: bytes) -> int:
    """The code in a close frame's payload; 1005 when it carries none."""
    return int.from_bytes(data[:2]) if len(data) >= 2 else 1005  # noqa: PLR2004 - a code's size
