"""Load for a proxy: many calls at once, each of which knows what it must be answered."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.upstream.dashcam import TIMEOUT


@dataclass(slots=True)
class Load:
    """Workers that call until the proxy is gone; `completed` are the URLs answered whole.

    `targets` makes the URL of the n-th call. With `stop_after` completed calls `then` is called,
    once, in the event loop.
    """

    proxy: str
    trust: ssl.SSLContext
    targets: Callable[[int], str]
    stop_after: int
    then: Callable[[], None]
    completed: list[str] = field(default_factory=list)
    begun: int = 0
    _over: bool = False

    def run(self, workers: int) -> None:
        """Runs the load until `then` was called and every worker has met the end."""
        asyncio.run(self._run(workers))

    async def _run(self, workers: int) -> None:
        async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        async with httpx.AsyncClient(
            proxy=self.proxy, verify=self.trust, trust_env=False, timeout=TIMEOUT
        ) as client:
            while not self._over:
                self.begun += 1
                url = self.targets(self.begun)
                try:
                    answer = await client.get(url)
                except httpx.HTTPError:
                    return  # the proxy is gone
                if answer.status_code == httpx.codes.OK:
                    self.completed.append(url)
                if len(self.completed) >= self.stop_after and not self._over:
                    self._over = True
                    self.then()
