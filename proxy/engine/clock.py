"""Time and ids for the engine, in one place so that tests can hold them still."""

import os
import time
from collections import deque
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_SHIFTS = range(45, -1, -5)  # of the digits of a time
_DIGITS = bytes(ord(_ALPHABET[byte % 32]) for byte in range(256))  # a random byte's digit
_RANDOM = 16  # digits of an id that are random: 80 bits
_AT_ONCE = 256  # ids whose random digits are asked for in one go: the kernel is far away

_random: deque[str] = deque()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.clear)  # two processes must not share them


def wall() -> float:
    """Unix seconds."""
    return time.time()


def ticks() -> int:
    """Monotonic microseconds."""
    return time.perf_counter_ns() // 1000


def steady() -> float:
    """Seconds that nobody can set, since an unknown moment."""
    return time.monotonic()


def new_id(prefix: str) -> str:
    """`prefix_` and a ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 bits random."""
    return f"{prefix}_{_digits(time.time_ns() // 1_000_000)}{_some_random()}"


@lru_cache(maxsize=4)
def _digits(millisecond: int) -> str:
    return "".join([_ALPHABET[(millisecond >> shift) & 31] for shift in _SHIFTS])


def _some_random() -> str:
    try:
        return _random.popleft()
    except IndexError:
        fresh = os.urandom(_AT_ONCE * _RANDOM).translate(_DIGITS).decode("ascii")
        mine, *others = (fresh[at : at + _RANDOM] for at in range(0, len(fresh), _RANDOM))
        _random.extend(others)
        return mine
