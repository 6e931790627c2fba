"""How long a test that counts may go on: `DASHCAM_BUDGET` seconds, without it to its full count.

So the release numbers fit into the time that a machine has; each test says how far it came.
"""

import os
import time
from collections.abc import Iterable, Iterator

SECONDS = float(os.environ.get("DASHCAM_BUDGET", "inf"))


def within[T](cases: Iterable[T]) -> Iterator[T]:
    """The cases until the time is up, the first one in any case."""
    ends = time.monotonic() + SECONDS
    for case in cases:
        yield case
        if time.monotonic() > ends:
            return
