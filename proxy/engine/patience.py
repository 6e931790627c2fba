"""Answers that wait for their records: for how long, and until when at most."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.engine.clock import ticks
from proxy.engine.histogram import Histogram

BUDGET = 0.25  # seconds that the store may stand still before an answer waits no longer
LIMIT = 5.0  # and in all, however busy the writer is
_LATE = 0.1  # seconds: this process had no processor, as the writer may have had none
_WORK = 0.004  # seconds of processor: more than it takes to ask a locked store again and again


def spent_by(thread: threading.Thread) -> float:
    """Seconds of processor that a thread has had; 0 where nobody can tell."""
    if not thread.is_alive() or thread.ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


@dataclass(slots=True)
class Patience:
    """Ends waits that took too long, with False.

    `commits` counts those of the writer; `asking` says that it waits for the store just now, and
    `spent` how much processor it has had. While it is only short of that, or at work for the store,
    answers wait on: what a kill takes then, nobody was answered.
    In strict mode an answer is of no use without its record: it waits for as long as it may.
    """

    commits: Callable[[], int]
    asking: Callable[[], bool]
    strict: bool
    spent: Callable[[], float]
    waits: Histogram = field(default_factory=Histogram)
    _since: dict[asyncio.Future[bool], tuple[int, bool]] = field(default_factory=dict)
    _before: tuple[int, float, int] = (0, 0.0, 0)  # commits, processor and ticks at the last look
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
        self._before = self.commits(), self.spent(), ticks()
        asyncio.get_running_loop().call_later(BUDGET, self._look)

    def _look(self) -> None:
        # The very first commit has code and price tables to load before it.
        commits, spent, then = self._before
        now = ticks()
        late = (now - then) / 1e6 > BUDGET + _LATE
        still = 0 < self.commits() == commits and self.asking()
        still = still and not late and self.spent() - spent < _WORK
        for waiter, (since, own) in list(self._since.items()):
            most = BUDGET if still and (own or not self.strict) else LIMIT
            if (now - since) / 1e6 >= most and not waiter.done():
                waiter.set_result(False)
        self._looking = False
        if self._since:
            self._look_later()
