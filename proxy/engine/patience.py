"""Answers that wait for their records: for how long, and until when at most."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.engine.clock import ticks
from proxy.engine.histogram import Histogram

BUDGET = 0.25  # seconds that the store may stand still before an answer waits no longer
LIMIT = 5.0  # and in all, however busy the writer is


@dataclass(slots=True)
class Patience:
    """Ends waits that took too long, with False.

    `commits` counts those of the writer; `asking` says that it waits for the store just now. While
    it is only short of processor time answers wait on: what a kill takes then, nobody was answered.
    In strict mode an answer is of no use without its record: it waits for as long as it may.
    """

    commits: Callable[[], int]
    asking: Callable[[], bool]
    strict: bool
    waits: Histogram = field(default_factory=Histogram)
    _since: dict[asyncio.Future[bool], tuple[int, bool]] = field(default_factory=dict)
    _before: int = 0  # commits when it was looked last
    _looking: bool = False

    def watch(self, waiter: asyncio.Future[bool], *, own: bool = False) -> None:
        """Something waits for `waiter` from now on."""
        self._since[waiter] = ticks(), own
        waiter.add_done_callback(self._ended)
        if not self._looking:
            self._look_later()

    def _ended(self, waiter: asyncio.Future[bool]) -> None:
        since, _ = self._since.pop(waiter)
        self.waits.add((ticks() - since) / 1e6)

    def _look_later(self) -> None:
        self._looking = True
        self._before = self.commits()
        asyncio.get_running_loop().call_later(BUDGET, self._look)

    def _look(self) -> None:
        # The very first commit has code and price tables to load before it.
        still = 0 < self.commits() == self._before and self.asking()
        now = ticks()
        for waiter, (since, own) in list(self._since.items()):
            most = BUDGET if still and (own or not self.strict) else LIMIT
            if (now - since) / 1e6 >= most and not waiter.done():
                waiter.set_result(False)
        self._looking = False
        if self._since:
            self._look_later()
