"""Time and ids for the engine, in one place so that tests can hold them still."""

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32


def wall() -> float:
    """Unix seconds."""
    return time.time()


def ticks() -> int:
    """Monotonic microseconds."""
    return time.perf_counter_ns() // 1000


def new_id(prefix: str) -> str:
    """`prefix_` and a ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 bits random."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    digits = [_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
