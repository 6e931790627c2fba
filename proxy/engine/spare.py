"""Memory that is not in use, given back to the system when traffic rests."""

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """The C library's `malloc_trim` (malloc_trim(3)), which glibc alone has."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # no such library, no such function, Windows
        return None


class Spare:
    """Tells when to give memory back: once in each rest, not while anything goes on.

    What handshakes and large bodies leave behind lies between what is still used; the C library
    keeps it, 20 kB for each open TLS connection.
    """

    def __init__(self) -> None:
        self._seen: object = None
        self._given: object = None

    def is_due(self, traffic: object) -> bool:
        """Asked again and again; `traffic` is what changes with it, and stays in a rest."""
        rests = traffic == self._seen
        self._seen = traffic
        if not rests or traffic == self._given:
            return False
        self._given = traffic
        return True

    def give_back(self) -> None:
        """Takes some milliseconds, in which other threads go on."""
        if (trim := _trim()) is not None:
            trim(0)
