"""Reads WebSocket messages (RFC 6455, and permessage-deflate of RFC 7692) off a copy of the bytes.

Only an observer: it forwards nothing and answers nothing. Messages come out whole and
uncompressed; a stream that breaks the protocol ends the reading, not the traffic.
"""

import zlib
from typing import NamedTuple

from proxy.core.model import Headers, header

TEXT, BINARY, CLOSE = 1, 2, 8
_CONTINUATION = 0
_FIN, _RSV1, _OPCODE, _MASKED, _LENGTH = 0x80, 0x40, 0x0F, 0x80, 0x7F
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
    value = (header(response, b"sec-websocket-extensions") or b"").lower()
    if b"permessage-deflate" not in value:
        return None
    return Deflate(b"client_no_context_takeover" in value, b"server_no_context_takeover" in value)


class Reader:
    """One direction of one connection."""

    def __init__(self, *, deflate: bool = False, resets: bool = False) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode = 0
        self._compressed = False
        self._inflate = zlib.decompressobj(-15) if deflate else None
        self._resets = resets
        self.broken: str | None = None

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        if self.broken:
            return []
        self._buffer += data
        found: list[Message] = []
        while (frame := self._frame()) is not None:
            message = self._take(*frame)
            if message is not None:
                found.append(message)
            if self.broken:
                self._buffer.clear()
                break
        return found

    def _frame(self) -> tuple[int, bytes] | None:
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
            self.broken = "a frame is larger than 256 MiB"
            return None
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
        opcode = first & _OPCODE
        if opcode == CLOSE:
            return Message(CLOSE, payload)
        if opcode > CLOSE:  # ping, pong
            return None
        if opcode != _CONTINUATION:
            self._opcode, self._parts = opcode, []
            self._compressed = bool(first & _RSV1)
        self._parts.append(payload)
        if not first & _FIN:
            return None
        data = b"".join(self._parts)
        self._parts = []
        if self._compressed:
            data = self._decompress(data)
        return None if self.broken else Message(self._opcode, data)

    def _decompress(self, data: bytes) -> bytes:
        if self._inflate is None:
            self.broken = "compressed without having agreed to"
            return b""
        try:
            plain = self._inflate.decompress(data + _TAIL, _MAX_MESSAGE)
        except zlib.error:
            self.broken = "a message does not decompress"
            return b""
        if self._resets:
            self._inflate = zlib.decompressobj(-15)
        return plain


def _unmask(data: bytes, key: bytes) -> bytes:
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(size)


def close_code(data: bytes) -> int:
    """The code in a close frame's payload; 1005 when it carries none."""
    return int.from_bytes(data[:2]) if len(data) >= 2 else 1005  # noqa: PLR2004 - a code's size
