"""The gateway: who can only set a base URL sends to /NAME/…, and it goes to NAME's upstream."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.core.http1 import Head
from proxy.engine.engine import Engine
from proxy.engine.router import Upstream
from proxy.servers.client import Client
from proxy.servers.pages import is_admitted

GRACE = 2.0  # seconds that open requests have when the port is closed
RESERVED = frozenset({"api", "livez", "readyz", "recordingz", "metrics"})
KEY = "key-"  # before a token in a base URL, for clients that can be given no header


def taken_apart(target: str) -> tuple[str, str]:
    """The name of an upstream in a target here, and what is asked of it."""
    raw = target.removeprefix("/")
    if raw.startswith(KEY):
        raw = raw.partition("/")[2]
    name = raw.partition("/")[0].partition("?")[0]
    return name, raw[len(name) :] or "/"


def _is_admitted(head: Head) -> bool:
    return is_admitted(head.special)


@dataclass(slots=True, eq=False)
class Gateway:
    """Passes requests on to named upstreams, each as one exchange.

    `admits` says who may. First parts of paths that are RESERVED are not names of upstreams.
    """

    engine: Engine
    admits: Callable[[Head], bool] = _is_admitted
    open: set[Client] = field(default_factory=set)

    def place(self, head: Head) -> tuple[Upstream, str] | None:
        """The upstream of a request, and path and query there; None when it is not for it."""
        target = head.target.decode("latin-1")
        name, rest = taken_apart(target)
        upstream = self.engine.router.named.get(name)
        if upstream is None or name in RESERVED or not target.startswith("/"):
            return None
        if not self.admits(head):
            return None
        return upstream, upstream.path + (rest if rest.startswith(("/", "?")) else f"/{rest}")

    async def drain(self) -> None:
        """Closes all connections, each after the answer that is being given."""
        for client in list(self.open):
            client.end()
        if self.open:
            await asyncio.wait([client.gone for client in self.open])

    async def stop(self, grace: float) -> None:
        """Closes all connections, those that are being answered in `grace` seconds at most."""
        for client in list(self.open):
            client.end()
        if self.open:
            await asyncio.wait([client.gone for client in self.open], timeout=grace)
        for client in list(self.open):
            client.abort()
