"""What the store is still to be told once it can be written to: what it missed, and who began."""

from collections import deque
from collections.abc import Iterable

from proxy.stores._api import AddGap, Gap, OpenRun, Write

_MOST = 1000  # runs


class Untold:
    """Gaps, one for each reason, and runs that were opened while nothing could be stored."""

    def __init__(self) -> None:
        self._gaps: dict[str, Gap] = {}
        self._runs: deque[OpenRun] = deque(maxlen=_MOST)

    def __bool__(self) -> bool:
        return bool(self._gaps or self._runs)

    def add(self, writes: Iterable[Write], *, runs: bool = True) -> None:
        """Keeps what is worth it among writes that failed; all calls of a reason are one gap.

        Not `runs`: one of them may be what cannot be stored.
        """
        for write in writes:
            if isinstance(write, OpenRun) and runs:
                self._runs.append(write)
            elif isinstance(write, AddGap):
                gap = write.gap
                known = self._gaps.get(gap.reason, gap)
                calls = gap.calls if known is gap else known.calls + gap.calls
                since, until = min(known.since, gap.since), max(known.until, gap.until)
                self._gaps[gap.reason] = Gap(since, until, calls, gap.reason)

    def take(self) -> list[Write]:
        """All of it; to be added again if that fails, too."""
        taken: list[Write] = [*self._runs, *map(AddGap, self._gaps.values())]
        self._runs.clear()
        self._gaps.clear()
        return taken
