"""The contract of a wire format: one provider API's dialect.

`WIRE_FORMATS` in this folder's `__init__` lists them in the order they are tried; the first that
recognises an exchange decodes it. Bodies are given decoded (no Content-Encoding). A decoder never
raises for what a peer sent: what it cannot read becomes a note; what is not its own at all may be
given up with `FormatError`.
"""

from typing import Protocol, runtime_checkable

from proxy.core.calls import Call, CallError
from proxy.core.model import Exchange, RequestHead
from proxy.core.sockets import Turn


class WireFormat(Protocol):
    """One dialect."""

    @property
    def name(self) -> str:
        """Its name: openai.chat."""

    def recognises(self, head: RequestHead, request: bytes) -> bool:
        """Whether this exchange is mine, from the request alone."""

    def step(self, head: RequestHead, request: bytes) -> str:
        """The step name, from the request alone (it keys replay fixtures)."""

    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        """The call; `response` may be cut off anywhere, or empty."""

    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        """An error in the shape that this provider's own clients understand (JSON)."""

    def stream_error(self, message: str, *, type_: str) -> bytes:
        """The in-band bytes that end an open stream with an error; empty when there are none."""

    def error(self, exchange: Exchange, response: bytes) -> CallError | None:
        """The error this exchange ended in, if any; part of `decode`, separately callable."""


@runtime_checkable
class Turned(Protocol):
    """A dialect that also runs over WebSocket, where one socket holds many calls."""

    def turns(self, exchange: Exchange) -> tuple[Turn, ...]:
        """Every call on the socket, in order."""
