"""How often somebody was told to stop: once lets calls end, once more cuts them off."""

import signal
import time

# What a supervisor says to its workers; there are none where there is no such signal.
NOW = getattr(signal, "SIGUSR1", signal.SIGTERM)
_TOGETHER = 0.5  # seconds: a terminal and a wrapper may both pass on what was said once


class Told:
    """Counts what was said."""

    def __init__(self) -> None:
        self._first: float | None = None

    def again(self) -> bool:
        """It was said just now; whether it had been said before."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        return now - self._first > _TOGETHER
