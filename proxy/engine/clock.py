"""Time and ids for the engine, in one place so that tests can hold them still."""

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]  # ten bits each
_SHIFTS = range(120, -1, -10)


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
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    pairs = _PAIRS
    return f"{prefix}_" + "".join([pairs[(value >> shift) & 1023] for shift in _SHIFTS])
