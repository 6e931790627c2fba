"""What the engine decides about a request; the adapters carry it out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.core.model import End, Exchange, Headers

if TYPE_CHECKING:  # comparing takes long to import, and forwarding does without
    from proxy.core.diff import Change
    from proxy.core.replay.asks import Ask


@dataclass(slots=True, frozen=True)
class Address:
    """Where to connect. `host` is dialled; `name` is what TLS asks for and verifies."""

    scheme: str  # http | https
    host: str
    port: int
    name: str


@dataclass(slots=True, frozen=True)
class Forward:
    """Send it on, and tee."""

    address: Address


@dataclass(slots=True, frozen=True)
class Serve:
    """Answer from a recording. `pace` is seconds of replay per recorded second; 0 is at once.

    `differed` is told where what a client says in the course of the answer is not what it said.
    `asks` is what the server asks its client before the answer ends.
    """

    exchange: Exchange
    pace: float = 0.0
    differed: Callable[[Sequence["Change"]], None] | None = None
    asks: Sequence["Ask"] = ()


@dataclass(slots=True, frozen=True)
class Refuse:
    """Answer ourselves: a guard's refusal (403), a replay miss (424), a request we cannot take.

    `end` is how the exchange ends then.
    """

    status: int
    headers: Headers
    body: bytes
    reason: str
    end: End = End.REFUSED


type Decision = Forward | Serve | Refuse
