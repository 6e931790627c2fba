"""Answers that wait for their records: for how long, and until when at most."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from proxy.engine.clock import ticks
from proxy.engine.histogram import Histogram

BUDGET = 0.25  # seconds that the store may stand still before an answer waits no longer
LIMIT = 5.0  # and the writer, for whatever reason
LONGEST = 30.0  # and in all, however busy the writer is
_LATE = 0.1  # seconds: this process had no processor, as the writer may have had none
_WORK = 0.02  # seconds of processor: more than it takes to ask a locked store again and again


def busy(thread: threading.Thread) -> float:
    """Seconds that a thread has had a processor, or stood in line for one; 0 if nobody can tell.

    The line is known on Linux (docs.kernel.org/scheduler/sched-stats.html).
    """
    if not thread.is_alive() or thread.ident is None:
        return 0.0
    try:
        ran, waited, _ = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_bytes().split()
        return (int(ran) + int(waited)) / 1e9
    except (OSError, ValueError):
        if not hasattr(time, "pthread_getcpuclockid"):
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


@dataclass(slots=True)
class Patience:
    """Ends waits that took too long, with False.

    `commits` counts those of the writer; `asking` says that it waits for the store just now, and
    `spent` how long it was busy. While it is only short of a processor, or at work for the store,
    answers wait on: what a kill takes then, nobody was answered.
    In strict mode an answer is of no use without its record: it waits for as long as it may.
    """

    commits: Callable[[], int]
    asking: Callable[[], bool]
    strict: bool
    spent: Callable[[], float]
    waits: Histogram = field(default_factory=Histogram)
    _since: dict[asyncio.Future[bool], tuple[int, bool]] = field(default_factory=dict)
    _before: tuple[int, float, int] = (0, 0.0, 0)  # commits, time spent and ticks at the last look
    _worked: int = 0  # ticks when the writer was last seen to have been at work
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
        works = late or self.commits() != commits or self.spent() - spent >= _WORK
        if works:
            self._worked = now
        still = not works and commits > 0 and self.asking()
        for waiter, (since, own) in list(self._since.items()):
            waited, idle = (now - since) / 1e6, (now - self._worked) / 1e6
            over = still and waited >= BUDGET and (own or not self.strict)
            over = over or min(waited, idle) >= LIMIT or waited >= LONGEST
            if over and not waiter.done():
                waiter.set_result(False)
        self._looking = False
        if self._since:
            self._look_later()
