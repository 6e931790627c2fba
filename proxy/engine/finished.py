"""What the writer takes: an exchange that is over, whoever carried it."""

from dataclasses import dataclass
from typing import Protocol

from proxy.core.correlation import Peer
from proxy.core.model import Exchange

_NOBODY = Peer()


class Finished(Protocol):
    """An exchange that is over; its bodies are put together when it is built."""

    @property
    def size(self) -> int:
        """About how many bytes it holds in memory."""

    @property
    def peer(self) -> Peer:
        """Who asked."""

    def build(self) -> Exchange:
        """The exchange; called once, off the forward path."""


@dataclass(slots=True, frozen=True)
class Ready:
    """An exchange that is complete already: it did not go through this process."""

    exchange: Exchange
    peer: Peer = _NOBODY

    @property
    def size(self) -> int:
        """See `Finished`."""
        one = self.exchange
        bodies = len(one.request_body.data) + len(one.response_body.data)
        return 2048 + bodies + sum(len(frame.data) for frame in one.frames)

    def build(self) -> Exchange:
        """See `Finished`."""
        return self.exchange
