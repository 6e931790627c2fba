"""An upstream connection that comes from the engine's pool instead of mitmproxy's own dialling."""

from dataclasses import dataclass, field

from mitmproxy.connection import Server

from proxy.core.decisions import Address
from proxy.core.model import End
from proxy.engine.upstream import Connection


@dataclass(eq=False, kw_only=True)
class PooledServer(Server):
    """`target` is dialled. `clean` means that a message has ended on it and it may be lent again.

    After a failed attempt `failed` says how the exchange ends; after a loss `lost` is the error,
    None for a clean end of stream.
    """

    target: Address
    connection: Connection | None = None
    clean: bool = True
    repeatable: bool = True
    fresh: bool = False  # never hand out a connection that was used before
    idle_since: float = 0.0
    failed: End | None = None
    lost: Exception | None = field(default=None)

    @property
    def reused(self) -> bool:
        """Whether somebody had this connection before."""
        return self.connection is not None and self.connection.uses > 0
