"""What a TLS client says first: which host it wants, and which protocols it speaks.

RFC 8446, section 4.1.2, in records of section 5.1; RFC 6066, section 3; RFC 7301, section 3.1.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from proxy.errors import FormatError

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_RECORD_HEAD, _MESSAGE_HEAD = 5, 4  # bytes
_VERSION_AND_RANDOM = 34  # bytes
_MOST = 1 << 16  # bytes; a hello with keys of every kind has few thousand
_SERVER_NAME, _ALPN = 0, 16  # extensions
_HOST_NAME = 0
_HOST = re.compile(
    rb"(?=.{1,255}\Z)[A-Za-z0-9_\-]{1,63}(?:\.[A-Za-z0-9_\-]{1,63})*\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
)


class ClientHello(NamedTuple):
    """`sni` is the host, None where none is named that could be one."""

    sni: str | None
    alpn: tuple[bytes, ...]


def read(data: bytes | bytearray) -> ClientHello | None:
    """The hello that `data` begins with; None while it is not whole. Raises FormatError."""
    message = _message(data)
    if message is None:
        return None
    sni: str | None = None
    alpn: tuple[bytes, ...] = ()
    for kind, content in _extensions(message):
        if kind == _SERVER_NAME:
            sni = _host(content)
        elif kind == _ALPN:
            alpn = tuple(name for name, _ in _fields(_field(content, 0, 2)[0], 0, 1))
    return ClientHello(sni, alpn)


def _message(data: bytes | bytearray) -> bytes | None:
    """The message's body, put together of its records."""
    message = b""
    at = 0
    while len(data) >= at + _RECORD_HEAD:
        size = int.from_bytes(data[at + 3 : at + _RECORD_HEAD])
        if data[at] != _HANDSHAKE or not size:
            raise FormatError("no record of a TLS handshake")
        message += data[at + _RECORD_HEAD : at + _RECORD_HEAD + size]
        at += _RECORD_HEAD + size
        if len(message) < _MESSAGE_HEAD:
            continue
        length = int.from_bytes(message[1:_MESSAGE_HEAD])
        if message[0] != _CLIENT_HELLO or length > _MOST:
            raise FormatError("no ClientHello")
        if len(message) >= _MESSAGE_HEAD + length:
            return message[_MESSAGE_HEAD : _MESSAGE_HEAD + length]
    return None


def _extensions(message: bytes) -> Iterator[tuple[int, bytes]]:
    _, at = _field(message, _VERSION_AND_RANDOM, 1)  # the session's id
    _, at = _field(message, at, 2)  # cipher suites
    _, at = _field(message, at, 1)  # ways to compress
    if at == len(message):
        return
    extensions, _ = _field(message, at, 2)
    at = 0
    while at < len(extensions):
        content, end = _field(extensions, at + 2, 2)
        yield int.from_bytes(extensions[at : at + 2]), content
        at = end


def _host(content: bytes) -> str | None:
    names, _ = _field(content, 0, 2)
    if names[:1] != bytes([_HOST_NAME]):
        return None
    name, end = _field(names, 1, 2)
    return name.decode() if end == len(names) and _HOST.fullmatch(name) else None


def _fields(data: bytes, at: int, width: int) -> Iterator[tuple[bytes, int]]:
    while at < len(data):
        content, at = _field(data, at, width)
        yield content, at


def _field(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """What stands at `at` behind its length in `width` bytes, and where it ends."""
    begin = at + width
    end = begin + int.from_bytes(data[at:begin])
    if end > len(data) or begin > len(data):
        raise FormatError("a ClientHello that ends too early")
    return data[begin:end], end
