"""A store that somebody else is writing to is free again in a moment: worth another try."""

import time
from collections.abc import Callable

from proxy.errors import StoreUnavailable

PATIENCE = 5.0  # seconds
_PAUSE = 0.05


def patiently[T](act: Callable[[], T]) -> T:
    """What `act` returns; tries again while the store is unavailable, for up to PATIENCE."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() >= end:
                raise
        time.sleep(_PAUSE)
